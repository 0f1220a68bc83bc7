"""A request that is not served, and the plain answer that it gets."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.exceptions import HTTPException


class Turned(HTTPException):
    """A request that is not let in: the HTTP status, a sentence, and headers that help.

    An application on Starlette that lets it pass through answers it in its own manner.
    """

    def __init__(self, status: int, text: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(status, text, dict(headers))
        self.status = status
        self.text = text

    def response(self, *, bodiless: bool = False) -> bytes:
        """Return the whole response, without its body for a HEAD; the connection ends with it."""
        body = self.text.encode() + b"\n"
        lines = [
            b"HTTP/1.1 %d %b" % (self.status, HTTPStatus(self.status).phrase.encode()),
            b"Content-Type: text/plain; charset=utf-8",
            b"Content-Length: %d" % len(body),
            b"Connection: close",
            *(f"{name}: {value}".encode() for name, value in (self.headers or {}).items()),
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if bodiless else body)


class CutOff(Exception):
    """The rest of a response that has begun is for nobody any more; its connection ends."""
