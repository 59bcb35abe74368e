"""Whether this process lives, whether it can work, and what it has counted."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from litestar import Request, Response, get

from openyard_platform.store import engine
from openyard_platform.web import auth

_PATIENCE = 2.0
_TEXT = "text/plain; version=0.0.4"  # Litestar adds the charset


@get("/healthz", opt=auth.PUBLIC, operation_id="health", tags=["operation"])
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@get("/readyz", opt=auth.PUBLIC, operation_id="readiness", tags=["operation"])
async def readyz(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """Each server we need: ``ok``, or what is wrong with it. 503 if anything is."""
    state = request.app.state
    names = ("database", "nats", "valkey")
    found = await asyncio.gather(
        _check(engine.fetch("SELECT 1")),
        _check(state.nats.flush(_PATIENCE)),
        _check(state.valkey.ping()),
    )
    healthy = all(answer == "ok" for answer in found)
    return Response(
        dict(zip(names, found, strict=True)),
        status_code=200 if healthy else 503,
        headers={} if healthy else {"Retry-After": "1"},
    )


@get("/metrics", opt=auth.PUBLIC, operation_id="metrics", tags=["operation"], media_type=_TEXT)
async def metrics(request: Request[Any, Any, Any]) -> bytes:
    text: bytes = request.app.state.metrics.text()
    return text


async def _check(question: Awaitable[Any]) -> str:
    try:
        await asyncio.wait_for(question, _PATIENCE)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not ready
        return type(error).__name__
    return "ok"


handlers = [healthz, readyz, metrics]
