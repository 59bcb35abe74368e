"""``openyard bench line``: the line moves while others are answered."""

from openyard_infra.bench import line
from openyard_infra.bench.run import Options


async def test_a_long_line_is_served_and_sent_home_while_others_are_answered(monkeypatch):
    monkeypatch.setattr(line, "WAITING", 600)
    options = Options(bench="line", connections=[2], parties=4_000, runs=1, seconds=3.0)
    (result,) = await line.run(options, lambda _: None)
    assert set(result["runs"]) == {"quiet", "release", "withdrawal"}
    for one in result["runs"].values():
        assert one["rate"] > 0
        assert 0 < one["p50_ms"] <= one["p99_ms"]
    # 250 at a time, each time the clock comes by.
    assert 0.25 < result["runs"]["release"]["worked_off_s"] < 30
