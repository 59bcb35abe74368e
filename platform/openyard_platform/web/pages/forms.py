"""Reading what a form sent: texts as they were typed, numbers and ids where they are ones."""

from typing import Any
from uuid import UUID

from litestar import Request
from msgspec import Struct, field

_LONGEST_TEXT = 4000


class Form(Struct, kw_only=True):
    """The fields, and what is wrong with them as it is found. ``errors``: field → sentence."""

    values: dict[str, list[str]]
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, *, default: str = "") -> str:
        """What was typed, without blanks around it and without control characters."""
        found = self.values.get(name, [])
        typed = found[0] if found else default
        kept = (letter for letter in typed if letter >= " " or letter == "\n")
        return "".join(kept).strip()[:_LONGEST_TEXT]

    def secret(self, name: str) -> str:
        """A password, exactly as it was typed."""
        found = self.values.get(name, [])
        return found[0] if found else ""

    def ticked(self, name: str) -> bool:
        return bool(self.values.get(name))

    def number(self, name: str, low: int, high: int, *, default: int | None = None) -> int:
        """A whole number within bounds; otherwise an error stands beside the field."""
        typed = self.text(name)
        if not typed and default is not None:
            return default
        # ``isdecimal`` takes full-width figures too, as Chinese keyboards send them.
        if typed.isdecimal() and len(typed) < len("1000000000") and low <= int(typed) <= high:
            return int(typed)
        self.errors[name] = f"请填 {low} 到 {high} 之间的数字。"
        return low

    def ids(self, name: str) -> list[UUID]:
        """All ids of this name; what is none is passed over, as nobody types ids."""
        return [known for text in self.values.get(name, []) if (known := _id(text)) is not None]

    def id(self, name: str) -> UUID | None:
        found = self.ids(name)
        return found[0] if found else None


async def read(request: Request[Any, Any, Any]) -> Form:
    """The form in the body; files and nested things are no part of ours."""
    sent = await request.form()
    values: dict[str, list[str]] = {}
    for name, value in sent.multi_items():
        if isinstance(value, str):
            values.setdefault(name, []).append(value)
    return Form(values=values)


def clamp(value: int, low: int | None, high: int | None) -> int:
    return max(low or 1, min(value, high if high is not None else value))


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
