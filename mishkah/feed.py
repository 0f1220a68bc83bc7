"""Bounded mail for each listener: what a store says never waits for who hears it."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import trio

from mishkah.core.frames import TRY_AGAIN_LATER

LIMIT = 8 * 2**20
"""Bytes that may wait for one client, snapshots aside."""
MAX_ANSWERS = 1000
"""Answers that may wait for one client before its next command is read."""
MAX_ASKED = 2**20
"""Bytes of commands of one client that may wait for their store."""
CHUNK = 256 * 1024
"""Bytes that are sent in one go, unless one frame has more."""


class _Letter(NamedTuple):
    frames: Iterable[bytes]
    counted: int
    answers: int
    alone: bool = False


class Outbox:
    """The frames that wait for one client. Putting never blocks; a full box sends its owner away.

    The session takes, the store puts. `received` counts the commands that the session has read;
    those up to `refused_upto` are refused when their turn comes, see `Store`.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._letters: deque[_Letter] = deque()
        self._size = 0
        self._answers = 0
        self._asked = 0
        self._moved = trio.lowlevel.ParkingLot()
        self.closing: tuple[int, str] | None = None
        self.gone = False
        self.dismissed = False
        self.cut_off = trio.Event()
        self.received = 0
        self.refused_upto = 0

    @property
    def open(self) -> bool:
        """Whether anything that is put will still be sent."""
        return not self.gone and self.closing is None

    def put(self, pieces: Sequence[bytes]) -> None:
        """Queue whole frames of a view, or send away, to come back, a client too slow for them.

        Too slow is who has more than the limit before: a client that has read all before is never
        sent away, however much comes at once.
        """
        if not self.open:
            return
        if self._size > self._limit:
            self._letters = deque(letter for letter in self._letters if letter.answers)
            self._size = sum(letter.counted for letter in self._letters)
            self.close(TRY_AGAIN_LATER, "too slow; come back")
            self.cut_off.set()
            return
        for piece in pieces:
            self._append(_Letter((piece,), len(piece), 0))

    def put_snapshot(self, pieces: Iterable[bytes]) -> None:
        """Queue a snapshot, whose rows everyone shares and which the limit does not count."""
        if self.open:
            self._append(_Letter(pieces, 0, 0, alone=True))

    def answer(self, frame: bytes) -> None:
        """Queue an answer; never dropped, since `room` bounds how many there are."""
        if self.open:
            self._append(_Letter((frame,), len(frame), 1))

    def close(self, code: int, reason: str = "") -> None:
        """Take nothing more; when what is queued has been sent, close with *code*."""
        if self.closing is None:
            self.closing = (code, reason)
            self._wake()

    def dismiss(self, code: int, reason: str) -> None:
        """Close, and let the store skip what its owner still asks: an outcome is unknown."""
        self.dismissed = True
        self.close(code, reason)

    def hang_up(self) -> None:
        """Forget everything: the client has gone."""
        self.gone = True
        self._letters.clear()
        self._wake()

    async def take(self) -> Iterable[bytes] | None:
        """Return the pieces of the next frames to send, or None when there will be none."""
        while not self._letters:
            if not self.open:
                return None
            await self._moved.park()
        letter = self._letters.popleft()
        if letter.alone:
            return letter.frames
        taken = [letter]
        size = letter.counted
        while self._letters and not self._letters[0].alone:
            if size + self._letters[0].counted > CHUNK:
                break
            taken.append(self._letters.popleft())
            size += taken[-1].counted
        self._size -= size
        self._answers -= sum(letter.answers for letter in taken)
        self._wake()
        return (b"".join([piece for letter in taken for piece in letter.frames]),)

    def ask(self, size: int) -> int:
        """Count a command of *size* bytes that is read; return the how-manyth it is."""
        self._asked += size
        self.received += 1
        return self.received

    def answered(self, size: int) -> None:
        """Count a command of *size* bytes that the store has dealt with."""
        self._asked -= size
        self._wake()

    async def room(self) -> None:
        """Wait until so little is unread or unanswered that another command may be read."""
        while self.open and (
            self._answers >= MAX_ANSWERS or self._size >= self._limit or self._asked >= MAX_ASKED
        ):
            await self._moved.park()

    def _append(self, letter: _Letter) -> None:
        self._letters.append(letter)
        self._size += letter.counted
        self._answers += letter.answers
        self._wake()

    def _wake(self) -> None:
        self._moved.unpark_all()
