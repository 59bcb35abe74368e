"""What is kept for a time only is dropped after it, and not before."""

import datetime as dt

import pytest

from openyard_platform import ids
from openyard_platform.domain.people import Role
from openyard_platform.store import engine, retention
from openyard_workers.jobs.retention import tidy
from tests.integration import people

NOW = dt.datetime(2026, 12, 24, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
async def _empty(app):  # noqa: ARG001 - its pool is open
    await engine.fetch("DELETE FROM idempotency")


async def use_key(key: str, age: dt.timedelta) -> None:
    await engine.fetch(
        """INSERT INTO idempotency (account_id, key, fingerprint, reservation_id, created_at)
           VALUES ($1, $2, '', $1, $3)""",
        *(ids.new(), key, NOW - age),
    )


async def keys() -> set[str]:
    return {row["key"] for row in await engine.fetch("SELECT key FROM idempotency")}


async def test_an_idempotency_key_is_kept_thirty_days(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    await use_key("yesterday's", dt.timedelta(days=1))
    await use_key("on its last day", dt.timedelta(days=29, hours=23))
    for number in range(3):
        await use_key(f"old-{number}", dt.timedelta(days=30, minutes=number + 1))

    assert await tidy(NOW)
    assert not await tidy(NOW)

    assert await keys() == {"yesterday's", "on its last day"}


async def test_a_session_past_its_end_is_dropped():
    account = (await people.person(Role.FAMILY)).account.id
    for digest, ends in ((b"over", dt.timedelta(0)), (b"open", dt.timedelta(minutes=1))):
        await engine.fetch(
            """INSERT INTO session (token_hash, account_id, created_at, expires_at)
               VALUES ($1, $2, $3, $4)""",
            *(digest, account, NOW - dt.timedelta(days=14), NOW + ends),
        )

    await tidy(NOW)

    rows = await engine.fetch("SELECT token_hash FROM session WHERE account_id = $1", account)
    assert [row["token_hash"] for row in rows] == [b"open"]
