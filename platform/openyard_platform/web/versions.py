"""The header If-Match: which version of a thing a change starts from."""

import re

from openyard_platform.domain.errors import Invalid

_TAG = re.compile(r'(?:W/)?"?([0-9]{1,16})"?')


def of_header(if_match: str | None) -> int | None:
    """The version; None: the header is not there, or names any.

    Raises:
        Invalid: it holds something else.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise Invalid('The header If-Match names the version, e.g. "3".', code="if_match_wrong")
    return int(found[1])
