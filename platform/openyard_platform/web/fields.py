"""Kinds of text that bodies hold."""

from typing import Annotated

from msgspec import Meta

# No control characters: PostgreSQL takes no NUL, and a line break has no place in a name.
_LINE = r"\A[^\x00-\x1f\x7f]*\Z"
_LINES = r"\A[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f]*\Z"

Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=_LINE)]
Line = Annotated[str, Meta(pattern=_LINE)]
Name = Annotated[str, Meta(min_length=1, max_length=80, pattern=_LINE)]
Text = Annotated[str, Meta(max_length=1000, pattern=_LINES)]
Key = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
# Only bounds that keep hashing cheap; what a password needs is the domain's to say.
Password = Annotated[str, Meta(max_length=1024)]
Code = Annotated[str, Meta(pattern=r"\A[0-9]{6}\Z")]
