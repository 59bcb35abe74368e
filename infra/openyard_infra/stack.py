"""The embedded servers and every role in one place: started, prepared, kept, stopped."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from pathlib import Path
from typing import TypeVar

import asyncpg
import click
import nats.errors
from msgspec import Struct
from msgspec.structs import replace

from openyard_events import bus
from openyard_infra import children, migrations, running, serving
from openyard_infra.demo import ready
from openyard_infra.directory import Directory
from openyard_infra.embedded import processes
from openyard_infra.embedded.nats import PLATFORM, Nats
from openyard_infra.embedded.postgres import Postgres
from openyard_infra.embedded.processes import CannotStart
from openyard_infra.embedded.servers import Server
from openyard_infra.embedded.valkey import Valkey
from openyard_infra.supervisor import Child, Supervisor
from openyard_platform import clock
from openyard_platform.settings import BadSetting, Settings

_READY_WITHIN = 120.0
_DEATHS = 3  # who dies so often before everything is ready will not get up at all
_VENUES_EVERY = 2.0

_AnyServer = TypeVar("_AnyServer", bound=Server)


class Options(Struct, frozen=True, kw_only=True):
    """``port`` 0: any free one. ``demo``: load the demo city into a new directory."""

    host: str
    port: int
    directory: Path
    demo: bool
    workers: int


def say(line: str) -> None:
    click.echo(f"openyard {line}" if line.startswith("ready on ") else f"openyard: {line}")


def servers(directory: Directory) -> tuple[Postgres, Nats, Valkey]:
    """The embedded servers of a directory, on the ports of its last run where they are free."""
    ports = directory.read_json("ports.json")

    def make(kind: type[_AnyServer]) -> _AnyServer:
        port = ports.get(kind.name, 0)
        return kind(
            directory.path / kind.name,
            secret=directory.secret,
            log=directory.log(kind.name),
            port=port if isinstance(port, int) else 0,
        )

    return make(Postgres), make(Nats), make(Valkey)


class Stack:
    """Everything between the claim of the directory and its release."""

    def __init__(self, options: Options, directory: Directory, listening: socket.socket) -> None:
        self._options = options
        self._directory = directory
        self._listening = listening
        self._postgres, self._nats, self._valkey = servers(directory)
        self._supervisor = Supervisor(say, self._write_ready)
        self._demo = False
        self._is_ready = False
        self._url = serving.url_of(listening)

    async def run(self) -> None:
        """Start everything, stay until a signal comes or something fails, stop everything.

        Raises:
            CannotStart: with the reason in one line.
        """
        stop = asyncio.Event()
        self._take_signals(stop)
        work = asyncio.create_task(self._work())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                say("stopping")
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
        finally:
            stopped.cancel()
            killed = await self._supervisor.stop(children.STOP_ORDER)
            if killed:
                say(f"had to be killed: {', '.join(killed)}")
        say("stopped")

    async def _work(self) -> None:
        begun = time.monotonic()
        for server in (self._postgres, self._nats, self._valkey):
            await self._start_server(server)
        ports = {each.name: each.port for each in (self._postgres, self._nats, self._valkey)}
        self._directory.write_json("ports.json", ports)
        settings = self._settings()
        settings = await self._prepare(settings)
        self._partitions = settings.partitions
        for child in children.roles(
            settings, self._directory.log, self._listening.fileno(), self._options.workers
        ):
            self._supervisor.start(child)
        await self._until_ready(settings)
        if self._demo:
            await self._load_demo(settings)
        await self._let_venues_in()
        self._is_ready = True
        self._write_ready()
        await self._greet()
        say(f"it took {time.monotonic() - begun:.1f} s; logs in {self._directory.path / 'log'}")
        say(f"ready on {self._url}")
        await self._stay()

    async def _start_server(self, server: Server) -> None:
        child = Child(
            server.name,
            server.launch,
            is_ready=server.is_ready,
            ask=server.stop_signal,
            # Without Valkey every role can begin.
            needed=server is not self._valkey,
        )
        child.process = server.launch()
        self._supervisor.children.append(child)
        deadline = time.monotonic() + _READY_WITHIN
        while not server.is_ready():
            if time.monotonic() > deadline:
                raise CannotStart(f"{server.title} was not ready in time; see {server.log}.")
            await asyncio.sleep(0.02)
        await asyncio.to_thread(server.complete)
        self._supervisor.keep(child)

    def _settings(self) -> Settings:
        environment = {
            **os.environ,
            "OPENYARD_DATABASE_URL": self._postgres.url,
            "OPENYARD_NATS_URL": self._nats.url,
            "OPENYARD_REDIS_URL": self._valkey.url,
            "OPENYARD_SECRET_KEY": running.application_key(self._directory.secret),
            "OPENYARD_BASE_URL": os.environ.get("OPENYARD_BASE_URL") or self._url,
        }
        if self._options.demo and not os.environ.get("OPENYARD_SMTP_URL"):
            # Whoever tries the platform out wants to sign up, and has no mail server at hand.
            environment["OPENYARD_SMTP_URL"] = (self._directory.path / "mail").as_uri()
        try:
            return Settings.from_environment(environment)
        except BadSetting as error:
            raise CannotStart(str(error)) from error

    async def _prepare(self, settings: Settings) -> Settings:
        """The schema, the streams, and whether there is a demo city to serve.

        Returns the settings with as many partitions as this directory was begun with, unless the
        environment says how many.
        """
        try:
            applied = await migrations.migrate(settings.database_url)
            (known,) = await self._query("SELECT count(*)::int AS partitions FROM partition")
            if known["partitions"] and not os.environ.get("OPENYARD_PARTITIONS"):
                settings = replace(settings, partitions=known["partitions"])
            connection = await bus.connect(settings.nats_url, name="openyard up")
            try:
                await bus.ensure_streams(connection.jetstream(), settings.partitions)
            finally:
                await connection.close()
            self._demo = self._options.demo and await self._is_for_demo()
        except (OSError, asyncpg.PostgresError, nats.errors.Error) as error:
            raise CannotStart(f"Preparing the servers failed: {error}") from error
        if applied:
            say(f"schema: {len(applied)} migration{'s' if len(applied) > 1 else ''} applied")
        if self._options.demo and not self._demo:
            say("this directory was made without the demo city; --demo changes nothing")
        return settings

    async def _is_for_demo(self) -> bool:
        """Is nothing here yet, or what a load of the demo city has begun?"""
        rows = await self._query(
            "SELECT (SELECT count(*) FROM organisation) = 0 "
            "OR EXISTS (SELECT FROM audit WHERE action = 'demo.begun') AS yes"
        )
        return bool(rows[0]["yes"])

    async def _until_ready(self, settings: Settings) -> None:
        """Until a request can be answered and every partition has its decider.

        Raises:
            CannotStart: a role does not stay up, or it takes too long.
        """
        deadline = time.monotonic() + _READY_WITHIN
        while not await self._works(settings.partitions):
            for child in self._supervisor.children:
                if child.deaths >= _DEATHS:
                    said = processes.last_lines(self._directory.log(child.name), 1)
                    raise CannotStart(f"{child.label} does not stay up: {said}")
            if time.monotonic() > deadline:
                raise CannotStart(f"Not ready in time; see {self._directory.path / 'log'}.")
            await asyncio.sleep(0.05)

    async def _works(self, partitions: int) -> bool:
        living = all(child.alive for child in self._supervisor.children)
        if not (living and await serving.answers(self._listening)):
            return False
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            rows = await self._query(
                "SELECT count(*) AS led FROM partition WHERE expires_at > now() AND no < $1",
                partitions,
            )
            return bool(rows[0]["led"] == partitions)
        return False

    async def _load_demo(self, settings: Settings) -> None:
        from openyard_infra.demo import load  # noqa: PLC0415 - only the first start needs it

        shown = 0.0

        def progress(what: str, done: int, total: int) -> None:
            nonlocal shown
            if time.monotonic() - shown > 2 or done == total:  # noqa: PLR2004 - seconds
                shown = time.monotonic()
                say(f"demo city: {what} {done}/{total}")

        today = clock.now().astimezone(clock.SHANGHAI).date()
        try:
            await load.load(settings, self._directory.secret, today, progress)
        except* (load.DemoNotLoaded, OSError, asyncpg.PostgresError, nats.errors.Error) as group:
            raise CannotStart(f"The demo city was not loaded: {group.exceptions[0]}") from group

    async def _let_venues_in(self) -> None:
        """Each organisation with spaces has a user on NATS, as soon as it is in the database."""
        rows = await self._query(
            "SELECT key FROM organisation o WHERE key <> $1 "
            "AND EXISTS (SELECT FROM space s WHERE s.organisation_id = o.id) ORDER BY key",
            PLATFORM,
        )
        self._nats.set_venues([row["key"] for row in rows])

    async def _stay(self) -> None:
        while True:
            await asyncio.sleep(_VENUES_EVERY)
            defect = self._supervisor.failure()
            if defect is not None:
                raise defect
            # While PostgreSQL restarts there is nothing new to learn.
            with contextlib.suppress(OSError, asyncpg.PostgresError, TimeoutError):
                await self._let_venues_in()

    async def _query(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._postgres.url, timeout=5)
        try:
            return list(await connection.fetch(sql, *arguments, timeout=5))
        finally:
            await connection.close(timeout=2)

    def _write_ready(self) -> None:
        if not self._is_ready:
            return
        content: dict[str, object] = {
            "pid": os.getpid(),
            "url": self._url,
            "nats_url": self._nats.url,
            "database_url": self._postgres.url,
            "redis_url": self._valkey.url,
            "partitions": self._partitions,
            "pids": self._supervisor.pids(),
        }
        if self._demo:
            secret, settings = self._directory.secret, self._settings()
            content["demo"] = {
                "accounts": ready.accounts_for_ready(secret, settings.secret_key, self._url),
                "venues": ready.venues_for_ready(secret),
            }
        self._directory.write_json("ready.json", content)

    async def _greet(self) -> None:
        if not self._demo:
            rows = await self._query("SELECT count(*) AS people FROM account WHERE active")
            people = rows[0]["people"] or "nobody"
            say(f"{people} can log in; 'openyard account add' makes accounts")
            return
        accounts = ready.accounts_for_ready(self._directory.secret, "", self._url)
        say(f"{len(accounts)} people can log in, all with the password {accounts[0]['password']}:")
        for role in dict.fromkeys(account["role"] for account in accounts):
            of_role = [account["login"] for account in accounts if account["role"] == role]
            say(f"  {role:<10} {of_role[0]}" + (" …" if len(of_role) > 1 else ""))
        if self._settings().smtp_url.startswith("file:"):
            say(f"mail is not sent: it is kept in {self._directory.path / 'mail'}")

    def _take_signals(self, stop: asyncio.Event) -> None:
        def on_signal() -> None:
            if stop.is_set():
                say("killing everything")
                self._supervisor.kill()
            stop.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, on_signal)
