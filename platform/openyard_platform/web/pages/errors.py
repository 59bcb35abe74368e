"""What goes wrong, as a page a person can read; programs get problem details as ever."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.exceptions import HTTPException

from openyard_platform.web import problems
from openyard_platform.web.pages import complaints, rendering

# For the handlers of pages, beside their policy.
OPT = {"page": True}


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A page for people who look at pages, else the problem details of the API."""
    if not _wants_page(request):
        return problems.problem(request, error)
    told = problems.tell(error)
    if told.status == HTTPStatus.UNAUTHORIZED and request.method == "GET":
        query = request.url.query
        here = f"{request.url.path}?{query}" if query else request.url.path
        return rendering.go(f"/login?next={quote(here, safe='/')}")
    if told.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        problems.problem(request, error)  # for its line in the log
    title, text = complaints.heading(told.code, told.status)
    return rendering.plain(
        request,
        "error.html",
        {
            "actor": request.scope.get("actor"),
            "status": told.status,
            "title": title,
            "text": text,
            "refusals": told.parameters.get("refusals", []),
        },
        told.status,
        told.headers,
    )


def _wants_page(request: Request[Any, Any, Any]) -> bool:
    """A handler of pages, or an unknown address that a browser was sent to."""
    handler = request.scope.get("route_handler")
    if handler is not None:
        return bool(handler.opt.get("page"))
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(
        ("/api/", "/feeds/", "/venues/", "/spaces/", "/districts/")
    )


HANDLERS: dict[int | type[Exception], Any] = {HTTPException: answer, Exception: answer}
