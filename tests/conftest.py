"""Real servers for the tests: started when first asked for, ended with the session."""

import asyncio
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from openyard_infra import migrations
from openyard_infra.embedded.nats import Nats
from openyard_infra.embedded.postgres import Postgres
from openyard_infra.embedded.valkey import Valkey
from tests.browser import chromium
from tests.stack import stack

__all__ = ["chromium", "stack"]

SECRET = uuid.uuid4().hex * 2
VENUES = ("alpha", "beta", "gamma")


@pytest.fixture(scope="session")
def servers_directory() -> Iterator[Path]:
    """Not pytest's own, which PostgreSQL's user may not enter when the tests run as root."""
    directory = Path(tempfile.mkdtemp(prefix="openyard-tests-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


class Databases:
    """A fresh PostgreSQL, and new databases on it at about 50 ms each."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.url = server.url  # the migrated database "openyard", for all to look at
        # A template may have no visitors: it is a copy that nobody connects to.
        server.run_sql("CREATE DATABASE migrated TEMPLATE openyard;")

    def fresh(self, name: str = "db") -> str:
        """The URL of a new, migrated, otherwise empty database of the application's role."""
        database = re.sub(r"\W", "_", name.lower())[-40:] + "_" + uuid.uuid4().hex[:8]
        self.server.run_sql(
            f'CREATE DATABASE "{database}" TEMPLATE migrated OWNER openyard_app;',
            database="postgres",
        )
        return self.server.url_of(database)

    def empty(self) -> str:
        """The URL of a new database without any schema."""
        database = "empty_" + uuid.uuid4().hex[:8]
        self.server.run_sql(f'CREATE DATABASE "{database}" OWNER openyard_app;')
        return self.server.url_of(database)


@pytest.fixture(scope="session")
def postgres(servers_directory: Path) -> Iterator[Databases]:
    """``postgres.fresh(name) -> url``; ``postgres.server.superuser_url(database)``."""
    server = Postgres(
        servers_directory / "postgres",
        secret=SECRET,
        log=servers_directory / "log" / "postgres.log",
    )
    server.start()
    try:
        _run(migrations.migrate(server.url))
        yield Databases(server)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def database_url(postgres: Databases, request: pytest.FixtureRequest) -> str:
    """A migrated database of this module's own."""
    return postgres.fresh(request.module.__name__.rpartition(".")[2])


@pytest.fixture(scope="session")
def nats(servers_directory: Path) -> Iterator[Nats]:
    """``nats.url`` (platform), ``nats.address`` and ``nats.credentials("alpha")`` (venues)."""
    server = Nats(
        servers_directory / "nats",
        secret=SECRET,
        log=servers_directory / "log" / "nats.log",
        venues=VENUES,
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey(servers_directory: Path) -> Iterator[Valkey]:
    """``valkey.url``."""
    server = Valkey(
        servers_directory / "valkey",
        secret=SECRET,
        log=servers_directory / "log" / "valkey.log",
    )
    server.start()
    yield server
    server.stop()


def _run(coroutine) -> object:
    """Run to its end on a loop of its own, in a thread: the session's may be running here."""
    import threading  # noqa: PLC0415

    outcome: list[object] = []
    thread = threading.Thread(target=lambda: outcome.append(asyncio.run(coroutine)))
    thread.start()
    thread.join()
    if not outcome:
        raise RuntimeError("The coroutine failed; see the traceback above.")
    return outcome[0]
