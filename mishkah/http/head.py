"""The head of a request, as values. No I/O."""

from collections.abc import Mapping

import h11
import msgspec

MAX_HEAD = 16 * 1024
"""Bytes of a request's head."""


class Head(msgspec.Struct, frozen=True):
    """The head of a request. Headers that come twice are joined with commas; names are lower."""

    method: str
    target: str
    headers: Mapping[str, str]
    raw: tuple[tuple[bytes, bytes], ...]
    http_version: str

    @property
    def upgrades(self) -> bool:
        """Whether a WebSocket is asked for; other upgrades may be passed over (RFC 9110, 7.8)."""
        offered = self.headers.get("upgrade", "").lower().split(",")
        return "websocket" in (name.strip() for name in offered)

    def again(self) -> bytes:
        """Return the head as bytes, for who has to read it after us."""
        lines = [f"{self.method} {self.target} HTTP/1.1".encode()]
        lines += [name + b": " + value for name, value in self.raw]
        return b"\r\n".join(lines) + b"\r\n\r\n"


def head_of(request: h11.Request) -> Head:
    """Return *request* as h11 has read it."""
    headers: dict[str, str] = {}
    for name, value in request.headers:
        key, text = name.decode("ascii"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return Head(
        request.method.decode("ascii"),
        request.target.decode("ascii"),
        headers,
        tuple(request.headers),
        request.http_version.decode("ascii"),
    )
