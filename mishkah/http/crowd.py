"""How many connections one address may have at a time."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import trio

from mishkah.http.handshake import Turned


def peer_of(stream: trio.abc.Stream, *, loopback: bool) -> str | None:
    """Return the address at the other end, or None where nothing limits it.

    That is this machine itself, unless *loopback*.
    """
    if not isinstance(stream, trio.SocketStream):
        return None
    try:
        address = stream.socket.getpeername()[0]
        own = ip_address(address.partition("%")[0]).is_loopback
        return None if own and not loopback else address
    except (OSError, ValueError):
        return None


class Crowd:
    """The connections of each address; *most* at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside: Counter[str] = Counter()

    @contextmanager
    def counted(self, address: str | None) -> Iterator[None]:
        """Count a connection for the block. Raises `Turned` where there are too many."""
        if address is None:
            yield
            return
        if self._inside[address] >= self._most:
            raise Turned(429, "This address has too many connections.", [("Retry-After", "30")])
        self._inside[address] += 1
        try:
            yield
        finally:
            self._inside[address] -= 1
            self._inside += Counter()  # forget who has none
