"""Everything the application refuses, as one tree.

* OpenyardError
  + Invalid         the request itself cannot be understood
  + NotAllowed      the actor may not do this
    - LogInNeeded
  + NotFound        there is no such thing, or it is somebody else's
  + Conflict        it is understood and allowed, but not possible as things stand
    - Refused       a rule of the domain says no, with coded reasons
    - Stale         somebody changed it in the meantime
  + TooMany         tried too often
  + Unavailable     a server we need does not answer; trying again helps
"""

from typing import Any


class OpenyardError(Exception):
    """The platform says no; the message is fit for its users. ``code`` is for programs."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, **parameters: Any) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.parameters = parameters


class Invalid(OpenyardError):
    code = "invalid"


class NotAllowed(OpenyardError):
    code = "not_allowed"


class LogInNeeded(NotAllowed):
    code = "log_in_needed"


class NotFound(OpenyardError):
    code = "not_found"


class Conflict(OpenyardError):
    code = "conflict"


class Refused(Conflict):
    """``parameters["refusals"]``: every code that applies, with its parameters."""

    code = "refused"


class Stale(Conflict):
    code = "stale"


class TooMany(OpenyardError):
    """``parameters["retry_after"]``: seconds."""

    code = "too_many"


class Unavailable(OpenyardError):
    code = "unavailable"
