"""What opens the demo city's accounts: all of it follows from the secret of the directory."""

import hashlib

from openyard_infra import keys


def password(secret: str) -> str:
    """The one password of all demo accounts of this directory."""
    return keys.derive(secret, "demo password")[:12]


def token(secret: str, login: str) -> str:
    """The API token of one demo account."""
    return f"oy_{keys.derive(secret, f'token:{login}')}"


def token_hash(text: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(text.encode()).digest()
