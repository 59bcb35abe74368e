"""Reading HTTP answers from a raw connection, one at a time."""

_SEPARATOR = b"\r\n\r\n"
_LENGTH = b"content-length"
_LOCATION = b"location"
_ERRORS = "4"  # statuses from here on are errors


class Answer:
    """One answer as it comes in. ``status``: its three digits; ``location``: where it points.

    The body is counted, not kept: half a megabyte of it must not cost the client's time. Only an
    error's is wanted, for what it says.
    """

    def __init__(self) -> None:
        self.status = ""
        self.location = ""
        self.error = b""
        self._head = b""
        self._missing = 0  # bytes of the body still to come

    def feed(self, data: bytes) -> bool:
        """Take in what came; True: this was the last of it."""
        if self.status:
            self._missing -= len(data)
            self._keep(data)
        else:
            self._begin(data)
        return bool(self.status) and not self._missing

    def _begin(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(_SEPARATOR)
        if end < 0:
            return
        head, body = self._head[:end], self._head[end + len(_SEPARATOR) :]
        self.status = head[9:12].decode()
        # A 304 tells the length of what it does not send.
        length = 0 if self.status == "304" else int(_header(head, _LENGTH) or 0)
        self._missing = length - len(body)
        if self.status == "202":
            self.location = _header(head, _LOCATION).decode()
        self._keep(body)

    def _keep(self, data: bytes) -> None:
        if self.status >= _ERRORS:
            self.error += data


def _header(head: bytes, name: bytes) -> bytes:
    """The value of a header, names in any case; empty where it is missing."""
    at = head.lower().find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end > 0 else len(head)].strip()
