"""A venue's schedules through ``openyard schedule``: a file applied, taken out, applied again."""

import datetime as dt
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from openyard_platform import clock
from tests.stack import Stack, environment, openyard, wait_until

FIRST = clock.now().astimezone(clock.SHANGHAI).date() + dt.timedelta(days=2)
FILE = """
# The weekends of the house.
[[schedules]]
key = "dawn"
title = "{title}"
spaces = ["{space}"]
rrule = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU"
starts_on = {first}
ends_on = {last}
from = 01:00:00
to = {to}
slot_minutes = 60
capacity = 12
audiences = ["family"]
day_policy = {{ adjusted_workday = "as_rule", holiday = "as_rule", exam_day = "as_rule" }}
"""


@pytest.fixture(scope="module")
def key(stack: Stack) -> Iterator[str]:
    """A venue of the demo city; afterwards it has no schedule any more."""
    account = stack.accounts("venue")[0]
    yield account["venue"]
    headers = {"Authorization": f"Bearer {account['token']}"}
    url = f"/api/v1/venues/{account['venue']}/schedules"
    with httpx.Client(base_url=stack.url, headers=headers) as staff:
        for one in staff.get(url).json()["items"]:
            staff.delete(f"{url}/{one['id']}")


def run(stack: Stack, key: str, *arguments: object, place: bool = True):
    where = ("--data-dir", str(stack.directory)) if place else ()
    return subprocess.run(
        openyard("schedule", *map(str, arguments), "--venue", key, *where),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def written(stack: Stack, key: str, path: Path, *, title: str = "晨间文件", to: str = "03:00:00"):
    values = {
        "title": title,
        "space": stack.venues[key]["spaces"][0],
        "first": FIRST,
        "last": FIRST + dt.timedelta(days=1),
        "to": to,
    }
    path.write_text(FILE.format(**values), "utf-8")
    return path


def found(stack: Stack, title: str) -> list[str]:
    query = {"from": f"{FIRST}", "to": f"{FIRST + dt.timedelta(days=3)}", "q": title}
    answer = httpx.get(f"{stack.url}/api/v1/slots", params=query)
    return [slot["starts_at"] for slot in answer.json()["items"]]


def test_a_file_becomes_slots_and_is_taken_out_as_it_was_applied(
    stack: Stack, key: str, tmp_path: Path
):
    file = written(stack, key, tmp_path / "weekends.toml")

    dry = run(stack, key, "apply", file, "--dry-run")
    nothing = found(stack, "晨间文件")
    applied = run(stack, key, "apply", file)
    again = run(stack, key, "apply", file, "--json")

    assert (dry.returncode, nothing) == (0, []), dry.stderr
    assert "added   dawn  晨间文件: 4 added" in dry.stdout
    assert f"+ {FIRST} 01:00–02:00" in dry.stdout
    assert (applied.returncode, "added   dawn" in applied.stdout) == (0, True), applied.stderr
    assert [one["action"] for one in json.loads(again.stdout)["schedules"]] == ["same"]
    wait_until(lambda: len(found(stack, "晨间文件")) == 4, 20, "the schedule's slots")

    out = tmp_path / "out.json"
    exported = run(stack, key, "export", "-o", out)
    back = run(stack, key, "apply", out)
    assert (exported.returncode, back.returncode) == (0, 0), back.stderr
    assert "same    dawn" in back.stdout

    shorter = run(stack, key, "apply", written(stack, key, file, to="02:00:00"), "--dry-run")
    assert "changed dawn  晨间文件: 0 added, 0 moved, 0 changed, 2 closed" in shorter.stdout
    assert f"- {FIRST} 02:00–03:00" in shorter.stdout


def test_what_is_wrong_with_a_file_is_said_with_its_place_and_changes_nothing(
    stack: Stack, key: str, tmp_path: Path
):
    file = written(stack, key, tmp_path / "weekends.toml", title="不会有的")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(file.read_text("utf-8").replace("dawn", "late") + file.read_text("utf-8"))
    wrong.write_text(wrong.read_text("utf-8").replace("to = 03:00", "to = 01:30", 1), "utf-8")
    broken = tmp_path / "broken.json"
    broken.write_text('{"schedules": [\n}', "utf-8")

    refused = run(stack, key, "apply", wrong)
    unreadable = run(stack, key, "apply", broken)

    assert refused.returncode == 1
    assert f"{wrong}: line 3: schedules[0] (late): to: no_room: " in refused.stderr
    assert (unreadable.returncode, "line 2" in unreadable.stderr) == (1, True)
    assert found(stack, "不会有的") == []


def test_where_nobody_answers_and_whom_nobody_knows_the_exit_code_tells(
    stack: Stack, key: str, tmp_path: Path
):
    file = written(stack, key, tmp_path / "weekends.toml")
    nobody = ("--token", "oy_" + "x" * 40)

    unknown = run(stack, key, "apply", file, "--url", stack.url, *nobody, place=False)
    silent = run(stack, key, "apply", file, "--url", "http://127.0.0.1:1", *nobody, place=False)
    strange = run(stack, key, "apply", file, "--url", "ftp://127.0.0.1", *nobody, place=False)
    foreign = run(stack, "no-such-venue", "export", "--token", "x")

    assert [one.returncode for one in (unknown, silent, strange, foreign)] == [2, 3, 2, 2]
    for one in (unknown, silent, strange, foreign):
        assert one.stderr.startswith("openyard: ")
        assert "Traceback" not in one.stderr
