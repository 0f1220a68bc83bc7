"""One client on one socket: a reader that hears it, and a writer that sends its mail."""

from collections.abc import Iterable
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
from mishkah.rates import Pacing
from mishkah.talk import Talk
from mishkah.turns import Turns

QUIET = 0.2
"""Seconds that a stopping server still reads what its clients have sent."""
FAREWELL = 3.0
"""Seconds that a client has to answer a close frame."""


class Line(Protocol):
    """The two directions of an open socket, in whole messages and whole frames."""

    async def message(self) -> str | bytes:
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


class Session:
    """A socket and its *talk*, whose outbox it empties into *line*; *pacing* slows it down.

    What takes long to put together is put together in its *turns*.
    """

    def __init__(
        self, ws: WebSocketConnection, line: Line, talk: Talk, pacing: Pacing, turns: Turns
    ) -> None:
        self._ws = ws
        self._line = line
        self._talk = talk
        self._pacing = pacing
        self._turns = turns
        self._outbox: Outbox = talk.outbox
        self._outbox.now = line.send_now
        self._reading = trio.CancelScope()
        self._running: trio.Nursery | None = None
        self._leaving = False

    async def run(self) -> None:
        """Serve until the client leaves, or is sent away; then close."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read)
                nursery.start_soon(self._talk.follow)
                self._running = nursery
                if self._leaving:
                    nursery.start_soon(self._leave)
                try:
                    await self._write()
                finally:
                    self._running = None
                nursery.cancel_scope.cancel()
        finally:
            self._outbox.hang_up()
            self._talk.hang_up()
        code, reason = self._outbox.closing or (NORMAL, "")
        with trio.move_on_after(FAREWELL):
            await self._ws.aclose(code, reason)

    async def _read(self) -> None:
        outbox = self._outbox
        with self._reading:
            try:
                await self._talk.begin(self._receive)
                while outbox.open:
                    await self._talk.hear(await self._receive())
            except (ConnectionClosed, trio.BrokenResourceError):
                outbox.hang_up()

    async def _receive(self) -> str | bytes:
        """Return the next message, when so little waits for this client that it may be read."""
        await self._outbox.room()
        self._pacing.owner = self._talk.rights.who.owner
        await self._pacing.turn()
        return await self._line.message()

    async def _write(self) -> None:
        try:
            while (mail := await self._outbox.take()) is not None:
                await (self._send_slowly if mail.long else self._line.send_frames)(mail.pieces)
                for listener in mail.behind:
                    await self._talk.catch_up(listener, slow=mail.slow)
        except Stalled:
            self._outbox.limited["stall"] += 1
            self._outbox.close(TRY_AGAIN_LATER, "this client reads nothing")
            self._outbox.hang_up()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._outbox.hang_up()

    async def _send_slowly(self, pieces: Iterable[bytes]) -> None:
        """Send whole frames, each put together when its turn comes; an empty one is none yet."""
        frames = iter(pieces)
        while (frame := await self._turns.next(frames)) is not None:
            if frame:
                await self._line.send_frames((frame,))

    def leave(self) -> None:
        """Have the session end, in its time: the server is stopping. Before `run` too."""
        self._leaving = True
        if self._running is not None:
            self._running.start_soon(self._leave)

    async def _leave(self) -> None:
        """Read what comes in at once, no longer; when all of it is answered, say goodbye."""
        self._reading.deadline = trio.current_time() + QUIET
        await trio.sleep(QUIET)
        await self._talk.leave()
        if self._talk.goodbye:
            self._outbox.answer(self._talk.goodbye)
        self._outbox.close(GOING_AWAY, "the server is stopping")


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
