"""One connection, from its first byte to its last; nothing that happens in it escapes it."""

import logging
import ssl
from collections.abc import Awaitable, Callable

import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_server_stream

from mishkah.core.frames import Watch
from mishkah.http.connection import Connection, Handover
from mishkah.http.crowd import Crowd, counted, peer_of
from mishkah.http.gateway import Application, respond
from mishkah.http.guard import Guard
from mishkah.http.guests import Caller, Guests, caller_of
from mishkah.http.handshake import SUBPROTOCOL, Upgrade, read_upgrade
from mishkah.http.head import Head
from mishkah.http.turned import Turned
from mishkah.limits import Limits

log = logging.getLogger(__name__)


Answer = Callable[[WebSocketConnection, Guard, Upgrade], Awaitable[None]]
"""Serve one accepted WebSocket until it is closed."""


class Door:
    """Lets clients in, one connection at a time each.

    *answer* serves those that open a WebSocket, *app* the requests of the others.
    """

    def __init__(self, answer: Answer, app: Application, guests: Guests, limits: Limits) -> None:
        self._answer = answer
        self._app = app
        self._guests = guests
        self._limits = limits
        self._knocking: set[Connection] = set()
        self._inside: set[Guard] = set()
        self._crowd = Crowd(limits.connections)
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
                            nursery.start_soon(guard.ping, idle)

    async def serve(self, stream: trio.abc.Stream, scheme: str = "http") -> None:
        """Serve *stream* and close it. Raises nothing but Cancelled."""
        try:
            async with stream, trio.open_nursery() as nursery:
                try:
                    with self._crowd.counted(self._limited(peer_of(stream))):
                        await self._meet(stream, scheme, nursery)
                except Turned as turned:
                    with trio.move_on_after(self._limits.handshake):
                        await _turn_away(stream, turned)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionClosed):
            pass  # the client has gone
        except* (HandshakeError, ssl.SSLError, OSError) as gone:
            log.debug("a connection ended early: %r", gone.exceptions)
        except* Exception:
            log.exception("a connection failed; the others go on")

    async def _meet(self, stream: trio.abc.Stream, scheme: str, nursery: trio.Nursery) -> None:
        """Answer requests; one for a WebSocket is the last. Raises `Turned`."""
        address = peer_of(stream)

        def caller(head: Head) -> Caller:
            who = caller_of(address, scheme, head.headers, self._guests.proxies)
            self._guests.check(who.host, head.headers.get("origin"))
            return who

        async def answer(head: Head, connection: Connection) -> None:
            await respond(self._app, head, connection, caller(head))

        if self._closed:
            return
        connection = Connection(stream, self._limits, answer)
        self._knocking.add(connection)
        try:
            handover = await connection.run()
        finally:
            self._knocking.discard(connection)
        if handover is not None and not self._closed:
            await self._open(stream, handover, caller(handover.head), nursery)

    def _limited(self, address: str) -> str | None:
        return counted(address, loopback=self._limits.loopback)

    async def _open(
        self, stream: trio.abc.Stream, handover: Handover, caller: Caller, nursery: trio.Nursery
    ) -> None:
        """Let a WebSocket in and serve it. Raises `Turned`."""
        head, limits = handover.head, self._limits
        upgrade = read_upgrade(head)
        watch = Watch(limits.message, limits.fragments)
        address = self._limited(caller.address)
        guard = Guard(stream, head.again(), handover.rest, watch, limits.stall, address)
        with trio.move_on_after(limits.handshake) as shaking:
            request = await wrap_server_stream(
                nursery, guard, message_queue_size=4, max_message_size=limits.message
            )
            ws = await request.accept(subprotocol=SUBPROTOCOL if upgrade.v1 else None)
        if shaking.cancelled_caught:
            return
        guard.why_closed = lambda: ws.closed.code if ws.closed else None
        self._inside.add(guard)
        try:
            await self._answer(ws, guard, upgrade)
            await guard.aclose()
        finally:
            self._inside.discard(guard)


async def _turn_away(stream: trio.abc.Stream, turned: Turned) -> None:
    await stream.send_all(turned.response())
    if isinstance(stream, trio.abc.HalfCloseableStream):
        with trio.move_on_after(1):  # let the answer arrive before a reset can overtake it
            await stream.send_eof()
            while await stream.receive_some(65536):
                pass
