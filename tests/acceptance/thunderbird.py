"""A real Thunderbird without a screen, asked over its remote protocol what its calendar holds."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec

from openyard_infra.embedded.processes import free_port

_ARGUMENTS = ("--headless", "--no-remote", "--marionette", "--remote-allow-system-access")
_CALENDAR = "openyard"
_PREFERENCES = {
    "app.donation.eoy.version.viewed": 999,
    "app.update.enabled": False,
    "calendar.timezone.local": "Asia/Shanghai",
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mailnews.start_page.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 0,
    "services.settings.server": "",
}
_GIVEN = """
const {cal} = ChromeUtils.importESModule("resource:///modules/calendar/calUtils.sys.mjs");
const calendar = cal.manager.getCalendars()[0];
"""
_SHOWN = """
const {ITEM_FILTER_ALL_ITEMS} = Ci.calICalendar;
const items = await calendar.getItemsAsArray(ITEM_FILTER_ALL_ITEMS, 0, null, null);
return {titles: items.map(item => item.title), enabled: !calendar.getProperty("disabled")};
"""
_REFRESHED = """
return await new Promise(resolve => {
  const observer = {
    QueryInterface: ChromeUtils.generateQI(["calIObserver"]),
    onLoad() { calendar.removeObserver(observer); resolve(true); },
    onStartBatch() {}, onEndBatch() {}, onError() {},
    onAddItem() {}, onModifyItem() {}, onDeleteItem() {},
    onPropertyChanged() {}, onPropertyDeleting() {},
  };
  calendar.addObserver(observer);
  calendar.refresh();
});
"""


class Shown(msgspec.Struct, frozen=True):
    """``enabled``: a calendar that is not shows nothing, though it keeps its events."""

    titles: list[str]
    enabled: bool


class Thunderbird:
    """One profile that subscribes to one address, as "new calendar, on the network" sets it up."""

    def __init__(self, program: str, profile: Path, url: str) -> None:
        self._program = program
        self._profile = profile
        self._url = url
        self._process: subprocess.Popen[bytes] | None = None
        self._remote: _Remote | None = None

    def start(self) -> None:
        port = free_port()
        kept = f"calendar.registry.{_CALENDAR}"
        preferences = _PREFERENCES | {
            "marionette.port": port,
            f"{kept}.type": "ics",
            f"{kept}.uri": self._url,
            f"{kept}.name": "Openyard",
            f"{kept}.readOnly": True,
            f"{kept}.cache.enabled": True,
            f"{kept}.calendar-main-in-composite": True,
        }
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items()]
        (self._profile / "user.js").write_text("".join(lines), "utf-8")
        self._process = subprocess.Popen(
            [self._program, *_ARGUMENTS, "--profile", str(self._profile)],
            env={**os.environ, "HOME": str(self._profile), "MOZ_HEADLESS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._remote = _Remote(port)

    def stop(self) -> None:
        """As a person closes it: what it wants to remember it writes."""
        if self._remote is not None:
            self._remote.call("Marionette:Quit", flags=["eForceQuit"])
            self._remote.close()
        if self._process is not None:
            self._process.wait(30)
        self._remote = self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
        if self._remote is not None:
            self._remote.close()

    def refresh(self) -> None:
        """Ask the server once, and wait until what it answered is dealt with."""
        assert self._run(_REFRESHED) is True

    def shown(self) -> Shown:
        return msgspec.convert(self._run(_SHOWN), Shown)

    def shows(self, titles: list[str], seconds: float = 20) -> Shown:
        """What it shows as soon as these are its events."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.shown()
            if sorted(found.titles) == sorted(titles):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    def _run(self, script: str) -> Any:
        assert self._remote is not None
        return self._remote.run(_GIVEN + script)


class _Remote:
    """Marionette: messages of JSON, each behind its length."""

    def __init__(self, port: int) -> None:
        self._socket = _connect(port, 60)
        self._last = 0
        self._read()  # what it has to say of itself
        self.call("WebDriver:NewSession", capabilities={})
        self.call("Marionette:SetContext", value="chrome")

    def call(self, method: str, **parameters: Any) -> Any:
        self._last += 1
        message = json.dumps([0, self._last, method, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def run(self, script: str) -> Any:
        """What an asynchronous function of this body returns."""
        wrapped = (
            f"const done = arguments[0]; (async () => {{ {script} }})()"
            ".then(value => done({value}), error => done({error: String(error)}));"
        )
        answer = self.call(
            "WebDriver:ExecuteAsyncScript",
            script=wrapped,
            args=[],
            sandbox="system",
            newSandbox=True,
            scriptTimeout=30_000,
        )["value"]
        assert "error" not in answer, answer
        return answer.get("value")

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> Any:
        head = b""
        while not head.endswith(b":"):
            head += self._receive(1)
        return json.loads(self._receive(int(head[:-1])))

    def _receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self._socket.recv(count - len(data))
            assert more, "Thunderbird has ended."
            data += more
        return data


def _connect(port: int, seconds: float) -> socket.socket:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except OSError:
            assert time.monotonic() < deadline, "Thunderbird does not start."
            time.sleep(0.2)
