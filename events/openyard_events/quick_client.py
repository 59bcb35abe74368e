"""The bus client, quicker at what comes with every fact: nine headers."""

from nats.aio.client import Client

_BLANKS = " \t\n\r\x0b\x0c"  # what bytes.strip() takes away


class QuickClient(Client):
    """nats-py's own, which reads headers of ASCII letters in less than half the time.

    It looks for blanks in a name letter by letter and decodes each value by itself.
    """

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        try:
            text = raw.decode("ascii")
        except UnicodeDecodeError:
            return Client._parse_header_lines(raw)  # noqa: SLF001 - the method it stands for
        found = {}
        for line in text.split("\r\n"):
            name, colon, value = line.partition(":")
            key = name.strip(_BLANKS)
            # A name with a blank inside is none.
            if colon and (not key or key.split() == [key]):
                found[key] = value.strip(_BLANKS)
        return found
