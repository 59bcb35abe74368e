"""The platform's API, as commands that a venue runs from anywhere speak to it."""

import http.client
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from openyard_infra import running
from openyard_platform.settings import BadSetting

_PATIENCE = 120.0  # seconds; a preview of two hundred schedules takes some


class Place(Struct, frozen=True, kw_only=True):
    """Where the platform is, and the token of whom it should listen to."""

    url: str
    token: str


class Unreached(Exception):
    """Nothing answers there, or nothing that is the platform."""


class Refused(Exception):
    """The platform says no. ``problem``: its words, RFC 9457."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or status))
        self.status = status
        self.problem = problem


def place(key: str, url: str | None, token: str | None, directory: Path | None) -> Place:
    """Where a venue's command goes: as given, or to the ``openyard up`` on ``directory``.

    Raises:
        BadSetting: something is missing.
    """
    if directory is None and url is None:
        directory = running.default_directory()
    if directory is not None:
        ready = running.ready(directory)
        url = url or str(ready["url"])
        token = token or _token(ready, key)
    if not url or urlsplit(url).scheme not in {"http", "https"}:
        raise BadSetting("Say where: --url https://…, OPENYARD_URL or --data-dir.")
    if not token:
        raise BadSetting("Say who you are: --token or OPENYARD_TOKEN, of the venue's staff.")
    return Place(url=url, token=token)


def call(place: Place, method: str, path: str, document: object = None) -> Any:
    """One request; what came back, decoded. No redirect is followed: it would take the token along.

    Raises:
        Unreached: no answer, or none of the platform's.
        Refused: it says no.
    """
    parts = urlsplit(place.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    headers = {"Authorization": f"Bearer {place.token}", "Accept": "application/json"}
    body = None
    if document is not None:
        body = msgspec.json.encode(document)
        headers["Content-Type"] = "application/json"
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE)
        try:
            connection.request(method, parts.path.rstrip("/") + path, body, headers)
            answer = connection.getresponse()
            found = msgspec.json.decode(answer.read() or b"null")
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unreached(f"{place.url}: {error or type(error).__name__}") from error
    if answer.status >= http.HTTPStatus.BAD_REQUEST:
        raise Refused(answer.status, found if isinstance(found, dict) else {})
    if answer.status != http.HTTPStatus.OK:
        raise Unreached(f"{place.url}: HTTP {answer.status}")
    return found


def _token(ready: dict[str, Any], key: str) -> str | None:
    """The token of a demo account of this venue's staff."""
    accounts = (ready.get("demo") or {}).get("accounts", ())
    return next((one["token"] for one in accounts if one.get("venue") == key), None)
