"""Log lines on standard error, one form for all roles."""

import logging
import sys


def configure(role: str) -> None:
    """Every line says when, which role, how bad, and where it comes from."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s {role} %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for chatty in ("nats", "httpx", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
