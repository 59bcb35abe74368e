"""The web role, and the socket it listens on."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import time
from types import FrameType
from typing import Any

import asyncpg

from openyard_events import bus
from openyard_infra import logs, roles
from openyard_infra.embedded.processes import CannotStart
from openyard_platform.settings import Settings

_log = logging.getLogger(__name__)

_PATIENCE = 8.0
_AGAIN = 0.1


def serve(host: str, port: int, descriptor: int | None, trusted_proxy: str | None) -> int:
    """The web role: on its own address, or on a listening socket it has inherited."""
    import uvicorn  # noqa: PLC0415 - the other roles never need it

    settings = roles.settings_or_exit()
    logs.configure("web")
    try:
        # Whoever runs us with a socket of his own may be starting our servers again as well.
        asyncio.run(reach(settings, 0 if descriptor is None else _PATIENCE))
        listening = listen(host, port) if descriptor is None else socket.socket(fileno=descriptor)
    except roles.OUTAGES as error:
        _log.error("web stops: %s: %s", type(error).__name__, error)
        return 1

    from openyard_infra.one_packet import OnePacket  # noqa: PLC0415 - nor its protocol
    from openyard_platform.web.app import create_app  # noqa: PLC0415 - nor Litestar

    application = create_app(settings, handlers=_handlers())

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """Send the live readers home first, or they would keep us until the time is up."""
            application.state.live.close()
            await super().shutdown(sockets)

    _allow_connections()
    server = Server(
        uvicorn.Config(
            application,
            loop="uvloop",
            http=OnePacket,
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            # Without a proxy of ours in front, anybody could claim any address.
            proxy_headers=trusted_proxy is not None,
            forwarded_allow_ips=trusted_proxy,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
        )
    )
    # After its own shutdown uvicorn raises the signal once more, for whoever was there before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    roles.spare_the_collector()
    server.run(sockets=[listening])
    return 0 if server.started else 1


def _allow_connections() -> None:
    """As many open connections as this machine lets us have.

    Where nothing was set it is about a thousand, and eight in the morning brings more than that.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket.

    Raises:
        OSError: the port is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        # Who comes while thousands are being accepted waits here; more than that the kernel drops.
        listening.listen(4096)
    except OSError:
        listening.close()
        raise
    return listening


def claim(host: str, port: int, *, patient: bool) -> socket.socket:
    """A listening TCP socket for ``openyard up``.

    ``patient``: the one before us was killed; its web processes end in a moment.

    Raises:
        CannotStart: with the reason in one line.
    """
    deadline = time.monotonic() + (3 if patient else 0)
    while True:
        try:
            return listen(host, port)
        except PermissionError as error:
            raise CannotStart(
                f"Port {port} needs rights we do not have: choose one above 1023 by --port."
            ) from error
        except OSError as error:
            if time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise CannotStart(
                f"Cannot listen on {host}, port {port} ({error.strerror}): "
                "end who does, or choose another with --port (0: any free one)."
            ) from error


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    host = reachable(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only


async def answers(listening: socket.socket) -> bool:
    """Does a web process behind this socket say that it is ready?"""
    host, port = listening.getsockname()[:2]
    with contextlib.suppress(OSError):  # TimeoutError is one
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(reachable(host), port)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status = await reader.readline()
            writer.close()
            return b" 200 " in status
    return False


def _handlers() -> list[Any]:
    """The baselines of the benchmarks, in a stack that a benchmark started for itself."""
    if not os.environ.get("OPENYARD_BENCH"):
        return []
    from openyard_infra.bench import routes  # noqa: PLC0415 - nobody else needs them

    return list(routes.handlers)


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise SystemExit(0)


async def reach(settings: Settings, patience: float) -> None:
    """Return as soon as PostgreSQL and NATS can be reached. ``patience``: seconds.

    Raises:
        OSError, asyncpg.PostgresError, nats.errors.Error: they cannot. Here it is one line, where
            the framework would fail with a page.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return await _reach(settings)
        except roles.OUTAGES:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_AGAIN)


async def _reach(settings: Settings) -> None:
    connection = await asyncpg.connect(settings.database_url, timeout=10)
    await connection.close()
    client = await bus.connect(settings.nats_url, name="web")
    await client.close()
