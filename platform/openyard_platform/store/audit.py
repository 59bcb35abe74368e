"""The audit log: who did what to what, and when. Rows are only ever added."""

import datetime as dt
from typing import Any
from uuid import UUID

from openyard_platform.store import engine


async def record(
    at: dt.datetime, actor_id: UUID | None, action: str, subject_id: UUID | None, **detail: Any
) -> None:
    """``action``: like ``child.added``. ``detail``: ids and codes, never names."""
    await engine.fetch(
        "INSERT INTO audit (at, actor_id, action, subject_id, detail) VALUES ($1, $2, $3, $4, $5)",
        *(at, actor_id, action, subject_id, detail),
    )
