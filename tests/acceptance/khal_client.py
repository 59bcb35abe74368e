"""What a person with vdirsyncer and khal sees of a feed."""

import asyncio
import json
import os
import sys
from pathlib import Path

_SYNC = """\
[general]
status_path = "{home}/status"

[pair feed]
a = "remote"
b = "local"
collections = null
conflict_resolution = "a wins"

[storage remote]
type = "http"
url = "{url}"

[storage local]
type = "filesystem"
path = "{home}/calendar"
fileext = ".ics"
"""
_SHOW = """\
[calendars]
[[feed]]
path = {home}/calendar
readonly = True

[sqlite]
path = {home}/khal.db

[locale]
local_timezone = Asia/Shanghai
default_timezone = Asia/Shanghai
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
"""
_FIELDS = ("start-long", "end-long", "title", "location", "status")


async def read_with_khal(feed_url: str, tmp_path: Path) -> list[str]:
    """The feed's events from 2020 to 2039 as ``start | end | title | location | status``.

    Times as in Shanghai, e.g. ``2026-11-28 09:00``. Called again with the same directory it
    synchronises what has changed, as the client on a phone does.
    """
    (tmp_path / "calendar").mkdir(exist_ok=True)
    settings = {"sync.conf": _SYNC, "khal.conf": _SHOW}
    for name, content in settings.items():
        (tmp_path / name).write_text(content.format(home=tmp_path, url=feed_url))
    sync, show = tmp_path / "sync.conf", tmp_path / "khal.conf"
    if not (tmp_path / "status").exists():
        await _run(tmp_path, "vdirsyncer", "-c", sync, "discover")
    await _run(tmp_path, "vdirsyncer", "-c", sync, "sync")
    fields = [argument for field in _FIELDS for argument in ("--json", field)]
    shown = await _run(
        tmp_path, "khal", "-c", show, "list", "--once", *fields, "2020-01-01", "2039-12-31"
    )
    # One list a day; a line break inside a field must not look like another event.
    events = [event for day in shown.splitlines() for event in json.loads(day)]
    return [" | ".join(event[field] for field in _FIELDS) for event in events]


async def _run(home: Path, program: str, *arguments: object) -> str:
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / program,
        *map(str, arguments),
        env={"HOME": str(home), "LANG": "C.UTF-8", "PATH": os.environ["PATH"]},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, f"{program}: {errors.decode()}"
    return output.decode()
