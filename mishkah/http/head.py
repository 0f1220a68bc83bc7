"""The head of a request, as values. No I/O.

h11 reads it; what h11 lets pass and two servers may read differently is refused before and after.
"""

import re
from collections.abc import Mapping

import h11
import msgspec

from mishkah.http.turned import Turned

MAX_HEAD = 16 * 1024
"""Bytes of a request's head."""
_END = b"\r\n\r\n"
_UNFIT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r[^\n]|\r\n[ \t]")
"""Controls, a CR or LF alone, folded lines: nothing that a head of today has (RFC 9112, 2.2)."""
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.ASCII | re.IGNORECASE)


class Head(msgspec.Struct, frozen=True):
    """The head of a request. Headers that come twice are joined with commas; names are lower.

    `target` is a path with its query, or ``*``.
    """

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

    @property
    def brings(self) -> bool:
        """Whether a body follows."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    @property
    def forwarded(self) -> bool:
        """Whether a proxy has passed the request on, and says so."""
        return not self.headers.keys().isdisjoint(_FORWARDED)

    def unforwarded(self) -> "Head":
        """Return this head without what proxies tell: it comes from none that is believed."""
        return msgspec.structs.replace(
            self,
            headers={name: text for name, text in self.headers.items() if name not in _FORWARDED},
            raw=tuple(one for one in self.raw if one[0].decode("ascii") not in _FORWARDED),
        )

    def again(self) -> bytes:
        """Return an upgrade's head as bytes, for who shakes hands and knows the rest already.

        It has only the upgrade that is accepted, and of all else what the answer depends on, since
        it is kept as long as the WebSocket is open.
        """
        lines = [b"GET / HTTP/1.1"]
        lines += [name + b": " + value for name, value in self.raw if name in _SHAKEN]
        lines += [b"upgrade: websocket", b"connection: Upgrade"]
        return b"\r\n".join(lines) + _END


_SHAKEN = (
    b"host", b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-protocol",
)  # fmt: skip
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
_ONCE = ("authorization", "cookie", "sec-fetch-site")
"""What says who sends a request: of two, a proxy may have judged the other one."""


def head_size(received: bytearray, seen: int) -> int:
    """Return how many of the *received* bytes are the next head; 0 where it is not whole yet.

    Of these *seen* were looked at before. Empty lines before it are taken away, since some clients
    send one too many (RFC 9112, 2.2). Raises `Turned` as soon as it can't be a head.
    """
    while received.startswith(b"\r\n"):
        del received[:2]
    begin = max(seen - 3, 0)
    end = received.find(_END, begin)
    size = len(received) if end < 0 else end + len(_END)
    if _UNFIT.search(received, begin, size):
        raise Turned(400, "This is not an HTTP request.")
    if size > MAX_HEAD:
        raise Turned(431, f"The head of a request has at most {MAX_HEAD} bytes.")
    return 0 if end < 0 else size


def read_head(parser: h11.Connection, data: bytes) -> Head:
    """Return the head that *data* is, of that `head_size`. Raises `Turned`."""
    parser.receive_data(data)
    event = next_event(parser)
    if not isinstance(event, h11.Request):
        raise Turned(400, "This is not an HTTP request.")
    return _head_of(event)


def next_event(parser: h11.Connection) -> object:
    """Return what has come, as h11 has it. Raises `Turned` for what is not HTTP."""
    try:
        return parser.next_event()
    except h11.RemoteProtocolError as error:
        raise Turned(error.error_status_hint, "This is not an HTTP request.") from error


def _head_of(request: h11.Request) -> Head:
    """Return *request* as h11 has read it. Raises `Turned` for one that is read in two ways."""
    headers: dict[str, str] = {}
    for name, value in request.headers:
        key, text = name.decode("ascii"), value.decode("latin-1")
        if key in headers and key in _ONCE:
            raise Turned(400, "A header comes twice that may come once.")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    version = request.http_version.decode("ascii")
    if version not in ("1.0", "1.1"):
        raise Turned(505, "This server speaks HTTP/1.1.")
    if "transfer-encoding" in headers and ("content-length" in headers or version == "1.0"):
        raise Turned(400, "The length of this request is told in two ways.")
    method = request.method.decode("ascii")
    target = _origin_form(method, request.target.decode("ascii"), headers.get("host", ""))
    return Head(method, target, headers, tuple(request.headers), version)


def _origin_form(method: str, target: str, host: str) -> str:
    """Return *target* as a path with its query, or ``*`` (RFC 9112, 3.2)."""
    if method == "CONNECT":
        raise Turned(501, "This server is no proxy.")
    if target.startswith("/") or (target == "*" and method == "OPTIONS"):
        return target
    found = _ABSOLUTE.fullmatch(target)
    if found is None or found[1].lower() != host.lower():
        raise Turned(400, "The target is neither a path nor a URL of this host.")
    return found[2] if found[2].startswith("/") else f"/{found[2]}"
