"""A request that is not served, and the plain answer that it gets."""

from collections.abc import Sequence
from http import HTTPStatus


class Turned(Exception):
    """A request that is not let in: the HTTP status, a sentence, and headers that help."""

    def __init__(self, status: int, text: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        self.status = status
        self.text = text
        self.headers = headers
        super().__init__(text)

    def response(self) -> bytes:
        """Return the whole response; the connection ends with it."""
        body = self.text.encode() + b"\n"
        lines = [
            b"HTTP/1.1 %d %b" % (self.status, HTTPStatus(self.status).phrase.encode()),
            b"Content-Type: text/plain; charset=utf-8",
            b"Content-Length: %d" % len(body),
            b"Connection: close",
            *(f"{name}: {value}".encode() for name, value in self.headers),
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body
