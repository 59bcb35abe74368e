"""Reservations as they were decided, written set-based: one statement, whatever their number."""

import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from openyard_platform.domain.reservations import Reservation

_to_json = msgspec.json.Encoder(decimal_format="number").encode

_USUAL = {
    "id": "uuid",
    "slot_id": "uuid",
    "account_id": "uuid",
    "holder_id": "uuid",
    "party_nos": "int[]",
    "seats": "int",
    "held": "int",
    "status": "text",
    "position": "int8",
    "audiences": "text[]",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
# With what the table has as defaults, and a new reservation nearly always: a column that is not
# sent costs nothing. These are a fifth of what it costs to write a decision.
_RARE: dict[str, tuple[str, Any]] = {
    "adults": ("int", 0),
    "refusals": ("jsonb", []),
    "skips": ("jsonb", []),
    "needs_reconfirm": ("bool", False),
    "cancelled_by": ("text", None),
    "reason": ("text", None),
    "note": ("text", None),
    "allotment": ("text", None),
    "allotted": ("int", 0),
    "offered_at": ("timestamptz", None),
    "offer_expires_at": ("timestamptz", None),
    "revision": ("int", 1),
    "sequence": ("int", 0),
}
_ALL = _USUAL | {name: kind for name, (kind, _) in _RARE.items()}
_CHANGING = {
    name: kind
    for name, kind in _ALL.items()
    if name not in {"account_id", "holder_id", "party_nos", "refusals", "note", "created_at"}
}


_rare_of = operator.attrgetter(*_RARE)
_DEFAULTS = tuple(default for _, default in _RARE.values())


def is_usual(new: Reservation) -> bool:
    """Whether ``INSERT_USUAL`` says all of it."""
    return bool(_rare_of(new) == _DEFAULTS)


def usual_columns(new: Collection[Reservation]) -> list[Sequence[Any]]:
    """The arguments of ``INSERT_USUAL``."""
    return _columns(new, _USUAL)


async def insert(connection: Any, new: Collection[Reservation]) -> None:
    usual: list[Reservation] = []
    others: list[Reservation] = []
    for one in new:
        (usual if is_usual(one) else others).append(one)
    if usual:
        await connection.execute(INSERT_USUAL, *usual_columns(usual))
    if others:
        await connection.execute(_INSERT_ALL, *_columns(others, _ALL))


async def update(connection: Any, changed: Collection[Reservation]) -> None:
    if changed:
        await connection.execute(_UPDATE, *_columns(changed, _CHANGING))


def _from_arrays(types: Mapping[str, str]) -> str:
    """Lists and documents go as text: a list of lists would have to be a table."""
    arrays = ", ".join(f"${n}::{_sent(kind)}[]" for n, kind in enumerate(types.values(), 1))
    return f"unnest({arrays}) AS q ({', '.join(types)})"


def _sent(kind: str) -> str:
    return "text" if kind == "jsonb" or kind.endswith("[]") else kind


def _insert(types: Mapping[str, str]) -> str:
    values = ", ".join(f"{name}::{kind}" for name, kind in types.items())
    return (
        f"INSERT INTO reservation ({', '.join(types)}) "  # noqa: S608 - made of constants
        f"SELECT {values} FROM {_from_arrays(types)}"
    )


def _update(types: Mapping[str, str]) -> str:
    changes = ", ".join(
        f"{name} = q.{name}::{kind}" for name, kind in types.items() if name != "id"
    )
    return (
        f"UPDATE reservation r SET {changes} "  # noqa: S608 - made of constants
        f"FROM {_from_arrays(types)} WHERE r.id = q.id"
    )


INSERT_USUAL = _insert(_USUAL)
_INSERT_ALL = _insert(_ALL)
_UPDATE = _update(_CHANGING)


def _columns(rows: Collection[Reservation], types: Mapping[str, str]) -> list[Sequence[Any]]:
    return [_column(rows, name, kind) for name, kind in types.items()]


def _column(rows: Iterable[Reservation], name: str, kind: str) -> Sequence[Any]:
    values = [getattr(one, name) for one in rows]
    if kind == "jsonb":
        return [_to_json(value).decode() for value in values]
    if kind.endswith("[]"):
        return ["{" + ",".join(map(str, value)) + "}" for value in values]
    return values
