"""``openyard doctor``: every setting and connection, what is wrong, and how to mend it."""

import asyncio
import email.utils
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib
import asyncpg
import nats.errors
import nats.js.errors
import redis.asyncio
import redis.exceptions
from msgspec import Struct, field
from nats.js import JetStreamContext

from openyard_events import bus
from openyard_infra import migrations
from openyard_platform import clock
from openyard_platform.settings import BadSetting, Settings

_PATIENCE = 5.0
_POSTGRES = 18_00_00
_SECRET = 32
_SKEW = 2.0
_VARIABLES = {f"OPENYARD_{name.upper()}" for name in Settings.__struct_fields__}
_NEEDED = (
    "OPENYARD_DATABASE_URL",
    "OPENYARD_NATS_URL",
    "OPENYARD_REDIS_URL",
    "OPENYARD_SECRET_KEY",
)
_OTHERS = {
    *("OPENYARD_DATA_DIR", "OPENYARD_REQUIRE_BROWSER", "OPENYARD_BENCH"),
    *("OPENYARD_NATS_USER", "OPENYARD_NATS_PASSWORD"),
}
_ON = (
    ("fsync", "a crash of the machine would lose what was confirmed"),
    ("full_page_writes", "a crash of the machine would damage the database"),
    ("synchronous_commit", "a crash of the server would lose what was confirmed"),
)


class Finding(Struct, frozen=True, kw_only=True):
    """``mend``: what to do about it; empty where nothing is wrong."""

    what: str
    is_: str = field(name="is")
    mend: str = ""

    @property
    def healthy(self) -> bool:
        return not self.mend


async def examine(environment: Mapping[str, str]) -> list[Finding]:
    """All findings, settings first."""
    found = _settings(environment)
    examinations: list[tuple[str, str, Callable[[str], Awaitable[list[Finding]]]]] = [
        ("OPENYARD_DATABASE_URL", "PostgreSQL", _postgres),
        ("OPENYARD_NATS_URL", "NATS", lambda url: _nats(url, _partitions(environment))),
        ("OPENYARD_REDIS_URL", "Valkey", _valkey),
        ("OPENYARD_SMTP_URL", "SMTP", _smtp),
    ]
    for variable, name, look in examinations:
        url = environment.get(variable, "")
        if url:
            found += await _reached(variable, name, look(url))
    if not environment.get("OPENYARD_SMTP_URL"):
        found.append(Finding(what="SMTP", is_="not set: messages stay in the in-app inbox"))
    return found


def _settings(environment: Mapping[str, str]) -> list[Finding]:
    unset = "set it, or name a running 'openyard up' by --data-dir"
    found = [
        Finding(what=variable, is_="not set", mend=unset)
        for variable in _NEEDED
        if not environment.get(variable)
    ]
    found += [
        Finding(what=name, is_="no setting of ours", mend="correct its spelling, or unset it")
        for name in sorted(environment)
        if name.startswith("OPENYARD_") and name not in _VARIABLES | _OTHERS
    ]
    if secret := environment.get("OPENYARD_SECRET_KEY"):
        found.append(_secret(secret))
    found.append(_base_url(environment.get("OPENYARD_BASE_URL", "")))
    found.append(_mail_from(environment.get("OPENYARD_MAIL_FROM", "")))
    if all(each.healthy for each in found):
        try:
            Settings.from_environment(environment)
        except BadSetting as error:
            found.append(Finding(what="settings", is_=str(error), mend="correct it"))
    return found


def _secret(secret: str) -> Finding:
    mend = "make one: openssl rand -hex 32"
    if len(secret) < _SECRET:
        return Finding(what="secret key", is_=f"shorter than {_SECRET} characters", mend=mend)
    if len(set(secret)) < 8:  # noqa: PLR2004 - so few were typed, not drawn
        return Finding(what="secret key", is_="easy to guess", mend=mend)
    return Finding(what="secret key", is_=f"{len(secret)} characters")


def _base_url(url: str) -> Finding:
    if not url:
        default = Settings.__struct_defaults__[0]
        return Finding(what="base URL", is_=f"not set: links lead to {default}")
    try:
        parts = urlsplit(url)
        healthy = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        healthy = False
    if not healthy:
        return Finding(
            what="base URL", is_=f"{url!r} is no address", mend="write https://HOST without a path"
        )
    if parts.path.rstrip("/") or parts.query:
        return Finding(what="base URL", is_=f"{url} has a path", mend="write https://HOST alone")
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "http" and not loopback:
        return Finding(
            what="base URL",
            is_=f"{url} is not encrypted",
            mend="put TLS in front and write https://",
        )
    return Finding(what="base URL", is_=url)


def _mail_from(text: str) -> Finding:
    if text and "@" not in email.utils.parseaddr(text)[1]:
        return Finding(what="sender", is_=f"{text!r} is no address", mend="write NAME <ADDRESS>")
    return Finding(what="sender", is_=text or "not set: the default")


async def _reached(
    variable: str, name: str, examination: Awaitable[list[Finding]]
) -> list[Finding]:
    """The findings of a server, or that it cannot be reached."""
    try:
        return await asyncio.wait_for(examination, _PATIENCE * 2)
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        reason = str(error) or "no answer in time"
    except (asyncpg.PostgresError, asyncpg.InterfaceError, nats.errors.Error) as error:
        reason = str(error) or type(error).__name__
    except (redis.exceptions.RedisError, aiosmtplib.SMTPException) as error:
        reason = str(error) or type(error).__name__
    is_ = f"cannot be used: {bus.without_credentials(reason.splitlines()[0])}"
    return [Finding(what=name, is_=is_, mend=f"start it, or correct {variable}")]


async def _postgres(url: str) -> list[Finding]:
    connection = await asyncpg.connect(url, timeout=_PATIENCE)
    try:
        return [
            await _version(connection),
            await _role(connection),
            *await _durability(connection),
            await _clock(connection),
            await _schema(connection),
        ]
    finally:
        await connection.close(timeout=_PATIENCE)


async def _version(connection: asyncpg.Connection) -> Finding:
    number = int(await connection.fetchval("SHOW server_version_num"))
    version = await connection.fetchval("SHOW server_version")
    mend = "" if number >= _POSTGRES else "use PostgreSQL 18 or newer"
    return Finding(what="PostgreSQL", is_=f"version {version}", mend=mend)


async def _role(connection: asyncpg.Connection) -> Finding:
    row = await connection.fetchrow(
        "SELECT rolname, rolsuper OR rolbypassrls AS mighty FROM pg_roles "
        "WHERE rolname = current_user"
    )
    if row["mighty"]:
        return Finding(
            what="PostgreSQL role",
            is_=f"{row['rolname']} is a superuser or bypasses row security",
            mend="connect as a role of its own that only owns the database",
        )
    return Finding(what="PostgreSQL role", is_=f"{row['rolname']}, no superuser")


async def _durability(connection: asyncpg.Connection) -> list[Finding]:
    found = []
    for name, danger in _ON:
        value = await connection.fetchval("SELECT current_setting($1)", name)
        if value == "off":
            is_, mend = f"off: {danger}", f"set {name} = on in postgresql.conf"
            found.append(Finding(what=f"PostgreSQL {name}", is_=is_, mend=mend))
    return found or [Finding(what="PostgreSQL durability", is_="what is committed is on the disk")]


async def _clock(connection: asyncpg.Connection) -> Finding:
    before = clock.now()
    theirs = await connection.fetchval("SELECT clock_timestamp()")
    skew = abs((theirs - before).total_seconds())
    mend = "" if skew < _SKEW else "run NTP on both machines"
    return Finding(what="clocks", is_=f"{skew:.1f} s between us and PostgreSQL", mend=mend)


async def _schema(connection: asyncpg.Connection) -> Finding:
    missing = await migrations.missing(connection)
    if missing:
        is_ = f"{len(missing)} migration(s) missing, the first is {missing[0]}"
        return Finding(what="schema", is_=is_, mend="run 'openyard migrate'")
    return Finding(what="schema", is_="current")


async def _nats(url: str, partitions: int) -> list[Finding]:
    connection = await asyncio.wait_for(bus.connect(url, name="openyard doctor"), _PATIENCE)
    try:
        version = str(connection.connected_server_version).strip("<>").rpartition(" ")[2]
        found = [Finding(what="NATS", is_=f"version {version}")]
        if connection.max_payload < 2**18:
            is_ = f"at most {connection.max_payload} bytes in a message"
            found.append(Finding(what="NATS", is_=is_, mend="set max_payload: 1MB"))
        js = connection.jetstream(timeout=_PATIENCE)
        try:
            await js.account_info()
        except (nats.errors.Error, nats.js.errors.Error):
            mend = "switch it on in the server's configuration, with sync_interval: always"
            return [*found, Finding(what="JetStream", is_="off for this user", mend=mend)]
        return [*found, *await _streams(js, partitions)]
    finally:
        await connection.close()


async def _streams(js: JetStreamContext, partitions: int) -> list[Finding]:
    found = []
    for wanted in bus.stream_configs(partitions):
        name = str(wanted.name)
        try:
            info = await js.stream_info(name)
        except nats.js.errors.NotFoundError:
            mend = "start a decider or 'openyard up': they make it"
            found.append(Finding(what=f"stream {name}", is_="missing", mend=mend))
            continue
        differing = bus.differences(wanted, info.config)
        if differing:
            mend = "restart a decider: it sets them right"
            is_ = f"other settings than ours: {', '.join(differing)}"
            found.append(Finding(what=f"stream {name}", is_=is_, mend=mend))
    return found or [Finding(what="streams", is_="all there, configured as they should be")]


async def _valkey(url: str) -> list[Finding]:
    client = redis.asyncio.Redis.from_url(
        url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE
    )
    try:
        information = await client.info()
    finally:
        await client.aclose()
    version = information.get("valkey_version") or information.get("redis_version")
    found = [Finding(what="Valkey", is_=f"version {version}")]
    if not information.get("aof_enabled"):
        mend = "set appendonly yes and appendfsync everysec"
        found.append(Finding(what="Valkey", is_="forgets all in a restart", mend=mend))
    policy = information.get("maxmemory_policy")
    if policy != "noeviction":
        mend = "set maxmemory-policy noeviction"
        found.append(Finding(what="Valkey", is_=f"drops keys under pressure ({policy})", mend=mend))
    return found


async def _smtp(url: str) -> list[Finding]:
    address = urlsplit(url)
    if address.scheme == "file":
        is_ = f"each message becomes a file in {unquote(address.path)}"
        return [Finding(what="SMTP", is_=is_, mend=_unusable(Path(unquote(address.path))))]
    if address.scheme not in ("smtp", "smtps") or not address.hostname:
        mend = "write smtp://USER:PASSWORD@HOST:PORT or smtps://…"
        return [Finding(what="SMTP", is_="OPENYARD_SMTP_URL is no mail server", mend=mend)]
    server = aiosmtplib.SMTP(
        hostname=address.hostname,
        port=address.port,
        username=unquote(address.username) if address.username else None,
        password=unquote(address.password) if address.password else None,
        use_tls=address.scheme == "smtps",
        timeout=_PATIENCE,
    )
    async with server:
        await server.noop()
    return [Finding(what="SMTP", is_=f"{address.hostname} answers and lets us in")]


def _unusable(directory: Path) -> str:
    return "" if directory.parent.is_dir() else f"make {directory.parent}"


def _partitions(environment: Mapping[str, str]) -> int:
    text = environment.get("OPENYARD_PARTITIONS", "")
    return int(text) if text.isdecimal() else 4
