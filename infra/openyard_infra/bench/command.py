"""The command line of the benchmarks, and how their results look."""

import asyncio
from typing import Any

import msgspec
import rich_click as click
from rich.console import Console, Group
from rich.table import Table

_CHOICES = ["rush", "spread", "feed", "line"]
_CONNECTIONS = {"feed": (16,), "line": (32,)}
_MANY = (64, 256)
_OPEN = (256,)  # with a rate: enough that hardly ever a request waits for a free one


@click.command()
@click.argument("bench", type=click.Choice(_CHOICES))
@click.option(
    "--connections",
    type=click.IntRange(1, 1024),
    multiple=True,
    help="Closed-loop connections; several times for several runs. "
    "Default: 64 and 256, feed 16, line 32.",
)
@click.option("--parties", default=20_000, show_default=True, type=click.IntRange(100, 1_000_000))
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1, 50))
@click.option("--seconds", default=6.0, show_default=True, type=click.FloatRange(0.5, 120))
@click.option(
    "--rate",
    type=click.FloatRange(1, 100_000),
    help="Requests a second, whether or not answers come, instead of a closed loop.",
)
@click.option(
    "--burst",
    type=click.IntRange(1, 10_000),
    help="So many requests at once, each on its own connection; over when all are decided.",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 32))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def bench(  # noqa: PLR0913 - each is an option of the command
    bench: str,
    connections: tuple[int, ...],
    parties: int,
    runs: int,
    seconds: float,
    rate: float | None,
    burst: int | None,
    workers: int,
    as_json: bool,  # noqa: FBT001 - click names it
) -> None:
    """Measure reservations (rush, spread, line) or a calendar (feed).

    ``rush`` asks for one slot, ``spread`` for 1,000, ``line`` for one while 5,000 who wait for
    another are served or sent home.

    ``bare`` decodes and answers; ``row_lock`` decides in the request under SELECT … FOR UPDATE,
    ``row_lock_short`` as well, but past the framework; ``ours`` is the command path. All in one web
    process, with the same authentication and rules.
    A calendar of 1,000 events is measured beside a library's rendering and a static file.

    With --rate a request's latency counts from when it was due; a 202 is followed to its decision.
    """
    if (rate or burst) and (bench in _CONNECTIONS or (rate and burst)):
        raise click.UsageError("Either --rate or --burst, and only for rush and spread.")
    from openyard_infra.bench import feed, line  # noqa: PLC0415 - heavy, and rarely wanted
    from openyard_infra.bench import run as running  # noqa: PLC0415
    from openyard_infra.bench.stack import BenchFailed  # noqa: PLC0415

    options = running.Options(
        bench=bench,
        connections=[burst] if burst else list(connections or _usual(bench, rate)),
        parties=parties,
        runs=runs,
        seconds=seconds,
        workers=workers,
        rate=rate,
        burst=burst,
    )
    console = Console(stderr=True)
    measuring = {"feed": feed.run, "line": line.run}.get(bench, running.run)
    try:
        results = asyncio.run(measuring(options, console.print))
    except BenchFailed as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        single = results[0] if len(results) == 1 else results
        click.echo(msgspec.json.format(msgspec.json.encode(single)).decode())
        return
    for result in results:
        Console().print({"feed": _feed_table, "line": _line_table}.get(bench, _table)(result))


def _usual(bench: str, rate: float | None) -> tuple[int, ...]:
    return _OPEN if rate else _CONNECTIONS.get(bench, _MANY)


def _table(result: dict[str, Any]) -> Group:
    title = (
        f"{result['bench']}{_load(result)}, {result['connections']} connections, "
        f"{result['slots']} slot(s) — "
        f"{result['machine']}"
    )
    table = Table(title=title)
    columns = ("way", "rate /s", "p50 ms", "p99 ms", "max ms", "all after s", "drain s")
    for column in columns:
        table.add_column(column, justify="left" if column == "way" else "right")
    for way, one in result["runs"].items():
        table.add_row(
            way,
            f"{one['rate']:.0f}",
            f"{one['p50_ms']:.1f}",
            f"{one['p99_ms']:.1f}",
            f"{one['max_ms']:.0f}",
            f"{one['seconds']:.1f}",
            f"{one['drain_s']:.1f}",
        )
    ratios = result["ratios"]
    table.caption = ", ".join(
        f"{name.replace('_to_', ' / ')} {ratio}" for name, ratio in ratios.items()
    )
    return Group(table, "Processor time per decision, µs:", *map(_cpu, result["runs"].items()))


def _cpu(run: tuple[str, dict[str, Any]]) -> str:
    way, one = run
    roles = ", ".join(f"{role} {us}" for role, us in one["cpu_us"].items() if us)
    return f"  {way}: {roles}; all {sum(one['cpu_us'].values())}"


def _load(result: dict[str, Any]) -> str:
    if result["burst"]:
        return f", {result['burst']} at once"
    return f", {result['rate']:g} a second" if result["rate"] else ""


def _feed_table(result: dict[str, Any]) -> Table:
    title = (
        f"feed, {result['events']} events, {result['connections']} connections — "
        f"{result['machine']}"
    )
    table = Table(title=title)
    for column in ("way", "rate /s", "p50 ms", "p99 ms"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for way, one in result["runs"].items():
        table.add_row(way, f"{one['rate']:.1f}", f"{one['p50_ms']:.1f}", f"{one['p99_ms']:.1f}")
    ratios, fresh = result["ratios"], result["freshness"]
    table.caption = (
        f"ours / library {ratios['ours_to_library']}, ours / static {ratios['ours_to_static']}; at "
        f"{fresh['decisions_per_second']:.0f} decisions/s one is in its calendar after "
        f"{fresh['p50_ms']:.0f} ms, p99 {fresh['p99_ms']:.0f} ms"
    )
    return table


def _line_table(result: dict[str, Any]) -> Table:
    title = (
        f"line, {result['waiting']} waiting, {result['connections']} connections — "
        f"{result['machine']}"
    )
    table = Table(title=title)
    for column in ("meanwhile", "rate /s", "p50 ms", "p99 ms", "worked off in s"):
        table.add_column(column, justify="left" if column == "meanwhile" else "right")
    for name, one in result["runs"].items():
        table.add_row(
            name,
            f"{one['rate']:.0f}",
            f"{one['p50_ms']:.1f}",
            f"{one['p99_ms']:.1f}",
            f"{one['worked_off_s']:.1f}" if "worked_off_s" in one else "",
        )
    return table
