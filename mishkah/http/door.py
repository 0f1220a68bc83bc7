"""One connection, from its first byte to its last; nothing that happens in it escapes it."""

import logging
import ssl
from collections.abc import Awaitable, Callable

import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_server_stream

from mishkah.core.frames import Watch
from mishkah.http.crowd import Crowd, peer_of
from mishkah.http.guard import Guard
from mishkah.http.handshake import MAX_HEAD, SUBPROTOCOL, Guests, Turned, Upgrade, read_upgrade
from mishkah.limits import Limits

log = logging.getLogger(__name__)


Answer = Callable[[WebSocketConnection, Guard, Upgrade], Awaitable[None]]
"""Serve one accepted WebSocket until it is closed."""


class Door:
    """Lets clients in, one connection at a time each; *answer* serves those that come in."""

    def __init__(self, answer: Answer, guests: Guests, limits: Limits) -> None:
        self._answer = answer
        self._guests = guests
        self._limits = limits
        self._knocking: set[trio.CancelScope] = set()
        self._inside: set[Guard] = set()
        self._crowd = Crowd(limits.connections)
        self._pulse = trio.CancelScope()

    def close(self) -> None:
        """Send away who has not come in yet."""
        self._pulse.cancel()
        for scope in self._knocking:
            scope.cancel()

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

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve *stream* and close it. Raises nothing but Cancelled."""
        try:
            async with stream, trio.open_nursery() as nursery:
                try:
                    address = peer_of(stream, loopback=self._limits.loopback)
                    with self._crowd.counted(address):
                        await self._meet(stream, address, nursery)
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

    async def _meet(
        self, stream: trio.abc.Stream, address: str | None, nursery: trio.Nursery
    ) -> None:
        """Let the client in within the time that it has, and serve it. Raises `Turned`."""
        with trio.move_on_after(self._limits.handshake) as knocking:
            self._knocking.add(knocking)
            try:
                ws, guard, upgrade = await self._let_in(stream, address, nursery)
            finally:
                self._knocking.discard(knocking)
        if knocking.cancelled_caught:
            return
        self._inside.add(guard)
        try:
            await self._answer(ws, guard, upgrade)
            await guard.aclose()
        finally:
            self._inside.discard(guard)

    async def _let_in(
        self, stream: trio.abc.Stream, address: str | None, nursery: trio.Nursery
    ) -> tuple[WebSocketConnection, Guard, Upgrade]:
        head, rest = await _read_head(stream)
        upgrade = read_upgrade(head, self._guests)
        limits = self._limits
        watch = Watch(limits.message, limits.fragments)
        guard = Guard(stream, head, rest, watch, limits.stall, address)
        request = await wrap_server_stream(
            nursery, guard, message_queue_size=4, max_message_size=limits.message
        )
        ws = await request.accept(subprotocol=SUBPROTOCOL if upgrade.v1 else None)
        guard.why_closed = lambda: ws.closed.code if ws.closed else None
        return ws, guard, upgrade


async def _read_head(stream: trio.abc.Stream) -> tuple[bytes, bytes]:
    """Return the request's head with its blank line, and the bytes that came behind it."""
    read = bytearray()
    while (end := read.find(b"\r\n\r\n")) < 0:
        if len(read) > MAX_HEAD:
            raise Turned(431, "The head of this request is too large.")
        data = await stream.receive_some(4096)
        if not data:
            raise trio.BrokenResourceError("the client left before its request was whole")
        read += data
        if read[:1] not in b"GPHODCT":  # a TLS hello or noise: no HTTP method begins like this
            raise Turned(400, "This is not an HTTP request.")
    return bytes(read[: end + 4]), bytes(read[end + 4 :])


async def _turn_away(stream: trio.abc.Stream, turned: Turned) -> None:
    await stream.send_all(turned.response())
    if isinstance(stream, trio.abc.HalfCloseableStream):
        with trio.move_on_after(1):  # let the answer arrive before a reset can overtake it
            await stream.send_eof()
            while await stream.receive_some(65536):
                pass
