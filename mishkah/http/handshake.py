"""The head of a request: who may open a WebSocket here, decided before trio-websocket sees it.

No I/O. Whatever passes is a well-formed opening handshake (RFC 6455, 4.2.1) from a page or program
that may speak to this server; everything else gets a plain HTTP answer.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

import h11
import msgspec

MAX_HEAD = 16 * 1024
SUBPROTOCOL = "mishkah.v1"

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?", re.ASCII)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)
_REASONS = {
    400: b"Bad Request",
    403: b"Forbidden",
    405: b"Method Not Allowed",
    426: b"Upgrade Required",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
}


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
            b"HTTP/1.1 %d %b" % (self.status, _REASONS[self.status]),
            b"Content-Type: text/plain; charset=utf-8",
            b"Content-Length: %d" % len(body),
            b"Connection: close",
            *(f"{name}: {value}".encode() for name, value in self.headers),
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Upgrade(msgspec.Struct, frozen=True):
    """An opening handshake that is let in; `query` is the target's, decoded, in order.

    *v1* is true where the client offers the subprotocol `mishkah.v1`.
    """

    query: tuple[tuple[str, str], ...]
    v1: bool = False

    def parameter(self, name: str) -> str | None:
        """Return the one value of *name*, None without it, and "" where it is given twice."""
        values = [value for key, value in self.query if key == name]
        return "" if len(values) > 1 else next(iter(values), None)


class Guests(msgspec.Struct, frozen=True):
    """Which names this server answers to, and whose pages may speak to it.

    Loopback names and bare addresses are always among its names: neither can be rebound by DNS.
    """

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()

    def check(self, host: str, origin: str | None) -> None:
        """Raise `Turned` for a foreign Host (DNS rebinding) or Origin (cross-site hijacking)."""
        name = host_name(host)
        if name is None:
            raise Turned(400, "The Host header is not a host.")
        if not (is_loopback(name) or _is_address(name) or name in self.hosts):
            raise Turned(403, "This server does not answer to this Host; see serve --allow-host.")
        if origin is None or origin in self.origins:
            return
        page = _origin_host(origin)
        if page is None or not (page.lower() == host.lower() or is_loopback(host_name(page) or "")):
            raise Turned(403, "Pages of this Origin may not connect; see serve --allow-origin.")


def host_name(host: str) -> str | None:
    """Return the name in ``name[:port]``, in lower case, or None where it is no such thing."""
    found = _HOST.fullmatch(host)
    return found[1].lower() if found else None


def is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def is_origin(text: str) -> bool:
    """Tell whether browsers may send *text* as an origin (RFC 6454, 6.1); apps have own schemes."""
    scheme, mark, host = text.partition("://")
    return text == "null" or bool(mark and _SCHEME.fullmatch(scheme) and _HOST.fullmatch(host))


def _origin_host(origin: str) -> str | None:
    """Return ``host[:port]`` of an origin (RFC 6454, 7), or None where it has none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    plain = parts.scheme in ("http", "https") and not (parts.path or parts.query or parts.fragment)
    return parts.netloc if plain and "@" not in parts.netloc else None


def read_upgrade(head: bytes, guests: Guests) -> Upgrade:
    """Return the handshake whose head, up to its blank line, is *head*; or raise `Turned`."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
    connection.receive_data(head)
    try:
        request = connection.next_event()
    except h11.RemoteProtocolError as error:
        raise Turned(400, "This is not an HTTP request.") from error
    if not isinstance(request, h11.Request):
        raise Turned(400, "This is not an HTTP request.")
    headers: dict[str, str] = {}
    for name, value in request.headers:
        try:
            text = value.decode("ascii")
        except UnicodeDecodeError as error:
            raise Turned(400, "A header has a byte that is not ASCII.") from error
        key = name.decode("ascii")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    _check_upgrade(request, headers)
    guests.check(headers["host"], headers.get("origin"))
    offered = headers.get("sec-websocket-protocol", "").split(",")
    v1 = SUBPROTOCOL in (name.strip() for name in offered)
    return Upgrade(tuple(_query(request.target.decode("ascii"))), v1)


def _check_upgrade(request: h11.Request, headers: dict[str, str]) -> None:
    if request.method != b"GET":
        raise Turned(405, "Only GET is served here.", [("Allow", "GET")])
    if request.http_version != b"1.1" or "host" not in headers:
        raise Turned(400, "A request is HTTP/1.1 and has a Host.")
    if headers.get("upgrade", "").lower() != "websocket":
        raise Turned(
            426,
            "This is a Mishkah server. It speaks WebSocket:"
            " connect to ws://HOST/?branch=BRANCH&module=MODULE",
            [("Upgrade", "websocket")],
        )
    tokens = [token.strip().lower() for token in headers.get("connection", "").split(",")]
    if "upgrade" not in tokens:
        raise Turned(400, "The Connection header does not say Upgrade.")
    if "content-length" in headers or "transfer-encoding" in headers:
        raise Turned(400, "An upgrade has no body.")
    if headers.get("sec-websocket-version") != "13":
        raise Turned(
            426, "This server speaks WebSocket version 13.", [("Sec-WebSocket-Version", "13")]
        )
    if not _is_key(headers.get("sec-websocket-key", "")):
        raise Turned(400, "Sec-WebSocket-Key is not 16 bytes in base64.")


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _query(target: str) -> list[tuple[str, str]]:
    """Return the query of *target*; an empty value is kept, since it is not the same as none."""
    try:
        return parse_qsl(
            urlsplit(target).query, keep_blank_values=True, max_num_fields=50, errors="strict"
        )
    except ValueError as error:
        raise Turned(400, "The query can't be read.") from error
