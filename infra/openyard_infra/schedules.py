"""``openyard schedule``: a venue's opening schedules from a file, and as one."""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
import rich_click as click

from openyard_infra.complaints import FAILED, UNREACHED, WRONG_SETTINGS, complaint

_SHOWN = 20  # slots of each kind of change
_COLOURS = {"added": "green", "changed": "yellow", "same": "cyan", "ended": "red"}
_ENTRY = re.compile(r"schedules\[(\d+)\]\.?(.*)")
_HEADER = re.compile(r"\s*\[\[\s*schedules\s*\]\]")

F = TypeVar("F", bound=Callable[..., Any])


def _placed(command: F) -> F:
    """The options that say which venue, and where the platform is."""
    for option in (
        click.option(
            "--data-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="The 'openyard up' running there, as the demo venue's staff.",
        ),
        click.option("--token", envvar="OPENYARD_TOKEN", help="An API token of the venue's staff."),
        click.option("--url", envvar="OPENYARD_URL", help="Where the platform is."),
        click.option("--venue", "key", required=True, metavar="KEY", help="Of which venue."),
    ):
        command = option(command)
    return command


@click.group()
def schedule() -> None:
    """A venue's opening schedules as a file.

    Exit codes: 0 done, 1 the file was refused and nothing changed, 2 wrong usage or settings, 3 the
    platform did not answer; applying FILE again is always safe.
    """


@schedule.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_placed
@click.option("--dry-run", is_flag=True, help="Only say what it would change, slot by slot.")
@click.option("--end-others", is_flag=True, help="Take away the schedules that FILE does not name.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def apply(  # noqa: PLR0913 - one for each option
    file: Path,
    key: str,
    *,
    url: str | None,
    token: str | None,
    data_dir: Path | None,
    dry_run: bool,
    end_others: bool,
    as_json: bool,
) -> None:
    """Add and change the schedules in FILE (.toml or .json): all of it is right, or nothing counts.

    Each [[schedules]] has the fields of the API and a key, by which FILE finds it again: applied a
    second time it changes nothing. Schedules that FILE does not name stay as they are.
    """
    text, document = _read(file)
    query = urlencode({"dry_run": f"{dry_run}".lower(), "end_others": f"{end_others}".lower()})
    found = _call(
        *(key, url, token, data_dir),
        *("POST", f"/api/v1/venues/{key}/schedules/file?{query}", document),
        told=lambda problem: [f"{file}: {one}" for one in _faults(problem, text, document)],
    )
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for one in found["schedules"]:
        for line in _lines(one):
            click.echo(line)
    if dry_run:
        click.echo("Nothing is changed: that was --dry-run.")


@schedule.command()
@_placed
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
def export(
    key: str, *, url: str | None, token: str | None, data_dir: Path | None, output: Path | None
) -> None:
    """Write the venue's schedules as a JSON file that can be changed and applied again."""
    found = _call(key, url, token, data_dir, "GET", f"/api/v1/venues/{key}/schedules/file")
    text = msgspec.json.format(msgspec.json.encode(found)).decode() + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, "utf-8")
    click.echo(f"{output}: {len(found['schedules'])} schedule(s)", err=True)


def _read(file: Path) -> tuple[str, Any]:
    """The text of the file, and what it says."""
    from openyard_platform.domain import schedule_files  # noqa: PLC0415
    from openyard_platform.domain.errors import Invalid  # noqa: PLC0415

    try:
        text = file.read_text("utf-8-sig")
        return text, schedule_files.parsed(text)
    except (OSError, UnicodeDecodeError) as error:
        raise complaint(f"{file}: {error}") from error
    except Invalid as error:
        (fault,) = error.parameters["errors"]
        raise complaint(f"{file}: {fault.message}") from error


def _call(  # noqa: PLR0913 - where, as whom, and what
    key: str,
    url: str | None,
    token: str | None,
    data_dir: Path | None,
    method: str,
    path: str,
    document: object = None,
    *,
    told: Callable[[dict[str, Any]], list[str]] = lambda _: [],
) -> Any:
    from openyard_events import subjects  # noqa: PLC0415
    from openyard_infra import api  # noqa: PLC0415
    from openyard_platform.settings import BadSetting  # noqa: PLC0415

    if not subjects.is_token(key):
        raise click.BadParameter("letters, digits, '_' and '-' only", param_hint="--venue")
    try:
        return api.call(api.place(key, url, token, data_dir), method, path, document)
    except BadSetting as error:
        raise complaint(str(error), WRONG_SETTINGS) from error
    except api.Unreached as error:
        raise complaint(f"The platform does not answer: {error}", UNREACHED) from error
    except api.Refused as error:
        lines = told(error.problem)
        for line in lines:
            click.echo(f"openyard: {line}", err=True)
        code = {401: WRONG_SETTINGS, 503: UNREACHED}.get(error.status, FAILED)
        raise complaint(str(error), code) from error


def _faults(problem: dict[str, Any], text: str, document: Any) -> Iterator[str]:
    """Each fault with the entry it is in: its line where there is one, its key where it has one."""
    headers = [number for number, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    for one in problem.get("errors", ()):
        match = _ENTRY.fullmatch(one["path"])
        where = [one["path"]] if one["path"] and not match else []
        if match:
            number = int(match[1])
            where = [f"line {headers[number]}"] if number < len(headers) else []
            where += [f"schedules[{number}]{_named(document, number)}", match[2]]
        yield ": ".join([*filter(None, where), one["code"], one["message"]])


def _named(document: Any, number: int) -> str:
    entry = document["schedules"][number]
    key = entry.get("key") or entry.get("title") if isinstance(entry, dict) else None
    return f" ({key})" if isinstance(key, str) else ""


def _lines(one: dict[str, Any]) -> Iterator[str]:
    action = click.style(f"{one['action']:<7}", fg=_COLOURS.get(one["action"]))
    name = one["key"] or one["id"] or ""
    diff = one["diff"]
    yield f"{action} {name}  {one['title']}" + ("" if diff is None else f": {_summary(one)}")
    if diff is not None:
        yield from _slots("+", diff["added"])
        yield from _slots(">", diff["moved"])
        yield from _slots("~", diff["changed"])
        yield from _slots("-", diff["closed"])
        yield from _slots("=", diff["kept"])


def _summary(one: dict[str, Any]) -> str:
    diff = one["diff"]
    counts = [f"{len(diff[name])} {name}" for name in ("added", "moved", "changed", "closed")]
    if diff["kept"]:
        counts.append(f"{len(diff['kept'])} reserved and kept as they are")
    if one["conflicts"]:
        counts.append(f"{one['conflicts']} in the way of other slots")
    if diff["seats_touched"]:
        counts.append(f"{diff['seats_touched']} reserved seats touched")
    return ", ".join(counts)


def _slots(mark: str, slots: list[dict[str, Any]]) -> Iterator[str]:
    for slot in slots[:_SHOWN]:
        line = f"    {mark} {_span(slot['starts_at'], slot['ends_at'])}"
        if "new_starts_at" in slot:
            line += f" → {_span(slot['new_starts_at'], slot['new_ends_at'])}"
        line += f" {slot['space']}" if "space" in slot else ""
        if slot.get("taken") or slot.get("waiting"):
            line += f" ({slot['taken']} seats taken, {slot['waiting']} waiting)"
        yield line
    if len(slots) > _SHOWN:
        yield f"    {mark} … and {len(slots) - _SHOWN} more"


def _span(starts_at: str, ends_at: str) -> str:
    first, last = (dt.datetime.fromisoformat(one) for one in (starts_at, ends_at))
    return f"{first:%Y-%m-%d %H:%M}–{last:%H:%M}"
