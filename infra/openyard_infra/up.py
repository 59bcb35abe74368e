"""``openyard up``: claims its directory and its port, then runs the stack until a signal."""

import contextlib
import signal
from collections.abc import Generator
from types import FrameType

import uvloop

from openyard_infra import serving
from openyard_infra.directory import Directory
from openyard_infra.embedded.processes import CannotStart
from openyard_infra.stack import Options, Stack, say

__all__ = ["Options", "run"]


class _Interrupted(BaseException):
    """A signal came before the event loop took over."""


def run(options: Options) -> int:
    """Run until a signal comes; the exit code."""
    try:
        with _interrupts():
            directory = Directory(options.directory)
            try:
                with serving.claim(
                    options.host, options.port, patient=directory.killed_before
                ) as listening:
                    uvloop.run(Stack(options, directory, listening).run())
            finally:
                directory.release()
    except CannotStart as error:
        say(str(error))
        return 1
    except _Interrupted:
        say("stopped")
    return 0


@contextlib.contextmanager
def _interrupts() -> Generator[None, None, None]:
    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise _Interrupted

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
