"""The stream under trio-websocket: it watches what passes in, and ends every connection properly.

trio-websocket bounds the size of a message, but neither the fragments of one nor what it buffers
before it knows, and it drops the connection of a client that breaks the protocol without the close
frame that says so. Both are put right from below, through its public `wrap_server_stream`.
"""

import contextlib
from collections.abc import Callable, Iterable

import trio
from trio.socket import IPPROTO_TCP, SO_SNDBUF, SOL_SOCKET

from mishkah.core.frames import CLOSE, PING, Violation, Watch, close_frame, cut, frame
from mishkah.feed import Stalled
from mishkah.http.parting import LINGER, part, socket_of

_PING = frame(b"", PING)
UNSENT = 256 * 1024
"""Bytes that the system keeps of what can't go to the peer yet."""
_SENDABLE = frozenset({1002, 1003, 1007, 1008, 1009, 1011})


class Guard(trio.abc.Stream):
    """A connection whose request has been read: *head*, and *rest*, what followed it.

    trio-websocket reads and writes here; the session writes whole frames with `send_frames`. A
    peer that takes nothing for *stall* seconds is given up. *address* is whose rate counts, if any.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        head: bytes,
        rest: bytes,
        watch: Watch,
        stall: float,
        address: str | None,
    ) -> None:
        self._stream = stream
        self._head = head
        self._rest = rest
        self._watch = watch
        self._stall = stall
        self._turn = trio.StrictFIFOLock()
        self._shaken_hands = trio.Event()
        self._close_sent = False
        self._whole = True
        self._reading = False
        self._closed: trio.Event | None = None
        self.why_closed: Callable[[], int | None] = lambda: None
        self.heard = trio.current_time()
        """When bytes came from the peer last; and when it was `asked` whether it is there."""
        self.asked = self.heard
        self.address = address
        self._socket = socket_of(stream)
        if self._socket is not None:
            with contextlib.suppress(AttributeError, OSError):  # not every system has it
                self._socket.setsockopt(IPPROTO_TCP, trio.socket.TCP_NOTSENT_LOWAT, UNSENT)
        self._free = 0

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the next bytes, up to the first that break a bound; then the end."""
        if self._head:
            await trio.lowlevel.checkpoint()
            head, self._head = self._head, b""
            return head
        await self._shaken_hands.wait()  # nothing that follows the request is judged before it
        if self._watch.violation is None:
            data = await self._next(max_bytes)
            if passed := self._watch.passes(data):
                return passed
            if self._watch.violation is None:
                return b""
        await self._end(self._watch.violation)
        return b""

    async def _next(self, max_bytes: int | None) -> bytes:
        if self._rest:
            await trio.lowlevel.checkpoint()
            data, self._rest = self._rest, b""
            return data
        self._reading = True
        try:
            data = bytes(await self._stream.receive_some(max_bytes))
        finally:
            self._reading = False
        self.heard = trio.current_time()
        return data

    async def _end(self, violation: Violation) -> None:
        with trio.move_on_after(LINGER):
            await self.send_all(close_frame(violation.code, violation.reason))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send trio-websocket's own bytes: the handshake, then whole control frames."""
        closing = self._shaken_hands.is_set() and bool(data) and data[0] & 0x0F == CLOSE
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
        code = self.why_closed()
        if (
            self._shaken_hands.is_set()
            and code in _SENDABLE
            and not self._close_sent
            and self._whole
        ):
            await self._send(close_frame(code), closing=True)

    async def _drain(self) -> None:
        if self._reading:
            return
        async with self._turn:  # who still sends, such as a ping, must not meet the end half-way
            self._close_sent = True
            await part(self._stream)
