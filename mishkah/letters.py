"""What waits for one client: a queue that knows its sums. It decides nothing and wakes nobody."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mishkah.listener import Listener

CHUNK = 256 * 1024
"""Bytes that are sent in one go, unless one frame has more."""


class Piece(NamedTuple):
    """Whole frames of a view, which bring it to the commit *upto*."""

    frames: bytes
    upto: int


class Letter(NamedTuple):
    """Whole frames that are sent together, of which *size* bytes count as waiting.

    When it is taken, *listener* has been sent all up to the commit *upto*, and is *told* of it
    where it shows anything. *answers* are so many answers, and *held* the bytes that working one
    out holds. One that is *alone* shares no mail with others; *long* takes long to put together;
    with *more*, the listener is to ask its store for more.
    """

    pieces: Iterable[bytes]
    size: int = 0
    answers: int = 0
    listener: Listener | None = None
    upto: int = 0
    alone: bool = False
    long: bool = False
    more: bool = False
    held: int = 0
    told: bool = False

    @property
    def joins(self) -> bool:
        """Whether it may be sent together with its neighbours."""
        return not (self.alone or self.more)

    def noted(self) -> None:
        """Have its listener know that it goes out."""
        if self.listener is not None:
            self.listener.cursor = self.upto
            if self.told:
                self.listener.told = self.upto


class Mail(NamedTuple):
    """What to send next: the *pieces* of whole frames; then *behind* are to ask their stores.

    They are *slow* where they could not take in time what came. Pieces that are *long* to put
    together are whole frames each.
    """

    pieces: Iterable[bytes]
    behind: Sequence[Listener] = ()
    slow: bool = False
    long: bool = False


class Letters:
    """Letters in their order; `size`, `answers` and `held` are the sums of what they say."""

    __slots__ = ("_waiting", "answers", "held", "size")

    def __init__(self, letters: Iterable[Letter] = ()) -> None:
        self._waiting: list[Letter] = []
        self.size = self.answers = self.held = 0
        for letter in letters:
            self.append(letter)

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Letter]:
        return iter(self._waiting)

    def append(self, letter: Letter) -> None:
        self._waiting.append(letter)
        self._count(letter, 1)

    def take(self) -> list[Letter]:
        """Return the letters of the next mail: one alone, or those whose frames fill a chunk."""
        waiting = self._waiting
        size, end = waiting[0].size, 1
        while waiting[0].joins and end < len(waiting) and waiting[end].joins:
            if (size := size + waiting[end].size) > CHUNK:
                break
            end += 1
        taken = waiting[:end]
        del waiting[:end]
        for letter in taken:
            self._count(letter, -1)
        return taken

    def clear(self) -> None:
        self._waiting.clear()
        self.size = self.answers = self.held = 0

    def go_together(self) -> bool:
        """Tell whether all of them are one mail."""
        return self.size <= CHUNK and all(letter.joins for letter in self._waiting)

    def _count(self, letter: Letter, times: int) -> None:
        self.size += times * letter.size
        self.answers += times * letter.answers
        self.held += times * letter.held


def joined(letters: Iterable[Letter]) -> bytes:
    """Return the frames of *letters*, one behind the other."""
    return b"".join([piece for letter in letters for piece in letter.pieces])
