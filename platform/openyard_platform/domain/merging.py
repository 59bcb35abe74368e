"""JSON merge patches (RFC 7386)."""

from typing import Any


def merge(document: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """A new document: null takes a field away, an object is merged, all else replaces."""
    merged = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = merge(merged.get(name), value)
        else:
            merged[name] = value
    return merged
