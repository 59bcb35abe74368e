"""A real Chromium, driven over its debugging pipe: no driver, no port, no network."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Chromium reads commands from descriptor 3 and writes to 4; a child is given others.
_TRAMPOLINE = "import os, sys; r, w = map(int, sys.argv[1:3]); os.dup2(r, 3); os.dup2(w, 4);"
_TRAMPOLINE += "os.execvp(sys.argv[3], sys.argv[3:])"
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)


class Tab:
    """One page of one person: its own cookies, its own console."""

    def __init__(self, browser: "Browser", context: str, session: str) -> None:
        self.browser = browser
        self.context = context
        self.session = session
        self.complaints: list[str] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 700,
        )

    def log_in(self, url: str, cookie: str) -> None:
        self.call("Network.setCookie", name="openyard_session", value=cookie, url=url)

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while True:
            # While a page goes over into the next one there is nothing to ask.
            with suppress(AssertionError):
                if self.run(expression):
                    return
            assert time.monotonic() < deadline, f"not within {seconds} s: {expression}"
            time.sleep(0.05)

    def close(self) -> None:
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)


class Browser:
    """The process. ``call`` is synchronous; what Chromium says in between is kept by tab."""

    def __init__(self, program: str, directory: Path) -> None:
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
        arguments = [program, *_OPTIONS, *sandbox, f"--user-data-dir={directory}"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TRAMPOLINE, str(commands), str(answers), *arguments],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._last = 0
        self._rest = b""
        self._tabs: dict[str, Tab] = {}

    def tab(self) -> Tab:
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab = Tab(self, context, attached["sessionId"])
        self._tabs[tab.session] = tab
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        return tab

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, msgspec.json.encode(message) + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._last:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result
            self._note(said)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        os.close(self._write)
        os.close(self._read)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._read, 1 << 20)
            assert data, "Chromium has ended."
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        said: dict[str, Any] = msgspec.json.decode(line)
        return said

    def _note(self, said: dict[str, Any]) -> None:
        """Keep what a page complains of: errors of scripts, and what its policy forbade."""
        tab = self._tabs.get(said.get("sessionId", ""))
        if tab is None:
            return
        if said["method"] == "Runtime.exceptionThrown":
            tab.complaints.append(str(said["params"]["exceptionDetails"]))
        if said["method"] == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
            tab.complaints.append(said["params"]["entry"]["text"])


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Skips where there is none, unless OPENYARD_REQUIRE_BROWSER says there must be one."""
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        if os.environ.get("OPENYARD_REQUIRE_BROWSER") == "1":
            pytest.fail("There is no Chromium, and OPENYARD_REQUIRE_BROWSER is 1.")
        pytest.skip("There is no Chromium here.")
    directory = Path(tempfile.mkdtemp(prefix="openyard-chromium-"))
    browser = Browser(program, directory)
    try:
        yield browser
    finally:
        browser.stop()
        shutil.rmtree(directory, ignore_errors=True)
