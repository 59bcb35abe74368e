"""A venue's files through ``openyard publish``: each event a slot or a reason, never a half."""

import asyncio
import datetime as dt
import json
import re
import subprocess
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import icalendar
import pytest
from msgspec import Struct

from openyard_infra.embedded.processes import free_port
from openyard_platform.clock import SHANGHAI
from tests.acceptance.house import in_shanghai, rows
from tests.stack import Stack, environment, openyard, wait_until

EXAMPLES = sorted(Path(icalendar.__file__).parent.rglob("*.ics"))
VENUE = "files-of-others"
HEADER = "external_id,starts_at,ends_at,title,capacity,space\n"
# Of a calendar that says nothing of either.
HALL = ("--space", "hall", "--capacity", "20")
REASON = re.compile(r"(\S*: )?[a-z_]+: .+\.", re.DOTALL)


class Outcome(Struct, frozen=True, kw_only=True):
    """What one run of the command said. ``lines``: of ``--json``."""

    code: int
    lines: list[dict[str, Any]]
    text: str
    complaint: str

    @property
    def said(self) -> list[str]:
        return [line["status"] for line in self.lines]


def publish(
    stack: Stack, *arguments: str | Path, as_json: bool = True, key: str = VENUE
) -> Outcome:
    run = subprocess.run(
        openyard(
            *("publish", *map(str, arguments), "--venue", key),
            *("--data-dir", str(stack.directory), *(["--json"] if as_json else [])),
        ),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    lines = [json.loads(line) for line in run.stdout.splitlines()] if as_json else []
    return Outcome(code=run.returncode, lines=lines, text=run.stdout, complaint=run.stderr)


@pytest.fixture(scope="module", autouse=True)
def venue(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A house of its own for all those slots, made as an operator makes one."""
    subprocess.run(
        openyard(
            *("venue", "add", VENUE, "--name", "众家日历馆", "--district", "yufeng"),
            *("--space", "hall:大厅", "--space", "room:教室"),
            *("--data-dir", str(stack.directory)),
        ),
        env=environment(),
        check=True,
        capture_output=True,
    )
    first = tmp_path_factory.mktemp("first") / "slots.csv"
    first.write_text(HEADER + "first,2035-01-06 09:00,2035-01-06 10:00,第一场,20,room\n")
    wait_until(lambda: publish(stack, first).code != 3, 30, "the venue's user on NATS")


@pytest.fixture(scope="module")
def examples(stack: Stack) -> Outcome:
    """Every example calendar, series followed until 2018."""
    return publish(stack, *EXAMPLES, *HALL, "--until", "2018-01-01")


async def slots(stack: Stack) -> dict[str, dict[str, Any]]:
    """The venue's slots by external id."""
    found = await rows(
        stack,
        "SELECT s.* FROM slot s JOIN organisation o ON o.id = s.venue_id WHERE o.key = $1",
        VENUE,
    )
    return {row["external_id"]: dict(row) for row in found}


def test_every_example_calendar_gives_slots_or_reasons(examples: Outcome):
    assert len(EXAMPLES) > 150
    assert {line["file"] for line in examples.lines} == set(map(str, EXAMPLES))
    assert set(examples.said) <= {"accepted", "duplicate", "refused", "problem"}
    assert Counter(examples.said)["accepted"] > 300
    for line in examples.lines:
        if line["status"] in {"problem", "refused"}:
            assert line["errors"], line
            assert all(REASON.fullmatch(error) for error in line["errors"]), line
        else:
            assert line["slot_id"], line
    assert (examples.code, examples.complaint) == (1, "")


async def test_what_was_accepted_is_a_slot_and_nothing_else_is(stack: Stack, examples: Outcome):
    accepted = {line["where"]: line["slot_id"] for line in examples.lines if "slot_id" in line}

    kept = await slots(stack)

    assert {key: str(kept[key]["id"]) for key in accepted} == accepted
    others = {line["where"] for line in examples.lines if "slot_id" not in line} - set(accepted)
    assert not others & set(kept)
    assert all(row["status"] == "open" and row["title"] for row in kept.values())
    (answered,) = await rows(
        stack,
        """SELECT count(*) AS n FROM receipt r JOIN organisation o ON o.id = r.venue_id
           WHERE o.key = $1 AND r.slot_id = ANY($2::text[]::uuid[])""",
        VENUE,
        list(accepted.values()),
    )
    assert answered["n"] == len([line for line in examples.lines if "slot_id" in line])


async def test_a_slot_has_the_hours_its_event_has_for_the_library(stack: Stack, examples: Outcome):
    kept = await slots(stack)
    accepted = [line for line in examples.lines if line["status"] == "accepted"]
    # Of two files that name the same event, the one changed later counts.
    files = Counter(line["where"] for line in accepted)
    compared = 0
    for line in accepted:
        if files[line["where"]] > 1:
            continue
        for event in single_events(Path(line["file"]), line["where"]):
            row = kept[line["where"]]
            assert (row["starts_at"], row["ends_at"]) == (event.start, event.end), line
            assert row["title"] == " ".join(str(event["SUMMARY"]).split())
            compared += 1
    assert compared > 15


def single_events(path: Path, uid: str) -> list[icalendar.Event]:
    """The event of this UID, where it is none of a series and its times name a zone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calendars = icalendar.Calendar.from_ical(path.read_bytes(), multiple=True)
    found = [
        event
        for calendar in calendars
        for event in calendar.walk("VEVENT")
        if str(event.get("UID", "")).strip() == uid
    ]
    return [
        event
        for event in found
        if len(found) == 1 and "RRULE" not in event and getattr(event.start, "tzinfo", None)
    ]


async def test_publishing_the_same_calendars_again_changes_nothing(stack: Stack, examples: Outcome):
    files = sorted({line["file"] for line in examples.lines if line["status"] == "accepted"})
    before = await slots(stack)

    again = publish(stack, *files, *HALL, "--until", "2018-01-01")

    assert Counter(again.said)["accepted"] == 0
    assert await slots(stack) == before


async def test_a_table_becomes_slots_at_the_hours_of_the_city(stack: Stack, tmp_path: Path):
    file = tmp_path / "slots.csv"
    file.write_text(
        HEADER
        + "csv-1,2035-02-03 09:00,2035-02-03 11:00,晨读,20,hall\n"
        + "csv-2,2035/2/3 14:00,2035/2/3 16:00,书法,8,hall\n"
    )

    outcome = publish(stack, file, "--audience", "family", as_json=False)

    assert (outcome.code, outcome.complaint) == (0, "")
    told = [line.split()[:2] for line in outcome.text.splitlines()]
    assert told == [["accepted", "csv-1"], ["accepted", "csv-2"]]
    row = (await slots(stack))["csv-2"]
    assert in_shanghai(row["starts_at"]) == dt.datetime(2035, 2, 3, 14, tzinfo=SHANGHAI)
    assert (row["title"], row["capacity"], row["audiences"]) == ("书法", 8, ["family"])
    assert publish(stack, file, "--audience", "family").said == ["duplicate", "duplicate"]


async def test_json_lines_become_slots_with_everything_they_say(stack: Stack, tmp_path: Path):
    file = tmp_path / "slots.jsonl"
    slot = {
        "external_id": "json-1",
        "version": 3,
        "space": "hall",
        "starts_at": "2035-03-03T09:00:00+08:00",
        "ends_at": "2035-03-03T11:00:00+08:00",
        "capacity": 40,
        "title": "参观",
        "kind": "visit",
        "party": {"min": 10, "chaperones_per": 10},
        "closes_at": "2035-03-01T00:00:00+08:00",
    }
    file.write_text(json.dumps(slot) + "\n\n" + json.dumps({**slot, "external_id": "json-2"}))

    outcome = publish(stack, file)

    # The second wants the same hall at the same hours.
    assert (outcome.code, outcome.said) == (1, ["accepted", "refused"])
    assert outcome.lines[1]["errors"] == [
        "space: space_occupied: The space is taken at that time by slot 'json-1'."
    ]
    kept = await slots(stack)
    assert (kept["json-1"]["party_min"], kept["json-1"]["version"]) == (10, 3)
    assert "json-2" not in kept


@pytest.mark.parametrize(
    ("name", "content", "problems"),
    [
        (
            "slots.csv",
            HEADER
            + "bad-1,2035-04-07 11:00,2035-04-07 09:00,倒着,20,hall\n"
            + "bad-2,2035-04-07 09:00,2035-04-07 11:00,没有座位,-3,hall\n"
            + "bad-3,morgen um neun,2035-04-07 11:00,几点,20,hall\n"
            + "bad-4,2035-04-07 09:00,2035-04-07 11:00,多了,20,hall,x\n",
            ["ends_before_start", "out_of_range", "wrong_format", "too_many_cells"],
        ),
        ("slots.csv", "external_id,when\na,b\n", ["unknown_field"]),
        ("slots.csv", "", ["empty"]),
        (
            "slots.jsonl",
            '{"external_id": \n{"title": "x"}\n[1, 2]\n{"external_id": "bad-5", "colour": "red"}\n',
            ["malformed_json", "missing_field", "wrong_type", "unknown_field"],
        ),
        ("slots.ics", "<html>404</html>", ["no_events"]),
        ("slots.xlsx", "PK", ["format_unknown"]),
    ],
    ids=["rows", "header", "empty table", "lines", "web page", "spreadsheet"],
)
async def test_what_is_no_slot_gets_its_reason_and_its_place(
    stack: Stack, tmp_path: Path, name: str, content: str, problems: list[str]
):
    file = tmp_path / name
    file.write_text(content)
    before = await slots(stack)

    outcome = publish(stack, file, *(HALL if name.endswith("ics") else ()))

    assert (outcome.code, outcome.complaint) == (1, "")
    assert set(outcome.said) == {"problem"}
    assert [line["errors"][0].partition(":")[0] for line in outcome.lines] == problems
    assert all(line["where"] for line in outcome.lines)
    assert await slots(stack) == before


def test_a_calendar_without_space_and_capacity_is_asked_for_both(stack: Stack):
    outcome = publish(stack, EXAMPLES[0])
    assert (outcome.code, len(outcome.lines)) == (1, 1)
    assert "A calendar says nothing of space and capacity: state it." in str(outcome.lines)


@pytest.mark.parametrize(
    ("arguments", "key", "code", "said"),
    [
        (("nowhere.csv",), VENUE, 2, "does not exist"),
        (("{file}",), "*", 2, "letters, digits"),
        (("{file}",), "muse um", 2, "letters, digits"),
        (("{file}", "--kind", "party"), VENUE, 2, "one of access, visit"),
        (("{file}", "--password", "guessed"), VENUE, 3, "Authorization Violation"),
        (("{file}", "--nats-url", "nats://127.0.0.1:{port}"), VENUE, 3, "Connect call failed"),
    ],
    ids=["no file", "wildcard", "space", "kind", "password", "nobody there"],
)
def test_wrong_usage_and_no_way_in_have_exit_codes_of_their_own(  # noqa: PLR0913
    stack: Stack, tmp_path: Path, arguments: tuple[str, ...], key: str, code: int, said: str
):
    file = tmp_path / "slots.csv"
    file.write_text(HEADER + "x,2035-05-05 09:00,2035-05-05 10:00,x,20,hall\n")
    filled = [each.format(file=file, port=free_port()) for each in arguments]

    run = subprocess.run(
        [
            *openyard("publish", *filled, "--venue", key),
            *([] if "--nats-url" in filled else ["--data-dir", str(stack.directory)]),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert run.returncode == code
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


async def test_a_killed_publishing_is_completed_by_the_next(stack: Stack, tmp_path: Path):
    file = tmp_path / "slots.csv"
    begin = dt.datetime(2036, 1, 1, tzinfo=SHANGHAI)
    hours = [begin + dt.timedelta(hours=number) for number in range(400)]
    file.write_text(
        HEADER
        + "".join(
            f"cut-{number},{hour:%Y-%m-%d %H:00},{hour:%Y-%m-%d %H:59},场次{number},20,hall\n"
            for number, hour in enumerate(hours)
        )
    )
    before = len(await slots(stack))
    running = await asyncio.create_subprocess_exec(
        *openyard("publish", str(file), "--venue", VENUE, "--data-dir", str(stack.directory)),
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    while running.returncode is None and len(await slots(stack)) == before:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    running.kill()
    await running.wait()
    assert before < len(await slots(stack)) < before + len(hours)

    outcome = publish(stack, file)

    assert outcome.code == 0
    assert set(outcome.said) == {"accepted", "duplicate"}
    kept = [key for key in await slots(stack) if key.startswith("cut-")]
    assert len(kept) == len(hours)
