"""The stream under trio-websocket: it watches what passes in, and ends every connection properly.

trio-websocket bounds the size of a message, but neither the fragments of one nor what it buffers
before it knows, and it drops the connection of a client that breaks the protocol without the close
frame that says so. Both are put right from below, through its public `wrap_server_stream`.

Most of what clients send are plain frames, which cost it more than what they ask costs the store.
An `Inlet` takes them out, and they are never seen by trio-websocket; all else is.
"""

from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any

import trio
from trio_websocket import WebSocketConnection

from mishkah.core.frames import CLOSE, PING, Violation, Watch, close_frame, frame
from mishkah.feed import Stalled
from mishkah.http.inlet import Inlet
from mishkah.http.outlet import Outlet
from mishkah.http.parting import LINGER

_PING = frame(b"", PING)
_SENDABLE = frozenset({1002, 1003, 1007, 1008, 1009, 1011})


class Guard(trio.abc.Stream):
    """A connection whose request has been read; it, and what follows it, is in *inlet*.

    trio-websocket reads and writes here; the session reads with `message`, and writes whole frames
    with `send_frames`, or `send_now`. A peer that takes nothing for *stall* seconds is given up.
    *watch* is what watches the *inlet*. *address* is whose rate counts, if any.
    """

    __slots__ = (
        "_closed", "_inlet", "_outlet", "_stream", "_watch", "_ws",
        "address", "asked", "direct", "send_now",
    )  # fmt: skip

    def __init__(
        self,
        stream: trio.abc.Stream,
        inlet: Inlet,
        watch: Watch,
        stall: float,
        address: str | None,
    ) -> None:
        self._stream = stream
        self._inlet = inlet
        self._watch = watch
        self._outlet = Outlet(stream, stall)
        self._closed: trio.Event | None = None
        self._ws: WebSocketConnection | None = None
        self.asked = trio.current_time()
        """When the peer was asked last whether it is there."""
        self.address = address
        self.send_now = self._outlet.send_now
        self.direct = self._outlet.direct

    def receive_some(self, max_bytes: int | None = None) -> Coroutine[Any, Any, bytes]:
        """Return the next bytes, up to the first that break a bound; then the end."""
        return self._inlet.odd(max_bytes, self._end)

    def opened(self, ws: WebSocketConnection) -> None:
        """Take note that *ws*, which reads and writes here, is open."""
        self._ws = ws

    def message(self) -> Awaitable[str | bytes]:
        """Return the client's next message. Raises ConnectionClosed where there is none."""
        assert self._ws is not None, "it is open"
        return self._inlet.message(self._ws.get_message)

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
        closing = self._inlet.begun and bool(data) and data[0] & 0x0F == CLOSE
        if closing:
            self._inlet.end()
        await self._outlet.send(bytes(data), closing=closing)
        if not self._inlet.begun:
            self._inlet.begin()

    async def send_frames(self, pieces: Iterable[bytes]) -> None:
        """Send *pieces*, each of whole frames; nothing follows a close frame.

        Raises trio.ClosedResourceError after one, trio.BrokenResourceError when the peer is gone,
        `Stalled` when it reads nothing.
        """
        await self._outlet.send_frames(pieces)

    async def ping(self, patience: float) -> None:
        """Ask the peer whether it is there; give the connection up if nothing comes in time.

        Raises `Stalled` where it does not even take the question, and nobody else may have anything
        to send; given up too.
        """
        self.asked = trio.current_time()
        try:
            await self._outlet.send(_PING)
            sent = trio.current_time()
            await trio.sleep(patience)
            if self.heard < sent:
                await trio.aclose_forcefully(self._stream)
        except Stalled:
            await trio.aclose_forcefully(self._stream)
            raise
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # it has gone by itself

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
                if not self._inlet.reading:
                    await self._outlet.end()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self._closed.set()
            await trio.aclose_forcefully(self._stream)

    async def _say_why(self) -> None:
        """Write the close frame, when what is being sent has gone; unless one was sent."""
        closed = self._ws.closed if self._ws else None
        if (
            self._inlet.begun
            and closed is not None
            and closed.code in _SENDABLE
            and not self._outlet.ended
        ):
            await self._outlet.send(close_frame(closed.code), closing=True)
