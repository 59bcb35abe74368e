"""The data directory of ``openyard up``: claimed by one process, with one secret in it."""

import contextlib
import fcntl
import os
from pathlib import Path

import msgspec

from openyard_infra import keys
from openyard_infra.embedded.processes import CannotStart


class Directory:
    """A claimed data directory; nobody else can claim it while this process lives."""

    def __init__(self, path: Path) -> None:
        """Claim ``path``, made where it is missing.

        Raises:
            CannotStart: somebody else has it, or we may not use it.
        """
        self.path = path.absolute()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._open_the_way()
            self._lock, self.killed_before = self._claim()
            self.secret = keys.read_or_create(self.path / "secret")
            (self.path / "ready.json").unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError):
                reason = f"{error.strerror} ({error.filename or path})"
                raise CannotStart(f"The data directory {path} cannot be used: {reason}.") from error
            raise CannotStart(str(error)) from error

    def log(self, name: str) -> Path:
        return self.path / "log" / f"{name}.log"

    def release(self) -> None:
        """Leave it in order. After a kill the kernel lets go of the lock all the same."""
        with contextlib.suppress(OSError):
            (self.path / "ready.json").unlink(missing_ok=True)
            os.ftruncate(self._lock, 0)
        os.close(self._lock)

    def write_json(self, name: str, content: object) -> None:
        """Replace a file by this content in one step, readable by its owner only."""
        draft = self.path / f"{name}.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
        draft.replace(self.path / name)

    def read_json(self, name: str) -> dict[str, object]:
        """What was written before; empty where it is missing or damaged."""
        try:
            return msgspec.json.decode((self.path / name).read_bytes(), type=dict[str, object])
        except (OSError, msgspec.DecodeError):
            return {}

    def _open_the_way(self) -> None:
        """Let PostgreSQL's user pass through, where we are root and the directory is ours.

        Pass, not read; and never a directory that holds somebody's other things.
        """
        mode = self.path.stat().st_mode & 0o777
        ours = (self.path / "secret").exists() or not any(self.path.iterdir())
        wanted = mode | 0o011 if os.geteuid() == 0 else mode & 0o700
        if ours and mode != wanted and self.path.stat().st_uid == os.geteuid():
            self.path.chmod(wanted)

    def _claim(self) -> tuple[int, bool]:
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "?"
            os.close(descriptor)
            raise CannotStart(
                f"{self.path} is in use by another 'openyard up' (process {holder}): "
                "stop that one, or choose another --data-dir."
            ) from None
        killed_before = os.fstat(descriptor).st_size > 0
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor, killed_before
