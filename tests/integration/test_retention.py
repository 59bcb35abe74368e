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


async def test_where_somebody_was_is_forgotten_a_day_after_the_slot(database_url):  # noqa: ARG001
    await engine.run_script(
        """
        INSERT INTO district VALUES ('chengzhong', '城中区', 1) ON CONFLICT DO NOTHING;
        INSERT INTO organisation (id, key, name, kind, district_key)
        VALUES (gen_random_uuid(), 'past', '馆', 'venue', 'chengzhong');
        INSERT INTO space (id, organisation_id, key, name)
        SELECT gen_random_uuid(), id, 'hall', '馆' FROM organisation WHERE key = 'past';
        """
    )
    for hours, name in ((25, "gone"), (23, "yesterday"), (-1, "coming")):
        await engine.fetch(
            """WITH made AS (
                 INSERT INTO slot (id, venue_id, external_id, version, status, space_id,
                     starts_at, ends_at, created_at, updated_at)
                 SELECT gen_random_uuid(), o.id, $1, 1, 'open', s.id,
                     $2::timestamptz - $3::interval, $2, $2, $2
                 FROM organisation o JOIN space s ON s.organisation_id = o.id
                 WHERE o.key = 'past' RETURNING id)
               INSERT INTO party_occupancy SELECT 1, id, id, 'empty' FROM made""",
            name,
            NOW - dt.timedelta(hours=hours),
            dt.timedelta(hours=1),
        )

    await tidy(NOW)

    rows = await engine.fetch(
        """SELECT s.external_id FROM party_occupancy p JOIN slot s ON s.id = p.slot_id
           ORDER BY 1"""
    )
    assert [row["external_id"] for row in rows] == ["coming", "yesterday"]
