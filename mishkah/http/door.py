"""One connection, from its first byte to its last; nothing that happens in it escapes it."""

import logging
import math
from collections.abc import Awaitable, Callable

import msgspec
import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_server_stream

from mishkah.core.errors import RateLimited
from mishkah.core.frames import Watch
from mishkah.feed import Stalled
from mishkah.http.connection import Connection, Handover
from mishkah.http.crowd import Crowd, Seats, counted, peer_of
from mishkah.http.gateway import Application, respond
from mishkah.http.guard import Guard
from mishkah.http.guests import Caller, Guests, caller_of
from mishkah.http.handshake import SUBPROTOCOL, Upgrade, read_upgrade
from mishkah.http.head import Head
from mishkah.http.inlet import Inlet
from mishkah.http.turned import Turned
from mishkah.limits import Limits
from mishkah.rates import Rates

log = logging.getLogger(__name__)


_ALONE = (
    "This server has no access control, so it serves its own machine alone, and nobody behind a "
    "proxy; see mishkah-trio init."
)

Answer = Callable[[WebSocketConnection, Guard, Upgrade, trio.Nursery], Awaitable[None]]
"""Serve one accepted WebSocket until it is closed; what is done beside runs in its nursery."""


class Door:
    """Lets clients in, one connection at a time each.

    *answer* serves those that open a WebSocket, *app* the requests of the others. *rates* limits
    how many come to open one.
    """

    def __init__(
        self, answer: Answer, app: Application, guests: Guests, limits: Limits, rates: Rates
    ) -> None:
        self._answer = answer
        self._app = app
        self._guests = guests
        self._limits = limits
        self._knocking: set[Connection] = set()
        self._inside: set[Guard] = set()
        self._rates = rates
        self._limited = rates.limited
        self._crowd = Crowd(limits.connections, self._limited)
        self._pulse = trio.CancelScope()
        self._closed = False

    def close(self) -> None:
        """Take no more requests; those that are being answered are the last."""
        self._closed = True
        self._pulse.cancel()
        for connection in self._knocking:
            connection.retire()

    async def pulse(self) -> None:
        """Ping clients that have been silent, until the door is closed; the dead are given up."""
        idle = self._limits.idle
        with self._pulse:
            async with trio.open_nursery() as nursery:
                while True:
                    await trio.sleep(idle / 2)
                    now = trio.current_time()
                    for guard in self._inside:
                        if now - guard.heard >= idle and now - guard.asked >= idle:
                            nursery.start_soon(self._ping, guard)

    async def _ping(self, guard: Guard) -> None:
        try:
            await guard.ping(self._limits.idle)
        except Stalled:
            self._limited["stall"] += 1

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve *stream* and close it. Raises nothing but Cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                try:
                    with Seats(self._crowd) as seats:
                        met = await self._meet(stream, nursery, seats)
                        if met is not None:
                            await self._entertain(*met)
                finally:
                    await trio.aclose_forcefully(stream)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionClosed):
            pass  # the client has gone
        except* (HandshakeError, OSError) as gone:
            log.debug("a connection ended early: %r", gone.exceptions)
        except* Exception:
            log.exception("a connection failed; the others go on")

    async def _meet(
        self, stream: trio.abc.Stream, nursery: trio.Nursery, seats: Seats
    ) -> tuple[Guard, Awaitable[None]] | None:
        """Answer requests; one for a WebSocket is the last: return it, and what serves it."""
        address, guests = peer_of(stream), self._guests
        scheme = "https" if isinstance(stream, trio.SSLStream) else "http"

        def caller(head: Head) -> Caller:
            who = caller_of(address, scheme, head.headers, guests.proxies)
            guests.check(who.host, head.headers.get("origin"))
            return who

        def believed(head: Head) -> Head:
            if guests.alone and head.forwarded:
                raise Turned(403, _ALONE)
            return head if guests.trusts(address) else head.unforwarded()

        async def answer(head: Head, connection: Connection) -> None:
            head = believed(head)
            await respond(self._app, head, connection, caller(head))

        connection = Connection(stream, self._limits, self._limited, answer)
        try:
            seats.take(None if guests.trusts(address) else self._limited_as(address))
            handover = await self._talk(stream, connection)
            if handover is None or self._closed:
                await connection.part()
                return None
            handover = msgspec.structs.replace(handover, head=believed(handover.head))
            who = caller(handover.head)
            if who.address != address:
                seats.take(self._limited_as(who.address))
            self._admit(who)
            return await self._open(stream, handover, who, nursery)
        except Turned as turned:
            await connection.turn_away(turned)
            return None

    async def _talk(self, stream: trio.abc.Stream, connection: Connection) -> Handover | None:
        """Let *connection* run, known to `close`. Raises `Turned`."""
        if self._closed:
            return None
        self._knocking.add(connection)
        try:
            if isinstance(stream, trio.SSLStream):
                with trio.move_on_after(self._limits.handshake) as shaking:
                    await stream.do_handshake()
                if shaking.cancelled_caught:
                    self._limited["handshake"] += 1
                    raise trio.BrokenResourceError("no TLS handshake in time")
            return await connection.run()
        finally:
            self._knocking.discard(connection)

    def _limited_as(self, address: str) -> str | None:
        return counted(address, loopback=self._limits.loopback)

    def _admit(self, caller: Caller) -> None:
        """Count an upgrade as a request. Raises `Turned` where its address has sent too many."""
        try:
            self._rates.admit(self._limited_as(caller.address))
        except RateLimited as limited:
            later = [("Retry-After", str(math.ceil(limited.retry_ms / 1000)))]
            raise Turned(429, "This address sends too many requests.", later) from None

    async def _open(
        self, stream: trio.abc.Stream, handover: Handover, caller: Caller, nursery: trio.Nursery
    ) -> tuple[Guard, Awaitable[None]] | None:
        """Let a WebSocket in, unless its handshake takes too long. Raises `Turned`."""
        head, limits = handover.head, self._limits
        upgrade = read_upgrade(head, caller, self._guests.origins)
        watch = Watch(limits.message, limits.fragments)
        address = self._limited_as(caller.address)
        plain = limits.message if limits.direct else None
        inlet = Inlet(stream, head.again(), handover.rest, watch, plain)
        guard = Guard(stream, inlet, watch, limits.stall, address)
        with trio.move_on_after(limits.handshake) as shaking:
            request = await wrap_server_stream(
                nursery, guard, message_queue_size=4, max_message_size=limits.message
            )
            ws = await request.accept(subprotocol=SUBPROTOCOL if upgrade.v1 else None)
        if shaking.cancelled_caught:
            self._limited["handshake"] += 1
            return None
        guard.opened(ws)
        return guard, self._answer(ws, guard, upgrade, nursery)

    async def _entertain(self, guard: Guard, answering: Awaitable[None]) -> None:
        self._inside.add(guard)
        try:
            await answering
            await guard.aclose()
        finally:
            self._inside.discard(guard)
            if guard.violation is not None and guard.violation.limit:
                self._limited[guard.violation.limit] += 1
