"""How many connections one address may have at a time."""

from collections import Counter
from ipaddress import IPv6Address
from typing import Self

import trio

from mishkah.http.guests import is_loopback
from mishkah.http.parting import socket_of
from mishkah.http.turned import Turned

HERE = "127.0.0.1"


def peer_of(stream: trio.abc.Stream) -> str:
    """Return the address at the other end; that of loopback where there is no network between."""
    transport = socket_of(stream)
    if transport is not None:
        try:
            return str(transport.socket.getpeername()[0]).partition("%")[0]
        except OSError:  # it has gone
            pass
    return HERE


def counted(address: str, *, loopback: bool) -> str | None:
    """Return *address* as limits count it: None, which nothing limits, is this machine itself.

    With *loopback* that counts too. Of IPv6 the network counts, the first 64 bits, since whoever
    has one of its addresses has them all (RFC 4291, 2.5.4).
    """
    if not loopback and is_loopback(address):
        return None
    try:
        known = IPv6Address(address)
    except ValueError:
        return address
    if known.ipv4_mapped is not None:
        return counted(str(known.ipv4_mapped), loopback=loopback)
    return str(IPv6Address(int(known) >> 64 << 64))


class Crowd:
    """The connections of each address; *most* at a time. *limited* counts those turned away."""

    def __init__(self, most: int, limited: Counter[str]) -> None:
        self._most = most
        self._limited = limited
        self._inside: Counter[str] = Counter()

    def enter(self, address: str) -> None:
        """Count a connection, until it leaves. Raises `Turned` where there are too many."""
        if self._inside[address] >= self._most:
            self._limited["connections"] += 1
            raise Turned(429, "This address has too many connections.", [("Retry-After", "30")])
        self._inside[address] += 1

    def leave(self, address: str) -> None:
        self._inside[address] -= 1
        if not self._inside[address]:
            del self._inside[address]  # forget who has none


class Seats:
    """What one connection takes of *crowd*, for a block: a place for each address it comes from."""

    __slots__ = ("_crowd", "_taken")

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._taken: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for address in self._taken:
            self._crowd.leave(address)

    def take(self, address: str | None) -> None:
        """Take a place of *address*, if any is counted. Raises `Turned` where there is none."""
        if address is not None:
            self._crowd.enter(address)
            self._taken += (address,)
