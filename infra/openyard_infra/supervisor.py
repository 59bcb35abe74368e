"""Keeping children running: restarted when they die, stopped in order."""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from openyard_infra.embedded.processes import CannotStart

_LOOK = 0.05  # seconds between two looks at a child
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_SETTLED = 20.0  # who has lived so long starts again with the shortest pause
_READY_WITHIN = 60.0


class Child:
    """One process that is to run always; ``name`` is its role, ``label`` tells it from others.

    ``needed``: while it is away nobody else is started again, who would only die of it, except who
    is ``patient`` and waits for it by itself.
    """

    def __init__(  # noqa: PLR0913 - what a process to be kept is made of
        self,
        name: str,
        launch: Callable[[], subprocess.Popen[bytes]],
        *,
        label: str = "",
        is_ready: Callable[[], bool] = lambda: True,
        ask: signal.Signals = signal.SIGTERM,
        needed: bool = False,
        patient: bool = False,
    ) -> None:
        self.name = name
        self.label = label or name
        self.launch = launch
        self.is_ready = is_ready
        self.ask = ask
        self.needed = needed
        self.patient = patient
        self.works = False
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths = 0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Starts children and keeps them. ``say``: one line for a person; ``changed``: new pids."""

    def __init__(self, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.children: list[Child] = []
        self._say = say
        self._changed = changed
        self._keepers: list[asyncio.Task[None]] = []

    def pids(self) -> dict[str, list[int]]:
        """The living, by role."""
        found: dict[str, list[int]] = {}
        for child in self.children:
            living = [child.process.pid] if child.process and child.alive else []
            found.setdefault(child.name, []).extend(living)
        return found

    def start(self, child: Child) -> None:
        """Start a child and keep it.

        Raises:
            CannotStart: not even the first start worked.
        """
        child.process = child.launch()
        self.children.append(child)
        self.keep(child)

    def keep(self, child: Child) -> None:
        """Restart one of the children, which works by now, whenever it dies."""
        child.works = True
        self._keepers.append(asyncio.create_task(self._keep(child)))

    def failure(self) -> BaseException | None:
        """A defect of the supervisor itself: a keeper that ended by an error."""
        for keeper in self._keepers:
            if keeper.done() and not keeper.cancelled() and keeper.exception():
                return keeper.exception()
        return None

    async def stop(self, order: Sequence[tuple[Sequence[str], float]]) -> list[str]:
        """Stop group by group: (roles, seconds until they are killed); who had to be killed."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        killed: list[str] = []
        for names, seconds in order:
            group = [child for child in self.children if child.name in names and child.alive]
            killed += await _stop_group(group, seconds)
        return killed

    def kill(self) -> None:
        """End everything at once; every server and role recovers from that."""
        for child in self.children:
            if child.process and child.alive:
                child.process.kill()

    async def _keep(self, child: Child) -> None:
        pause = _FIRST_PAUSE
        while True:
            begun = time.monotonic()
            await _until(lambda: not child.alive, float("inf"))
            if time.monotonic() - begun > _SETTLED:
                pause = _FIRST_PAUSE
            child.works = False
            child.deaths += 1
            self._say(f"{child.label} {_ending(child)}; it starts again in {pause:g} s")
            self._changed()
            await asyncio.sleep(pause)
            await _until(lambda: not self._lacks_for(child), float("inf"))
            pause = min(pause * 2, _LONGEST_PAUSE)
            try:
                child.process = child.launch()
                await _until(child.is_ready, _READY_WITHIN)
            except (CannotStart, OSError) as error:
                self._say(f"{child.label} did not start: {error}")
                continue
            child.works = True
            self._say(f"{child.label} is back")
            self._changed()

    def _lacks_for(self, child: Child) -> bool:
        """Whether something is away that this one cannot begin without."""
        if child.needed or child.patient:
            return False
        return any(each.needed and not (each.works and each.alive) for each in self.children)


def _ending(child: Child) -> str:
    code = child.process.returncode if child.process else None
    if code is None:
        return "did not start"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Look again and again: the end of a process is no event that a loop could wait for."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - another process does it, without an event for us
        await asyncio.sleep(_LOOK)


async def _stop_group(group: list[Child], seconds: float) -> list[str]:
    for child in group:
        if child.process:
            child.process.send_signal(child.ask)
    await _until(lambda: not any(child.alive for child in group), seconds)
    killed = [child for child in group if child.alive]
    for child in killed:
        if child.process:
            child.process.kill()
            await asyncio.to_thread(child.process.wait)
    return [child.label for child in killed]
