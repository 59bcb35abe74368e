"""Every example calendar that ships with icalendar goes through ``openyard publish``."""

from pathlib import Path

import asyncpg
import icalendar
import msgspec
import pytest
from click.testing import CliRunner, Result

from openyard_infra.cli import main
from tests.stack import Stack

FILES = sorted(Path(icalendar.__file__).parent.rglob("*.ics"))


class Venue:
    """A venue's clerk at the command line."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        # One whose slots no other test books; nearly all of the corpus lies in the past.
        self.key = max(stack.venues)
        self.account = stack.venues[self.key]

    def publish(self, path: Path) -> tuple[Result, list[dict]]:
        options = {
            "--venue": self.key,
            "--space": self.account["spaces"][0],
            "--capacity": "5",
            "--zone": "Asia/Shanghai",
            "--until": "2021-01-01",
            "--nats-url": self.stack.nats_address,
            "--user": self.account["nats_user"],
            "--password": self.account["nats_password"],
        }
        flat = [argument for option in options.items() for argument in option]
        result = CliRunner().invoke(main, ["publish", str(path), "--json", *flat])
        return result, [msgspec.json.decode(line) for line in result.stdout.splitlines()]

    async def slots(self) -> dict[str, str]:
        """Of the venue's whole stock: external id and public id."""
        database = await asyncpg.connect(self.stack.database_url)
        try:
            rows = await database.fetch(
                "SELECT s.external_id, s.id FROM slot s JOIN organisation o ON o.id = s.venue_id"
                " WHERE o.key = $1 AND s.status = 'open'",
                self.key,
            )
        finally:
            await database.close()
        return {row["external_id"]: str(row["id"]) for row in rows}


@pytest.fixture(scope="module")
def venue(stack: Stack) -> Venue:
    return Venue(stack)


@pytest.fixture(scope="module")
async def before(venue: Venue) -> dict[str, str]:
    return await venue.slots()


@pytest.fixture(scope="module")
def published() -> dict[str, str]:
    """What the tests before saw accepted: external id and public id."""
    return {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.usefixtures("before")
def test_every_event_of_a_file_becomes_a_slot_or_has_a_reason(venue, published, path):
    result, lines = venue.publish(path)

    assert result.exit_code in (0, 1), result.output
    assert lines
    for line in lines:
        if line["status"] in ("accepted", "duplicate"):
            published[line["where"]] = line["slot_id"]
        else:
            assert line["status"] in ("refused", "problem")
            assert all(": " in reason for reason in line["errors"])
            assert line["errors"]
    assert (result.exit_code == 0) == (
        {line["status"] for line in lines} <= {"accepted", "duplicate"}
    )


async def test_what_was_accepted_is_there_and_nothing_else(venue, before, published):
    stock = await venue.slots()

    assert {key: stock[key] for key in stock.keys() - before.keys()} == published
    assert len(published) > 50


def test_publishing_a_file_again_changes_nothing(venue, published):
    path = next(path for path in FILES if path.name == "issue_112_missing_tzinfo_on_exdate.ics")

    _, lines = venue.publish(path)

    again = {line["where"]: line["slot_id"] for line in lines if line["status"] == "duplicate"}
    assert again
    assert again.items() <= published.items()
    assert "accepted" not in {line["status"] for line in lines}
