"""``openyard bench feed`` as it is promised; how fast it is, only a quiet machine can tell."""

import json
import subprocess
import sys


def test_a_feed_is_measured_beside_a_library_and_a_static_file():
    command = [
        *(sys.executable, "-m", "openyard_infra.cli", "bench", "feed", "--json"),
        *("--connections", "2", "--runs", "1", "--seconds", "0.5"),
    ]
    run = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr.decode()
    result = json.loads(run.stdout)

    assert (result["bench"], result["connections"], result["events"]) == ("feed", 2, 1000)
    assert set(result["runs"]) == {"library", "static", "ours", "ours_gzip", "ours_unchanged"}
    for one in result["runs"].values():
        assert one["answers"] > 0
        assert one["rate"] > 0
        assert 0 < one["p50_ms"] <= one["p99_ms"]
    assert set(result["ratios"]) >= {"ours_to_library", "ours_to_static"}
    assert set(result["freshness"]) == {"decisions_per_second", "p50_ms", "p99_ms", "looked"}
    assert result["bytes_gzip"] < result["bytes"]
    # The rates are a quiet machine's to tell, but a rendering is never as quick as a stored one.
    assert result["ratios"]["ours_to_library"] > 5
