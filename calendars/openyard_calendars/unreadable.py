"""Why something in a calendar file is not taken over."""

from msgspec import Struct

MAX_UID = 200


class Unreadable(Struct, frozen=True, kw_only=True, tag="unreadable"):
    """``uid``: of the event, empty for the file as a whole. ``code`` is for programs."""

    uid: str
    code: str
    message: str


class CannotRead(ValueError):
    """One event, or one property of it, is outside what we take over."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def of(self, uid: str) -> Unreadable:
        return Unreadable(uid=uid[:MAX_UID], code=self.code, message=str(self))
