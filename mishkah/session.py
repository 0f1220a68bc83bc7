"""One client on one socket: one task hears it, and one sends its mail while any waits."""

from collections.abc import Awaitable, Iterable
from typing import Protocol

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from mishkah.core.frames import (
    GOING_AWAY,
    NORMAL,
    POLICY_VIOLATION,
    TRY_AGAIN_LATER,
    UNAUTHORISED,
    UNKNOWN_STORE,
)
from mishkah.feed import Outbox, Stalled
from mishkah.following import Following
from mishkah.rates import Pacing
from mishkah.talk import Talk
from mishkah.turns import Turns

QUIET = 0.2
"""Seconds that a stopping server still reads what its clients have sent."""
FAREWELL = 3.0
"""Seconds that a client has to answer a close frame."""


class Line(Protocol):
    """The two directions of an open socket, in whole messages and whole frames."""

    def message(self) -> Awaitable[str | bytes]:
        """Return the client's next message.

        Raises ConnectionClosed, or trio.BrokenResourceError, where there is none.
        """
        raise NotImplementedError

    async def send_frames(self, pieces: Iterable[bytes]) -> None:
        """Send *pieces*, each of whole frames; nothing follows a close frame.

        Raises trio.ClosedResourceError after one, trio.BrokenResourceError when the peer is gone,
        `Stalled` when it reads nothing.
        """

    def send_now(self, frames: bytes) -> int:
        """Send whole *frames* without waiting; see `Now`. Raises nothing."""
        raise NotImplementedError

    @property
    def direct(self) -> bool:
        """Whether `send_now` ever sends anything."""
        raise NotImplementedError


class Session:
    """A socket and its *talk*, whose outbox it empties into *line*; *pacing* slows it down.

    What takes long to put together is put together in its *turns*. Whose rights change, *following*
    tells.
    """

    __slots__ = (
        "_following", "_leaving", "_line", "_nursery", "_pacing", "_reading", "_talk", "_turns",
        "_ws", "outbox",
    )  # fmt: skip

    def __init__(
        self,
        ws: WebSocketConnection,
        line: Line,
        talk: Talk,
        pacing: Pacing,
        turns: Turns,
        following: Following,
    ) -> None:
        self._ws = ws
        self._line = line
        self._talk = talk
        self._pacing = pacing
        self._turns = turns
        self._following = following
        self.outbox: Outbox = talk.outbox
        self._reading = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._leaving = False

    async def run(self, nursery: trio.Nursery, among: "set[Session]") -> None:
        """Serve until the client leaves, or is sent away, *among* these so long; then close.

        What is done beside runs in *nursery*, for a while: an idle session is one task.
        """
        self._nursery, talk, outbox = nursery, self._talk, self.outbox
        if self._leaving:
            nursery.start_soon(self._leave)
        self._following.add(talk.rights, self._look)
        among.add(self)
        try:
            outbox.serve(self._line.send_now, self._start, stays=not self._line.direct)
            with self._reading:
                try:
                    await talk.begin(self._receive)
                    while outbox.open:
                        await self._may_read()
                        await talk.hear(await self._line.message())
                except (ConnectionClosed, trio.BrokenResourceError):
                    outbox.hang_up()
            await outbox.finished()
        finally:
            self._nursery = None
            self._following.remove(talk.rights)
            among.discard(self)
            outbox.hang_up()
            talk.hang_up()
        code, reason = outbox.closing or (NORMAL, "")
        with trio.move_on_after(FAREWELL):
            await self._ws.aclose(code, reason)

    async def _receive(self) -> str | bytes:
        await self._may_read()
        return await self._line.message()

    async def _may_read(self) -> None:
        """Wait until so little waits for this client that its next message may be read."""
        await self.outbox.room()
        self._pacing.owner = self._talk.rights.who.owner
        await self._pacing.turn()

    def _start(self) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(self._write)

    def _look(self) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(self._talk.follow)

    async def _write(self) -> None:
        """Send what waits; read no further where that was the last."""
        try:
            while (mail := await self.outbox.take()) is not None:
                await (self._send_slowly if mail.long else self._line.send_frames)(mail.pieces)
                for listener in mail.behind:
                    await self._talk.catch_up(listener, slow=mail.slow)
        except Stalled:
            self.outbox.limited["stall"] += 1
            self.outbox.close(TRY_AGAIN_LATER, "this client reads nothing")
            self.outbox.hang_up()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.outbox.hang_up()
        self.outbox.rest()
        if not self.outbox.open:
            self._reading.cancel()

    async def _send_slowly(self, pieces: Iterable[bytes]) -> None:
        """Send whole frames, each put together when its turn comes; an empty one is none yet."""
        frames = iter(pieces)
        while (frame := await self._turns.next(frames)) is not None:
            if frame:
                await self._line.send_frames((frame,))

    def leave(self) -> None:
        """Have the session end, in its time: the server is stopping. Before `run` too."""
        self._leaving = True
        if self._nursery is not None:
            self._nursery.start_soon(self._leave)

    async def _leave(self) -> None:
        """Read what comes in at once, no longer; when all of it is answered, say goodbye."""
        self._reading.deadline = trio.current_time() + QUIET
        await trio.sleep(QUIET)
        await self._talk.leave()
        if self._talk.goodbye:
            self.outbox.answer(self._talk.goodbye)
        self.outbox.close(GOING_AWAY, "the server is stopping")


async def turn_away(ws: WebSocketConnection, line: Line, error: bytes, code: str) -> None:
    """Send *error*, the refusal *code* of who may have no session, and close."""
    await line.send_frames([error])
    with trio.move_on_after(FAREWELL):
        await ws.aclose(_CLOSES.get(code, POLICY_VIOLATION), code)


_CLOSES = {
    "UNKNOWN_MODULE": UNKNOWN_STORE,
    "AUTH_REQUIRED": UNAUTHORISED,
    "AUTH_EXPIRED": UNAUTHORISED,
}
"""Code of a refusal → of the close frame, where it is not that of a bad request."""
