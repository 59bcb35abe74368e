"""``openyard bench rush|spread`` as promised; how fast it is, only a quiet machine can tell."""

import json
import subprocess
import sys
from typing import Any


def bench(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "openyard_infra.cli", "bench", *arguments, "--json"]
    return subprocess.run(command, capture_output=True, check=False, timeout=180)


def measured(*arguments: str) -> dict[str, Any]:
    run = bench(*arguments)
    assert run.returncode == 0, run.stderr.decode()
    result: dict[str, Any] = json.loads(run.stdout)
    assert set(result["runs"]) == {"bare", "row_lock", "row_lock_short", "ours"}
    assert set(result["ratios"]) == {
        "ours_to_bare",
        "ours_to_row_lock",
        "ours_to_row_lock_short",
    }
    for one in result["runs"].values():
        assert one["rate"] > 0
        assert 0 < one["p50_ms"] <= one["p99_ms"] <= one["max_ms"]
        assert one["codes"] == {}
    return result


def test_a_closed_loop_is_measured_beside_its_baselines():
    result = measured("rush", "--connections", "4", "--parties", "400", "--runs", "1")
    assert (result["bench"], result["connections"]) == ("rush", 4)
    assert (result["rate"], result["burst"]) == (None, None)
    # Each account asks once; what was asked is in the database, or the command has failed.
    assert result["runs"]["ours"]["answers"] == 400


def test_at_a_rate_every_request_is_made_and_decided():
    result = measured("spread", "--rate", "80", "--seconds", "2", "--runs", "1")
    assert (result["bench"], result["rate"]) == ("spread", 80)
    for one in result["runs"].values():
        assert one["answers"] == 160
        # Nobody asks sooner than planned, however fast the answers come.
        assert one["seconds"] > 1.9


def test_a_burst_is_over_when_all_are_decided():
    result = measured("rush", "--burst", "300", "--runs", "1")
    assert (result["burst"], result["connections"]) == (300, 300)
    for one in result["runs"].values():
        assert one["answers"] == 300
        assert one["max_ms"] / 1000 <= one["seconds"] + 0.1


def test_a_burst_at_a_rate_makes_no_sense_and_is_refused():
    run = bench("rush", "--burst", "300", "--rate", "10")
    assert run.returncode == 2
    assert b"Either --rate or --burst" in run.stderr
