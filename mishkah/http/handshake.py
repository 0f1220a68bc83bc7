"""A request that asks for a WebSocket: a well-formed opening handshake (RFC 6455, 4.2.1), or none.

No I/O; decided before trio-websocket sees it, which takes a bad one worse.
"""

import base64
import binascii
import re
from urllib.parse import parse_qsl, urlsplit

import msgspec

from mishkah.core.messages import Subscribe
from mishkah.http.credentials import token_of
from mishkah.http.guests import Caller
from mishkah.http.head import Head
from mishkah.http.turned import Turned

SUBPROTOCOL = "mishkah.v1"
_NUMBER = re.compile(r"\d{1,16}", re.ASCII)


class Upgrade(msgspec.Struct, frozen=True):
    """An opening handshake that is let in; `query` is the target's, decoded, in order.

    *v1* is true where the client offers the subprotocol `mishkah.v1`. *token* is what it shows of
    itself, if anything, and *address* where it comes from.
    """

    query: tuple[tuple[str, str], ...]
    v1: bool = False
    token: str | None = None
    address: str | None = None

    def parameter(self, name: str) -> str | None:
        """Return the one value of *name*, None without it, and "" where it is given twice."""
        values = [value for key, value in self.query if key == name]
        return "" if len(values) > 1 else next(iter(values), None)

    @property
    def subscription(self) -> Subscribe:
        """What a seed socket's URL asks for; a cursor that is none is as none at all."""
        tables, since = self.parameter("tables"), self.parameter("since")
        return Subscribe(
            tables=None if tables is None else tables.split(","),
            since=int(since) if since and _NUMBER.fullmatch(since) else None,
            epoch=self.parameter("epoch"),
        )


def read_upgrade(
    head: Head, caller: Caller | None = None, origins: frozenset[str] = frozenset()
) -> Upgrade:
    """Return the handshake that *head* of *caller* is, or raise `Turned`.

    Cookies count on pages of this server and of *origins*.
    """
    if not all(value.isascii() for _, value in head.raw):
        raise Turned(400, "A header has a byte that is not ASCII.")
    _check_upgrade(head)
    offered = head.headers.get("sec-websocket-protocol", "").split(",")
    v1 = SUBPROTOCOL in (name.strip() for name in offered)
    token = token_of(head.method, head.headers, caller.scheme if caller else "http", origins)
    return Upgrade(tuple(_query(head.target)), v1, token, caller.address if caller else None)


def _check_upgrade(head: Head) -> None:
    headers = head.headers
    if head.method != "GET":
        raise Turned(405, "A WebSocket is asked for with GET.", [("Allow", "GET")])
    if head.http_version != "1.1":
        raise Turned(400, "A WebSocket is asked for with HTTP/1.1.")
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
