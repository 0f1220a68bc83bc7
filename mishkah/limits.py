"""What one connection may take of the server: each limit has a name, a default and bounds."""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from mishkah.core.values import MAX_DEPTH
from mishkah.feed import LIMIT

_Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=86_400)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=10**6)]
_Rate = Annotated[float, msgspec.Meta(ge=0.1, le=10**6)]
_Failures = Annotated[int, msgspec.Meta(ge=2, le=1000)]
_Bytes = Annotated[int, msgspec.Meta(ge=1024, le=2**30)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds, bytes, and numbers of things.

    *handshake* is the time for the head of a request, and for HELLO after a WebSocket's; the next
    request may come *keep_alive* later. *body* and *body_seconds* are for what a request brings,
    *message* and *fragments* for WebSockets. *rate* (messages of a
    socket a second), *address_rate* and *user_rate* (messages and requests of all that share an
    address, or are one person's) and *connections* (of one address) do not count on loopback,
    unless *loopback* says so. *logins* may fail from one address in a quarter of an hour, half of
    them for one name, and *user_logins* for one name from all addresses.

    One is no limit but a way to work: unless *direct*, every frame passes through trio-websocket.
    """

    handshake: _Seconds = 10.0
    keep_alive: _Seconds = 60.0
    body: _Bytes = 2**20
    body_seconds: _Seconds = 30.0
    message: _Bytes = 2**20
    fragments: _Count = 128
    depth: Annotated[int, msgspec.Meta(ge=1, le=MAX_DEPTH)] = MAX_DEPTH
    subscriptions: _Count = 64
    outbox: _Bytes = LIMIT
    stall: _Seconds = 30.0
    idle: _Seconds = 30.0
    rate: _Rate = 200.0
    address_rate: _Rate = 1000.0
    user_rate: _Rate = 400.0
    connections: _Count = 200
    logins: _Failures = 20
    user_logins: _Failures = 100
    loopback: bool = False
    direct: bool = True


def read_limits(lines: Iterable[str]) -> Limits:
    """Return the limits that *lines*, each ``name=value``, set. Raises ValueError with why not."""
    given: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or name not in Limits.__struct_fields__:
            raise ValueError(f"write NAME=VALUE; names are {', '.join(Limits.__struct_fields__)}")
        given[name] = value
    try:
        return msgspec.convert(given, Limits, strict=False)
    except msgspec.ValidationError as wrong:
        raise ValueError(str(wrong).replace("`$.", "`")) from None
