"""Whatever dies or freezes under load: nothing is lost, nothing is twice, order is kept.

Longer: ``make crashes CRASHES=200``. Each crash leaves a line, and the last line is their sum.
"""

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import click
import pytest
from msgspec.structs import replace

from openyard_platform import ids
from tests.races import crashes, quiet
from tests.races.crashes import Crash
from tests.races.hosts import PARTITIONS
from tests.races.phones import Phones
from tests.races.proving_ground import ProvingGround, proving_ground
from tests.races.reckoning import reckon
from tests.races.watches import Gap, Heard, Told
from tests.stack import ROOT, Stack

ROUNDS = crashes.plan(int(os.environ.get("OPENYARD_CRASHES", "24")))
RATE = 110  # requests a second


@contextmanager
def running(*, sitecustomize: str = "") -> Iterator[Stack]:
    """A stack of its own: what is crashed here is nobody's shared house. Mail goes to files."""
    parent = Path(tempfile.mkdtemp(prefix="openyard-crashes-"))
    parent.chmod(0o711)
    (parent / "sitecustomize.py").write_text(sitecustomize)
    folders = [str(ROOT / x) for x in ("platform", "events", "workers", "calendars", "infra")]
    environment = {
        "OPENYARD_SMTP_URL": "",
        "OPENYARD_PARTITIONS": str(PARTITIONS),
        "PYTHONPATH": os.pathsep.join([str(parent), *folders]),
    }
    stack = Stack(parent / "data", "--demo", environment=environment)
    try:
        yield stack.start()
    finally:
        if stack.process is not None and stack.process.poll() is None:
            stack.stop()
        shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture(scope="module")
async def ground() -> AsyncIterator[ProvingGround]:
    with running() as stack:
        phones = Phones(stack.url, stack.accounts("family"), rate=RATE)
        async with proving_ground(stack, phones) as ground:
            yield ground


@pytest.mark.parametrize("together", ROUNDS, ids=lambda together: "+".join(map(str, together)))
async def test_a_crash_changes_nothing(
    ground: ProvingGround, together: list[Crash], capsys: pytest.CaptureFixture[str]
):
    lines, findings = await ground.round(together)
    with capsys.disabled():
        click.echo("".join(f"\n{line}" for line in lines), nl=False)
    assert [finding.text for finding in findings] == []
    assert all(line.asked == line.accepted == line.decided > 0 for line in lines)
    assert max(line.slowest for line in lines) < crashes.limit(together)


@pytest.mark.timeout(600)
async def test_it_all_adds_up_in_the_end(ground: ProvingGround, capsys: pytest.CaptureFixture[str]):
    findings = await quiet.mail(ground.stack, ground.postbox, ground.yards[0])
    for yard in ground.yards:
        findings += await ground.reckon(yard)
    with capsys.disabled():
        click.echo(f"\n{ground.total}", nl=False)
    assert [finding.text for finding in findings] == []
    total = ground.total
    assert total.asked == sum(len(yard.requests) for yard in ground.yards) == total.decided


# :one of the yard's reservations; $1 are its slots.
ONE = "(SELECT id FROM reservation WHERE slot_id = ANY($1) AND status = 'confirmed' LIMIT 1)"
FORGERIES = {
    "DELETE FROM reservation WHERE id = :one": "lost",
    "DELETE FROM audit WHERE subject_id = :one": "lost",
    """INSERT INTO audit (at, actor_id, action, subject_id, detail)
        SELECT at, actor_id, action, subject_id, detail FROM audit
        WHERE subject_id = :one""": "twice",
    """INSERT INTO reservation (id, slot_id, account_id, holder_id, party_nos, seats, held, status,
                                 position, created_at, updated_at)
        SELECT gen_random_uuid(), slot_id, account_id, holder_id, party_nos, seats, held, 'refused',
               1000000, created_at, updated_at FROM reservation WHERE id = :one""": "twice",
    """UPDATE slot SET taken = taken - 1
        WHERE id = (SELECT slot_id FROM reservation WHERE id = :one)""": "wrong",
    "DELETE FROM party_occupancy WHERE reservation_id = :one": "wrong",
    "UPDATE idempotency SET reservation_id = account_id WHERE reservation_id = :one": "wrong",
    """DELETE FROM receipt
        WHERE slot_id = (SELECT slot_id FROM reservation WHERE id = :one)""": "lost",
    "DELETE FROM notification WHERE reservation_id = :one": "lost",
    "DELETE FROM feed_fragment WHERE uid = 'reservation-' || :one || '@openyard'": "lost",
}


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda sql: " ".join(sql.split()[:3]))
async def test_the_reckoning_sees_what_was_forged_in_the_tables(
    ground: ProvingGround, forgery: str
):
    yard, watches = ground.yards[-1], ground.watches
    sql = forgery.replace(":one", ONE)
    connection = await asyncpg.connect(ground.stack.database_url)
    forging = connection.transaction()
    await forging.start()
    try:
        await connection.execute("ALTER TABLE audit DISABLE TRIGGER audit_append_only")
        done = await connection.execute(sql, [*yard.places])
        assert not done.endswith(" 0"), done
        findings = await reckon(connection, yard, watches.facts, watches.line)
    finally:
        await forging.rollback()
        await connection.close()
    assert FORGERIES[forgery] in {finding.kind for finding in findings}


@pytest.mark.parametrize(
    ("forge", "kind"),
    [
        (lambda facts: [*facts[:3], *facts[4:]], "lost"),
        (lambda facts: [*facts, replace(facts[3], event_id=str(ids.new()))], "twice"),
        (lambda facts: [facts[0], facts[2], facts[1], *facts[3:]], "order"),
        (lambda facts: [*facts, facts[3]], None),
    ],
    ids=["gone", "twice", "out of turn", "repeated, which is no harm"],
)
async def test_the_reckoning_sees_what_was_forged_in_the_stream(
    ground: ProvingGround, forge: Callable[[list[Told]], list[Told]], kind: str | None
):
    yard, watches = ground.yards[-1], ground.watches
    slot = max(yard.places, key=lambda slot: len(watches.facts.get(slot, ())))
    assert await _reckoned(ground, watches.facts, watches.line) == set()
    forged = {**watches.facts, slot: forge(watches.facts[slot])}
    found = await _reckoned(ground, forged, watches.line)
    assert kind in found if kind else found == set()


async def test_the_reckoning_sees_who_was_overtaken(ground: ProvingGround):
    watches = ground.watches
    slot = max(ground.yards[-1].places, key=lambda slot: len(watches.line.get(slot, ())))
    overtaken = {**watches.line, slot: watches.line[slot][::-1]}
    assert await _reckoned(ground, watches.facts, overtaken) == {"order"}


# When the first of a line is said to have been heard, and after which gaps; it was decided for what
# came ``at``.
SECOND = dt.timedelta(seconds=1)
HEARD = {
    "passed over": (lambda at: (at - SECOND, ()), {"order"}),
    "decided unheard": (lambda at: (at + SECOND, ()), {"order"}),
    "decided unheard, some time after a gap": (
        lambda at: (at + SECOND, (Gap(at - 2 * SECOND, at - SECOND),)),
        {"order"},
    ),
    "repeated, the first time being purged": (
        lambda at: (at + SECOND, (Gap(at - SECOND, at + SECOND),)),
        set(),
    ),
}


@pytest.mark.parametrize("case", HEARD)
async def test_the_reckoning_tells_a_repeat_from_who_was_passed_over(
    ground: ProvingGround, case: str
):
    forge, kinds = HEARD[case]
    watches = ground.watches
    slot = max(ground.yards[-1].places, key=lambda slot: len(watches.line.get(slot, ())))
    first, decided = await _first_decided(ground, {heard.id for heard in watches.line[slot]})
    others = [heard for heard in watches.line[slot] if heard.id != first]
    for (at, gaps), found in (((decided, ()), set()), (forge(decided), kinds)):
        line = {**watches.line, slot: [Heard(first, at, gaps), *others]}
        assert await _reckoned(ground, watches.facts, line) == found


async def _first_decided(ground: ProvingGround, heard: set[str]) -> tuple[str, dt.datetime]:
    connection = await asyncpg.connect(ground.stack.database_url)
    try:
        row = await connection.fetchrow(
            "SELECT subject_id, at FROM audit WHERE subject_id = ANY($1) ORDER BY id LIMIT 1", heard
        )
    finally:
        await connection.close()
    assert row is not None
    return str(row["subject_id"]), row["at"]


async def _reckoned(
    ground: ProvingGround, facts: dict[str, list[Told]], line: dict[str, list[Heard]]
) -> set[str]:
    connection = await asyncpg.connect(ground.stack.database_url)
    try:
        findings = await reckon(connection, ground.yards[-1], facts, line)
    finally:
        await connection.close()
    return {finding.kind for finding in findings}


# The position is written down after three quiet seconds, and not together with what it is the
# position of. (The line is kept, so that what is read again is there.)
CARELESS = """
import importlib.abc, sys, time
class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "openyard_workers.deciders":
            return None
        sys.meta_path.remove(self)
        from nats.js import JetStreamContext
        from openyard_platform.store import engine, partitions
        latest = {}
        async def advance(connection, lease, before, after):
            latest[lease.partition] = after, time.monotonic()
            await connection.execute(
                "UPDATE partition SET expires_at = clock_timestamp() + interval '3 s' "
                "WHERE no = $1", lease.partition)
        async def renew(lease):
            after, at = latest.get(lease.partition, (None, 0))
            if time.monotonic() - at < 3:
                after = None
            await engine.fetch(
                "UPDATE partition SET expires_at = clock_timestamp() + interval '3 s', "
                "sequence = coalesce($2, sequence), index = coalesce($3, index), "
                "stream_created = coalesce($4, stream_created) WHERE no = $1",
                lease.partition, after and after.sequence, after and after.index,
                after and after.stream_created)
        async def purge_stream(*args, **named):
            return True
        partitions.advance, partitions.renew = advance, renew
        JetStreamContext.purge_stream = purge_stream
sys.meta_path.insert(0, _Finder())
"""


async def test_without_the_position_among_the_effects_they_come_twice():
    with running(sitecustomize=CARELESS) as stack:
        # Few families, who change their minds again and again.
        families = stack.accounts("family")[:40]
        phones = Phones(stack.url, families, rate=RATE, mix=(30, 0, 70, 0, 0))
        async with proving_ground(stack, phones) as ground:
            lines, findings = await ground.round(crashes.killed("decider"), before=3.0)
    assert "twice" in {finding.kind for finding in findings}
    assert sum(line.twice for line in lines) > 0
