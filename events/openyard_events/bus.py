"""Connecting to NATS with settings that survive an outage, and the streams as they must be."""

import datetime as dt
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.errors import NoServersError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from openyard_events import subjects
from openyard_events.quick_client import QuickClient

_log = logging.getLogger(__name__)

_DAY = 86_400.0
# Back-pressure: a partition's line may grow to this, then the stream refuses.
COMMAND_BYTES = 256 * 1024 * 1024

ErrorCallback = Callable[[Exception], Awaitable[None]]


async def connect(
    url: str,
    *,
    name: str,
    inbox: str | None = None,
    login: tuple[str, str] | None = None,
    error_cb: ErrorCallback | None = None,
) -> Client:
    """A connection that, once made, never gives up; ``url`` may carry the credentials.

    ``inbox``: prefix of the private inboxes; without it a random one of our own. ``login``: user
    and password, for those that hold characters an address cannot carry.

    Raises:
        nats.errors.Error: refused, e.g. wrong credentials.
        OSError: nobody listens there.
    """
    failures: list[Exception] = []

    async def report(error: Exception) -> None:
        if not client.is_connected and not client.is_reconnecting:
            failures.append(error)
            return
        # A forbidden publish or subscription shows nowhere else.
        _log.warning("%s: NATS: %s", name, str(error) or type(error).__name__)
        if error_cb is not None:
            await error_cb(error)

    client = QuickClient()
    credentials = {} if login is None else {"user": login[0], "password": login[1]}
    try:
        await client.connect(
            url,
            name=name,
            error_cb=report,
            # Only for the start: with -1 it would try for ever and say nothing.
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0.25,  # type: ignore[arg-type]
            # A black hole is noticed after 15 s; by default after six minutes.
            ping_interval=5,
            max_outstanding_pings=2,
            inbox_prefix=inbox or f"_INBOX_{secrets.token_hex(8)}",
            pending_size=8 * 1024 * 1024,
            **credentials,  # type: ignore[arg-type]
        )
    except NoServersError as error:
        await client.close()
        raise (failures or [error])[-1] from error
    except BaseException:
        await client.close()
        raise
    # From now on it never gives up; by default it would after 60 tries.
    client.options.update(allow_reconnect=True, max_reconnect_attempts=-1)
    return client


def stream_configs(partitions: int) -> list[StreamConfig]:
    """Every stream of the platform."""
    return [
        _stream(
            subjects.VENUE_STREAM,
            subjects.VENUE_SUBJECTS,
            max_age=30 * _DAY,
            # Stream-wide: a longer one would let one venue's message id swallow another's.
            duplicate_window=0.1,
        ),
        *(
            _stream(
                subjects.command_stream(partition),
                subjects.command(partition),
                discard=DiscardPolicy.NEW,
                max_bytes=COMMAND_BYTES,
                duplicate_window=120.0,
            )
            for partition in range(partitions)
        ),
        _stream(
            subjects.FACT_STREAM,
            subjects.FACT_SUBJECTS,
            max_age=30 * _DAY,
            duplicate_window=3600.0,
            allow_atomic=True,
        ),
        _stream(subjects.DLQ_STREAM, subjects.DLQ_SUBJECTS, max_age=90 * _DAY),
    ]


def _stream(name: str, subject: str, **changes: Any) -> StreamConfig:
    config = StreamConfig(
        name=name,
        subjects=[subject],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_age=0.0,
        max_bytes=-1,
        duplicate_window=120.0,
        allow_atomic=False,
        allow_rollup_hdrs=False,
        allow_msg_ttl=False,
        allow_msg_schedules=False,
    )
    return config.evolve(**changes)


async def ensure_streams(js: JetStreamContext, partitions: int) -> None:
    """Make the streams that are missing, and mend those whose configuration differs.

    Raises:
        nats.errors.Error: the server refuses, e.g. for lack of space or rights.
    """
    for wanted in stream_configs(partitions):
        try:
            info = await js.stream_info(str(wanted.name))
        except NotFoundError:
            await js.add_stream(wanted)
            continue
        if differences(wanted, info.config):
            _log.info("%s: configuration differs, updating it", wanted.name)
            # The number of replicas is the operator's.
            await js.update_stream(wanted.evolve(num_replicas=info.config.num_replicas))


def differences(wanted: StreamConfig, found: StreamConfig) -> list[str]:
    """The settings in which a stream is not as it should be."""
    return [
        name
        for name, value in vars(wanted).items()
        if value is not None and (getattr(found, name) or 0) != (value or 0)
    ]


async def stream_created(js: JetStreamContext, stream: str) -> dt.datetime:
    """When the stream was made: a stream lost and made anew has another.

    Raises:
        NotFoundError: there is no such stream.
        nats.errors.Error: the server does not answer.
    """
    info = await js.stream_info(stream)
    if info.created is None:
        raise nats.errors.Error(f"{stream}: the server does not say when it was made.")
    return info.created


async def settle(nc: Client) -> None:
    """Return when the server has read everything sent so far, and said what it minds.

    The library's ``flush`` alone does not: its PING goes out ahead of what still waits to be
    written. Only that of a second one stands behind it.

    Raises:
        nats.errors.Error: the server does not answer.
    """
    await nc.flush()
    await nc.flush()


def without_credentials(url: str) -> str:
    """The address as it may stand in a log."""
    return re.sub(r"//[^@/]*@", "//", url)
