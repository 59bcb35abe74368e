"""The one secret of a data directory, and everything derived from it."""

import hmac
import os
import secrets
from pathlib import Path

_LENGTH = 64


def read_or_create(file: Path) -> str:
    """The secret in ``file`` (mode 0600), made at the first call.

    Raises:
        OSError: it can neither be read nor made.
        ValueError: the file is there and holds no secret of ours.
    """
    if not file.exists():
        draft = file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(_LENGTH // 2) + "\n")
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    secret = file.read_text("utf-8").strip()
    if len(secret) != _LENGTH:
        raise ValueError(f"{file} is damaged: it should hold {_LENGTH} characters.")
    return secret


def derive(secret: str, label: str) -> str:
    """A password, token body or key for ``label``: 64 hexadecimal digits, always the same."""
    return hmac.digest(secret.encode(), label.encode(), "sha256").hex()
