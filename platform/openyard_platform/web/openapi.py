"""The OpenAPI document, with the errors as they are."""

from typing import Any

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. Some codes add members, e.g. ``refusals`` or ``errors``.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "refusals": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code"],
                "properties": {"code": {"type": "string"}},
            },
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "code", "message"],
                "properties": {
                    "path": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_ANSWER = {
    "description": "What is wrong",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
# Refused with every code that applies; not accepted at all, and nothing will happen.
_DECIDED = ("409", "503")
_ALSO = {"reserve": _DECIDED, "cancelReservation": _DECIDED, "changeReservation": _DECIDED}


class Json(JsonRenderPlugin):
    """Serves the document."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return super().render(request, document(openapi_schema))


def document(made: dict[str, Any]) -> dict[str, Any]:
    """What Litestar made, told that every error is a problem, and none a 400 in its own words."""
    components = made["components"]
    schemas = {**components.get("schemas", {}), "Problem": _PROBLEM}
    paths = {
        path: {
            method: _operation(each) if isinstance(each, dict) else each
            for method, each in methods.items()
        }
        for path, methods in made["paths"].items()
    }
    return {**made, "paths": paths, "components": {**components, "schemas": schemas}}


def _operation(made: dict[str, Any]) -> dict[str, Any]:
    found = made.get("responses", {})
    kept = {status: answer for status, answer in found.items() if status != "400"}
    if "400" in found:
        kept["422"] = _ANSWER
    kept.update((status, _ANSWER) for status in _ALSO.get(made.get("operationId", ""), ()))
    return {**made, "responses": {**kept, "default": _ANSWER}}
