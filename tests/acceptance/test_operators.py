"""What an operator does at the command line beside a running stack."""

import json
import subprocess
from pathlib import Path

import httpx

from tests.stack import Stack, environment, openyard, wait_until

HEADER = "external_id,starts_at,ends_at,title,capacity,space\n"


def run(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*openyard(*arguments), "--data-dir", str(stack.directory)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_doctor_finds_nothing_wrong_with_a_running_stack(stack: Stack):
    outcome = run(stack, "doctor", "--json")
    found = json.loads(outcome.stdout)
    assert all((each["ok"], bool(each["is"]), each["mend"]) == (True, True, "") for each in found)
    assert outcome.returncode == 0


def test_migrating_again_changes_nothing(stack: Stack):
    outcome = run(stack, "migrate")
    assert (outcome.returncode, outcome.stdout) == (0, "the schema is current\n")


def test_an_added_venue_has_staff_and_publishes_with_its_own_user(stack: Stack, tmp_path: Path):
    outcome = run(
        stack,
        *("venue", "add", "hall-of-tests", "--name", "测试馆", "--district", "liubei"),
        *("--space", "hall:大厅", "--space", "court-1:一号场:hall"),
    )
    assert outcome.returncode == 0, outcome.stderr
    staff = run(
        stack,
        *("account", "add", "staff@tests.example", "--role", "venue"),
        *("--organisation", "hall-of-tests", "--token"),
    )
    assert staff.returncode == 0, staff.stderr
    token = staff.stdout.split("token:")[1].strip()
    answer = httpx.get(
        f"{stack.url}/api/v1/reservations", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200

    file = tmp_path / "slots.csv"
    file.write_text(
        HEADER
        + "one,2030-12-05 09:00,2030-12-05 11:00,上午,20,hall\n"
        + "two,2030-12-05 10:00,2030-12-05 12:00,重叠,20,court-1\n"
        + "three,2030-12-05 12:00,2030-12-05 11:00,倒着,20,court-1\n",
        "utf-8",
    )
    # The supervisor gives a new venue its user on NATS within some seconds.
    wait_until(
        lambda: run(stack, "publish", str(file), "--venue", "hall-of-tests").returncode != 3,
        30,
        "the venue's user on NATS",
    )
    outcome = run(stack, "publish", str(file), "--venue", "hall-of-tests", "--json")
    lines = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [line["status"] for line in lines] == ["duplicate", "refused", "problem"]
    assert "space_occupied" in lines[1]["errors"][0]
    assert outcome.returncode == 1


def test_an_account_that_exists_is_refused_in_one_line(stack: Stack):
    login = stack.accounts("family")[0]["login"]
    outcome = run(stack, "account", "add", login, "--role", "supervisor")
    assert outcome.returncode == 1
    assert outcome.stderr == "openyard: This address has an account already.\n"


def test_a_venue_in_an_unknown_district_is_refused_in_one_line(stack: Stack):
    arguments = ("--name", "x", "--district", "atlantis", "--space", "a:b")
    outcome = run(stack, "venue", "add", "new-one", *arguments)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("openyard: The districts are liubei,")


def test_publishing_as_an_unknown_venue_says_that_it_is_not_let_in(stack: Stack, tmp_path: Path):
    file = tmp_path / "slots.csv"
    file.write_text(HEADER + "one,2030-12-05 09:00,2030-12-05 11:00,x,20,hall\n", "utf-8")
    outcome = run(stack, "publish", str(file), "--venue", "nobody-here")
    assert outcome.returncode == 3
    assert "does not let nobody-here in" in outcome.stderr


def test_where_nothing_runs_a_command_says_so(tmp_path: Path):
    outcome = subprocess.run(
        [*openyard("doctor"), "--data-dir", str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 2
    assert outcome.stderr == f"openyard: No 'openyard up' of yours is running on {tmp_path}.\n"


def test_a_year_is_imported_from_its_notice_and_counts_at_once(stack: Stack, tmp_path: Path):
    file = tmp_path / "2031.csv"
    file.write_text("date,kind,name\n2031-01-01,holiday,元旦\n", "utf-8")

    first = run(stack, "calendar", "import-year", str(file))
    again = run(stack, "calendar", "import-year", str(file))

    assert first.stdout == "2031: 365 day(s) are different now\n"
    assert again.stdout == "2031: 0 day(s) are different now\n"
    query = {"from": "2031-01-01", "to": "2031-01-02"}
    days = httpx.get(f"{stack.url}/api/v1/calendar-days", params=query).json()["items"]
    assert [(day["kind"], day["notice"]) for day in days] == [("holiday", "元旦"), ("workday", "")]


def test_a_file_that_is_no_notice_is_refused_in_one_line(stack: Stack, tmp_path: Path):
    file = tmp_path / "wrong.csv"
    file.write_text("2031-01-01\n", "utf-8")

    outcome = run(stack, "calendar", "import-year", str(file))

    assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1)
