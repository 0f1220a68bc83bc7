"""What a client sends, read by two in turn: plain texts by its session, all else by trio-websocket.

Only one of them reads the stream at a time. The session does, as long as what comes is plain. What
is not it leaves to trio-websocket, which reads on until all of that is dealt with: no message under
way, and every one that it has found taken by the session. So the order is that of the bytes.
"""

from collections.abc import Awaitable, Callable

import trio

from mishkah.core.frames import Watch
from mishkah.core.plain import PlainTexts
from mishkah.http.receiving import receiving

CHUNK = 16 * 1024
"""Bytes that the session reads in one go."""
AT_ONCE = 32
"""Messages that it takes before everybody else has a turn."""


class Inlet:
    """The bytes of *stream*, of which *rest* has come already, watched by *watch*.

    A plain text has at most *most* bytes; None leaves all to trio-websocket.
    """

    def __init__(
        self, stream: trio.abc.Stream, rest: bytes, watch: Watch, most: int | None
    ) -> None:
        self._receive = receiving(stream)
        self._watch = watch
        self._texts = PlainTexts(most or 0)
        self._texts.add(rest)
        self._direct = most is not None
        self._ours = False
        self._left_over = trio.lowlevel.ParkingLot()
        self._waiting = trio.CancelScope()
        self._owed = 0  # messages that trio-websocket finds, and nobody has taken
        self._taken = 0
        self._over = False
        self.reading = False
        self.heard = trio.current_time()
        """When bytes came from the peer last."""

    async def message(self, get_message: Callable[[], Awaitable[str | bytes]]) -> str | bytes:
        """Return the client's next message, which *get_message* has where it is not plain.

        Raises what *get_message* does.
        """
        while True:
            if self._owed or not self._ours:
                with trio.CancelScope() as self._waiting:
                    message = await get_message()
                    self._owed -= 1
                    return message
            elif (text := self._texts.take()) is not None:
                self._taken += 1
                if self._taken % AT_ONCE == 0:
                    await trio.lowlevel.checkpoint()
                return text
            elif not (self._texts.may_wait() and await self._more()):
                self._leave_over()

    async def _more(self) -> bool:
        """Read on, and tell whether there is more."""
        try:
            data = await self._next(CHUNK)
        except (trio.BrokenResourceError, trio.ClosedResourceError):  # as the other will find
            return False
        self._texts.add(data)
        return bool(data)

    def _leave_over(self) -> None:
        self._ours = False
        self._left_over.unpark_all()

    async def odd(self, max_bytes: int | None) -> bytes:
        """Return the next bytes for trio-websocket, up to a violation; then nothing, as at the end.

        That it asks means that it is done with those before.
        """
        if self._watch.violation is not None:
            return b""
        if self._direct and self._watch.between:
            self._ours = True
            self._waiting.cancel()  # which takes no message from who was given one
            while self._ours:
                await self._left_over.park()
        if self._over:
            raise trio.ClosedResourceError
        data = self._texts.leave() or await self._next(max_bytes)
        known = self._watch.messages
        passed = self._watch.passes(data, to_plain=self._direct)
        self._owed += self._watch.messages - known
        self._texts.add(data[len(passed) :])
        return passed

    def end(self) -> None:
        """Leave all that comes to trio-websocket, which waits for the answer to a close frame."""
        self._watch.closing = True
        self._direct = False
        self._leave_over()

    def stop(self) -> None:
        """Let nobody read on: the stream is being closed."""
        self._over = True
        self.end()

    async def _next(self, max_bytes: int | None) -> bytes:
        self.reading = True
        try:
            data = await self._receive(max_bytes)
        finally:
            self.reading = False
        self.heard = trio.current_time()
        return data
