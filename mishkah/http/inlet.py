"""What a client sends, read by two in turn: plain texts by its session, all else by trio-websocket.

Only one of them reads the stream at a time. The session does, as long as what comes is plain. What
is not it leaves to trio-websocket, which reads on until all of that is dealt with: no message under
way, and every one that it has found taken by the session. So the order is that of the bytes.
"""

from collections.abc import Awaitable, Callable

import trio

from mishkah.core.frames import Violation, Watch
from mishkah.core.plain import PlainTexts
from mishkah.http.receiving import CHUNK, Receiving

AT_ONCE = 32
"""Messages that it takes before everybody else has a turn."""


class Inlet:
    """The bytes of *stream* after *head*, of which *rest* has come already, watched by *watch*.

    trio-websocket gets the head, and nothing else before `begin`. A plain text has at most *most*
    bytes; None leaves all to trio-websocket. Who waits for hours waits in as few coroutines as can
    be.
    """

    __slots__ = (
        "_direct", "_head", "_left_over", "_ours", "_over", "_owed", "_receiving", "_taken",
        "_texts", "_waiting", "_watch", "begun",
    )  # fmt: skip

    def __init__(
        self, stream: trio.abc.Stream, head: bytes, rest: bytes, watch: Watch, most: int | None
    ) -> None:
        self._receiving = Receiving(stream)
        self._head = head
        self.begun = False
        self._watch = watch
        self._texts = PlainTexts(most or 0)
        self._texts.add(rest)
        self._direct = most is not None
        self._ours = False
        self._left_over: trio.lowlevel.Task | None = None  # who waits for what is not plain
        self._waiting: trio.CancelScope | None = None
        self._owed = 0  # messages that trio-websocket finds, and nobody has taken
        self._taken = 0
        self._over = False

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
                self._waiting = None
            elif (text := self._texts.take()) is not None:
                self._taken += 1
                if self._taken % AT_ONCE == 0:
                    await trio.lowlevel.checkpoint()
                return text
            elif self._texts.may_wait():
                try:
                    data = await self._receiving.some(CHUNK)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    data = b""  # as the other will find
                self._texts.add(data)
                if not data:
                    self._leave_over()
            else:
                self._leave_over()

    def _leave_over(self) -> None:
        self._ours = False
        if self._left_over is not None:
            trio.lowlevel.reschedule(self._left_over)
            self._left_over = None

    async def odd(
        self, max_bytes: int | None, broken: Callable[[Violation], Awaitable[None]]
    ) -> bytes:
        """Return the next bytes for trio-websocket, up to a violation; then nothing, as at the end.

        That it asks means that it is done with those before. Who has *broken* a bound is told.
        """
        if self._head:
            await trio.lowlevel.checkpoint()
            head, self._head = self._head, b""
            return head
        if self._watch.violation is None:
            if not self.begun or (self._direct and self._watch.between):
                self._ours = self.begun
                if self._waiting is not None:
                    self._waiting.cancel()  # which takes no message from who was given one
                self._left_over = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._waits_no_longer)
            if self._over:
                raise trio.ClosedResourceError
            data = self._texts.leave() or await self._receiving.some(max_bytes)
            known = self._watch.messages
            passed = self._watch.passes(data, to_plain=self._direct)
            self._owed += self._watch.messages - known
            self._texts.add(data[len(passed) :])
            if passed or self._watch.violation is None:
                return passed
        await broken(self._watch.violation)
        return b""

    def begin(self) -> None:
        """Let what follows the head be read; nothing of it is judged before that is answered."""
        self.begun = True
        if self._direct and self._left_over is not None:
            self._ours = True  # and who waits goes on waiting, for what is not plain
        else:
            self._leave_over()

    def _waits_no_longer(self, _: object) -> trio.lowlevel.Abort:
        self._left_over = None
        return trio.lowlevel.Abort.SUCCEEDED

    def end(self) -> None:
        """Leave all that comes to trio-websocket, which waits for the answer to a close frame."""
        self._watch.closing = True
        self._direct = False
        self._leave_over()

    def stop(self) -> None:
        """Let nobody read on: the stream is being closed."""
        self._over = True
        self.end()

    @property
    def reading(self) -> bool:
        """Whether somebody is waiting for bytes of the peer."""
        return self._receiving.active

    @property
    def heard(self) -> float:
        """When bytes came from the peer last."""
        return self._receiving.heard
