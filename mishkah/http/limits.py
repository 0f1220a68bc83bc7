"""What one connection, and one address, may take."""

import msgspec

from mishkah.feed import LIMIT


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, bytes and frames of one connection.

    *rate* (messages a second) and *connections* (of one address) do not count on loopback.
    """

    handshake: float = 10.0
    """For the head of a request, once its first byte is there; and for a TLS handshake."""
    keep_alive: float = 60.0
    """Between a response and the next request."""
    body: int = 2**20
    body_seconds: float = 30.0
    message: int = 2**20
    fragments: int = 128
    outbox: int = LIMIT
    stall: float = 30.0
    idle: float = 30.0
    rate: float = 200.0
    connections: int = 200
