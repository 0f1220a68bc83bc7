"""The stream under trio-websocket: it watches what passes in, and ends every connection properly.

trio-websocket bounds the size of a message, but neither the fragments of one nor what it buffers
before it knows, and it drops the connection of a client that breaks the protocol without the close
frame that says so. Both are put right from below, through its public `wrap_server_stream`.

Most of what clients send are plain frames, which cost it more than what they ask costs the store.
An `Inlet` takes them out, and they are never seen by trio-websocket; all else is.
"""

import contextlib
import os
import select
from collections.abc import Iterable

import trio
from trio.socket import IPPROTO_TCP, SO_SNDBUF, SOL_SOCKET
from trio_websocket import WebSocketConnection

from mishkah.core.frames import CLOSE, PING, Violation, Watch, close_frame, cut, frame
from mishkah.feed import Stalled
from mishkah.http.inlet import Inlet
from mishkah.http.parting import LINGER, part, socket_of

_PING = frame(b"", PING)
UNSENT = 256 * 1024
"""Bytes that the system keeps of what can't go to the peer yet."""
_SENDABLE = frozenset({1002, 1003, 1007, 1008, 1009, 1011})


class Guard(trio.abc.Stream):
    """A connection whose request has been read: *head*, and what follows it, which is in *inlet*.

    trio-websocket reads and writes here; the session reads with `message`, and writes whole frames
    with `send_frames`. A peer that takes nothing for *stall* seconds is given up. *watch* is what
    watches the *inlet*. *address* is whose rate counts, if any.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        head: bytes,
        inlet: Inlet,
        watch: Watch,
        stall: float,
        address: str | None,
    ) -> None:
        self._stream = stream
        self._head = head
        self._inlet = inlet
        self._watch = watch
        self._stall = stall
        self._turn = trio.StrictFIFOLock()
        self._shaken_hands = trio.Event()
        self._close_sent = False
        self._whole = True
        self._rest = b""
        self._closed: trio.Event | None = None
        self._ws: WebSocketConnection | None = None
        self.asked = trio.current_time()
        """When the peer was asked last whether it is there."""
        self.address = address
        self._socket = socket_of(stream)
        if self._socket is not None:
            with contextlib.suppress(AttributeError, OSError):  # not every system has it
                self._socket.setsockopt(IPPROTO_TCP, trio.socket.TCP_NOTSENT_LOWAT, UNSENT)
        self._free = 0
        self._poll: select.poll | None = None
        if isinstance(stream, trio.SocketStream) and hasattr(select, "poll"):
            self._fileno = stream.socket.fileno
            self._poll = select.poll()
            self._poll.register(self._fileno(), select.POLLOUT)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the next bytes, up to the first that break a bound; then the end."""
        if self._head:
            await trio.lowlevel.checkpoint()
            head, self._head = self._head, b""
            return head
        await self._shaken_hands.wait()  # nothing that follows the request is judged before it
        data = await self._inlet.odd(max_bytes)
        if not data and self._watch.violation is not None:
            await self._end(self._watch.violation)
        return data

    def opened(self, ws: WebSocketConnection) -> None:
        """Take note that *ws*, which reads and writes here, is open."""
        self._ws = ws

    async def message(self) -> str | bytes:
        """Return the client's next message. Raises ConnectionClosed where there is none."""
        assert self._ws is not None, "it is open"
        return await self._inlet.message(self._ws.get_message)

    @property
    def violation(self) -> Violation | None:
        """What its peer's frames have broken."""
        return self._watch.violation

    @property
    def heard(self) -> float:
        """When bytes came from the peer last."""
        return self._inlet.heard

    async def _end(self, violation: Violation) -> None:
        with trio.move_on_after(LINGER):
            await self.send_all(close_frame(violation.code, violation.reason))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send trio-websocket's own bytes: the handshake, then whole control frames."""
        closing = self._shaken_hands.is_set() and bool(data) and data[0] & 0x0F == CLOSE
        if closing:
            self._inlet.end()
        await self._send(bytes(data), closing=closing)
        self._shaken_hands.set()

    async def send_frames(self, pieces: Iterable[bytes]) -> None:
        """Send *pieces*, each of whole frames; nothing follows a close frame.

        Raises trio.ClosedResourceError after one, trio.BrokenResourceError when the peer is gone,
        `Stalled` when it reads nothing.
        """
        for piece in pieces:
            for some in cut(piece, self._at_once()):
                await self._send(some, closing=False)

    def send_now(self, frames: bytes) -> int:
        """Send *frames*, whole ones, if they surely go at once; return how many bytes have.

        Where that is not all of them, which it should be, `send_frames` begins with the rest. What
        is wrong with the socket is left for it to find. Not over TLS, which may have to wait.
        """
        busy = self._rest or self._turn.locked() or not self._whole
        if self._poll is None or busy or self._close_sent:
            return 0
        try:
            if len(frames) > self._free and self._poll.poll(0):
                self._free = self._at_once()
            if len(frames) > self._free:
                return 0
            sent = os.write(self._fileno(), frames)
        except OSError:
            return 0
        self._free -= sent
        self._rest = frames[sent:]
        return sent

    async def ping(self, patience: float) -> None:
        """Ask the peer whether it is there; give the connection up if nothing comes in time."""
        self.asked = trio.current_time()
        try:
            await self._send(_PING, closing=False)
            sent = trio.current_time()
            await trio.sleep(patience)
            if self.heard < sent:
                await trio.aclose_forcefully(self._stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # it has gone by itself

    async def _send(self, data: bytes, *, closing: bool) -> None:
        """Send *data*, whole frames, when it can go at once; a close frame in any case."""
        async with self._turn:
            if self._close_sent or not self._whole:
                raise trio.ClosedResourceError
            self._close_sent = closing
            if self._rest:
                data, self._rest, self._whole = self._rest + data, b"", False
            with trio.move_on_after(self._stall) as sending:
                if len(data) > self._free and not closing:
                    await self._stream.wait_send_all_might_not_block()
                    self._free = self._at_once()
                self._free -= len(data)
                self._whole = False  # until it is gone: half a frame can't be followed by one
                await self._stream.send_all(data)
                self._whole = True
            if sending.cancelled_caught:
                raise Stalled

    def _at_once(self) -> int:
        """Return how many bytes surely go at once when any do, so that a stall is between frames.

        A socket can be written while a third of its buffer is free, which counts overhead too, and
        while less than half of `UNSENT` waits.
        """
        if self._socket is not None:
            return min(self._socket.socket.getsockopt(SOL_SOCKET, SO_SNDBUF) // 8, UNSENT // 2)
        return UNSENT // 2

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Write the close frame that is missing, let it arrive, and close; wait if another does."""
        if self._closed is not None:
            await self._closed.wait()
            return
        self._closed = trio.Event()
        self._inlet.stop()
        try:
            with trio.move_on_after(LINGER):
                await self._say_why()
                await self._drain()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self._closed.set()
            await trio.aclose_forcefully(self._stream)

    async def _say_why(self) -> None:
        """Write the close frame, when what is being sent has gone; unless one was sent."""
        closed = self._ws.closed if self._ws else None
        if (
            self._shaken_hands.is_set()
            and closed is not None
            and closed.code in _SENDABLE
            and not self._close_sent
        ):
            await self._send(close_frame(closed.code), closing=True)

    async def _drain(self) -> None:
        if self._inlet.reading:
            return
        async with self._turn:  # who still sends, such as a ping, must not meet the end half-way
            self._close_sent = True
            await part(self._stream)
