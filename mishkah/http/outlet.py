"""What a client is sent: whole frames of several senders, one after the other, never by halves.

Whoever may wait has a turn. What can go at once, and surely whole, goes straight to the socket.
"""

import contextlib
import os
import select
from collections.abc import Callable, Iterable

import trio
from trio.socket import IPPROTO_TCP, SO_SNDBUF, SOL_SOCKET

from mishkah.core.frames import cut
from mishkah.feed import Stalled
from mishkah.http.parting import part, socket_of

UNSENT = 256 * 1024
"""Bytes that the system keeps of what can't go to the peer yet."""
_LOWAT = getattr(trio.socket, "TCP_NOTSENT_LOWAT", None)  # not every system has it
_WRITABLE = select.poll() if hasattr(select, "poll") else None


class Outlet:
    """The sending half of *stream*. A peer that takes nothing for *stall* seconds is given up."""

    __slots__ = ("_ended", "_fileno", "_rest", "_room", "_stall", "_stream", "_turn", "_whole")

    def __init__(self, stream: trio.abc.Stream, stall: float) -> None:
        self._stream = stream
        self._stall = stall
        self._turn: trio.StrictFIFOLock | None = None  # while somebody has it, who may wait
        self._ended = False
        self._whole = True
        self._rest = b""
        self._room = 0  # bytes that surely go at once; none while another has the turn
        socket = socket_of(stream)
        if socket is not None and _LOWAT is not None:
            with contextlib.suppress(OSError):  # a socket of another kind, or one that has gone
                socket.setsockopt(IPPROTO_TCP, _LOWAT, UNSENT)
        self._fileno: Callable[[], int] | None = None
        if isinstance(stream, trio.SocketStream) and _WRITABLE is not None:
            self._fileno = stream.socket.fileno

    @property
    def direct(self) -> bool:
        """Whether `send_now` may ever send anything."""
        return self._fileno is not None

    @property
    def ended(self) -> bool:
        """Whether a close frame was sent, or is being sent, which nothing follows."""
        return self._ended

    async def send_frames(self, pieces: Iterable[bytes]) -> None:
        """Send *pieces*, each of whole frames; nothing follows a close frame.

        Raises trio.ClosedResourceError after one, trio.BrokenResourceError when the peer is gone,
        `Stalled` when it reads nothing.
        """
        for piece in pieces:
            for some in cut(piece, self._at_once()):
                await self.send(some)

    def send_now(self, frames: bytes) -> int:
        """Send *frames*, whole ones, if they surely go at once; return how many bytes have.

        Where that is not all of them, which it should be, `send_frames` begins with the rest. What
        is wrong with the socket is left for it to find. Not over TLS, which may have to wait.
        """
        number, size = self._fileno, len(frames)
        if number is None or (size > self._room and size > self._look(number())):
            return 0
        try:
            sent = os.write(number(), frames)
        except OSError:
            return 0
        if sent == size:
            self._room -= size
        else:
            self._room, self._rest = 0, frames[sent:]
        return sent

    def _look(self, number: int) -> int:
        """Return how many bytes surely go at once by now, to the file *number*."""
        if self._rest or self._turn is not None or not self._whole or self._ended:
            return 0
        if number >= 0 and _is_writable(number):
            self._room = self._at_once()
        return self._room

    async def send(self, data: bytes, *, closing: bool = False) -> None:
        """Send *data*, whole frames, when it can go at once; a close frame in any case."""
        turn = self._turn = self._turn or trio.StrictFIFOLock()
        try:
            async with turn:
                await self._send(data, closing=closing)
        finally:
            self._after(turn)

    async def _send(self, data: bytes, *, closing: bool) -> None:
        if self._ended or not self._whole:
            raise trio.ClosedResourceError
        self._ended = closing
        room, self._room = self._room, 0
        if self._rest:
            data, self._rest, self._whole = self._rest + data, b"", False
        with trio.move_on_after(self._stall) as sending:
            if len(data) > room and not closing:
                await self._stream.wait_send_all_might_not_block()
                room = self._at_once()
            self._whole = False  # until it is gone: half a frame can't be followed by one
            await self._stream.send_all(data)
            self._whole = True
        if sending.cancelled_caught:
            raise Stalled
        self._room = 0 if closing else max(room - len(data), 0)

    def _after(self, turn: trio.StrictFIFOLock) -> None:
        """Keep no lock that nobody waits for: most clients are idle for most of the time."""
        if turn is self._turn and not turn.locked():  # it is another's, perhaps, by now
            self._turn = None

    async def end(self) -> None:
        """Let what is being sent go, and the peer hang up; the caller bounds the time."""
        turn = self._turn = self._turn or trio.StrictFIFOLock()
        try:
            async with turn:  # who still sends, such as a ping, must not meet the end half-way
                self._ended, self._room = True, 0
                await part(self._stream)
        finally:
            self._after(turn)

    def _at_once(self) -> int:
        """Return how many bytes surely go at once when any do, so that a stall is between frames.

        A socket can be written while a third of its buffer is free, which counts overhead too, and
        while less than half of `UNSENT` waits.
        """
        socket = socket_of(self._stream)
        if socket is None:
            return UNSENT // 2
        return min(socket.socket.getsockopt(SOL_SOCKET, SO_SNDBUF) // 8, UNSENT // 2)


def _is_writable(number: int) -> bool:
    assert _WRITABLE is not None
    _WRITABLE.register(number, select.POLLOUT)
    try:
        return bool(_WRITABLE.poll(0))
    finally:
        _WRITABLE.unregister(number)
