"""Bounded mail for each client: what a store says never waits for who hears it."""

from collections.abc import Callable, Iterable, Sequence

import trio

from mishkah.core import wire
from mishkah.core.errors import Refused
from mishkah.core.messages import Ref
from mishkah.letters import Letter, Letters, Mail, Piece, joined
from mishkah.listener import Listener
from mishkah.tally import Tally

LIMIT = 8 * 2**20
"""Bytes that may wait for one client, snapshots aside; then its views fall behind."""
MAX_ANSWERS = 1000
"""Answers that may wait for one client before its next command is read."""
MAX_ASKED = 2**20
"""Bytes of commands of one client that may wait for their store."""


class Stalled(trio.BrokenResourceError):
    """A client has taken nothing for too long; a close frame may still find room."""


_REST = Letter((b"",))
"""What lets the session go on with frames of which a part has gone."""


def _ignore(code: str) -> None:
    """Tell nobody that something was refused."""


Now = Callable[[bytes], int]
"""Send whole frames without waiting; return how many bytes are gone: all, none, or some.

Of some the sender keeps the rest, and begins with it when it is given more, if only nothing.
"""


class Outbox:
    """What waits for one client. Putting never blocks; in a full box the views fall behind.

    The session takes, the stores put; what is put while nothing waits goes out `now`, where that
    is given and can; see `serve`. `received` counts the commands that the session has read; those
    up to `refused_upto` are refused when their turn comes, see `Store`. At most *subscriptions*
    views are shown to it; `several` is true where they may be of several stores. What it is
    refused, and by which limit, is counted in *tally*; the codes are `told` as well.
    """

    __slots__ = (
        "__weakref__", "_asked", "_behind", "_departed", "_gathering", "_letters", "_limit",
        "_mail", "_moved", "_ready", "_refused", "_start", "_stays", "_taking", "_unanswered",
        "arabic", "closing", "dismissed", "gone", "limited", "listeners", "now", "received",
        "refused_upto", "several", "subscriptions", "told",
    )  # fmt: skip

    def __init__(
        self, limit: int = LIMIT, subscriptions: int = 64, tally: Tally | None = None
    ) -> None:
        tally = tally or Tally()
        self.listeners: list[Listener] = []
        self.closing: tuple[int, str] | None = None
        self.gone = False
        self.dismissed = False
        self.arabic = False
        self.several = False
        self.received = 0
        self.refused_upto = 0
        self.subscriptions = subscriptions
        self.told: Callable[[str], None] = _ignore
        self.now: Now | None = None
        self._refused = tally.refused
        self.limited = tally.limited
        self._limit = limit
        self._letters = Letters()
        self._asked = 0  # bytes of commands that are read and not dealt with
        self._unanswered = 0  # how many of them there are
        self._behind: Sequence[Listener] = ()
        self._departed = 0
        self._ready: Now | None = None  # `now`, while the session has sent all that it took
        self._gathering: Now | None = None
        self._start: Callable[[], None] | None = None
        self._stays = True
        self._taking = False
        self._mail: trio.lowlevel.ParkingLot | None = None  # most have nobody who waits there
        self._moved: trio.lowlevel.ParkingLot | None = None

    def serve(self, now: Now, start: Callable[[], None], *, stays: bool) -> None:
        """Have what is put go out *now*, where that can be, and *start* a task that takes the rest.

        It takes until there is nothing, and then says so by `rest`. One that *stays* waits for
        more, once it was needed: where *now* can do nothing, to start it each time would be dearer.
        """
        self.now, self._start, self._stays = now, start, stays
        if self._letters or not self.open:
            self._wake()
        else:
            self._ready = now

    def rest(self) -> None:
        """Let the task that `serve` has started be the last, until there is something to take."""
        self._taking = False
        if self.open:
            self._ready = self.now
        self._move()

    @property
    def open(self) -> bool:
        """Whether anything that is put will still be sent."""
        return not self.gone and self.closing is None

    @property
    def size(self) -> int:
        """Bytes that wait, snapshots aside."""
        return self._letters.size

    def put(self, listener: Listener, pieces: Sequence[Piece]) -> None:
        """Queue what a store has just committed, or let all views of a slow client fall behind.

        Slow is who has more than the limit before: however much comes at once, it hurts nobody who
        has read all before.
        """
        if not listener.live:
            return
        if self._ready is not None and len(pieces) == 1:
            frames, upto = pieces[0]
            if gone := self._ready(frames):
                listener.cursor = listener.told = upto
                if gone < len(frames):
                    self._append(_REST)
                return
        if not self.open:
            return
        if self._letters.size > self._limit:
            self._fall_behind()
        else:
            self._add(listener, pieces)

    def put_missed(self, listener: Listener, pieces: Sequence[Piece], *, more: bool) -> None:
        """Queue what a listener that is not live has missed; with *more*, it is to ask for more."""
        if self.open and listener.wanted:
            self._add(listener, pieces)
            if more:
                self._append(Letter((), listener=listener, upto=pieces[-1].upto, more=True))

    def put_snapshot(self, listener: Listener, pieces: Iterable[bytes], seq: int) -> None:
        """Queue a snapshot, whose rows everyone shares and which the limit does not count."""
        if self.open and listener.wanted:
            filtered = listener.view is not None and listener.view.is_work
            wanted = listener.while_wanted(pieces)
            letter = Letter(
                wanted, listener=listener, upto=seq, alone=True, long=filtered, told=True
            )
            self._append(letter)

    def answer(self, frame: bytes) -> None:
        """Queue an answer; never dropped, since `room` bounds how many there are."""
        if self._ready is not None and (gone := self._ready(frame)):
            if gone < len(frame):
                self._append(_REST)
        elif self.open:
            self._append(Letter((frame,), len(frame), 1))

    def gather(self) -> None:
        """Let what is put now wait for what else a batch has to say, until `flush`."""
        if self._ready is not None:
            self._gathering, self._ready = self._ready, None

    def flush(self) -> None:
        """Send what was gathered, at once if that can be."""
        if self._gathering is not None:
            self._ready, self._gathering = self._gathering, None
            if self._letters and not self._goes_now(self._ready):
                self._wake()

    def _goes_now(self, now: Now) -> bool:
        """Send all letters if they can go at once, and tell whether they have."""
        letters = self._letters
        if self._behind or not letters.go_together():
            return False
        data = joined(letters)
        gone = now(data)
        if not gone:
            return False
        for letter in letters:
            letter.noted()
        letters.clear()
        if gone < len(data):
            self._append(_REST)
        self._move()
        return True

    def refuse(self, refusal: Refused, ref: Ref | None) -> None:
        """Queue the ERROR that tells *refusal*, in the client's language."""
        self.answer(self.refusal(refusal, ref))

    def refusal(self, refusal: Refused, ref: Ref | None) -> bytes:
        """Count *refusal*, and return the ERROR that tells it."""
        self._refused[refusal.code] += 1
        self.told(refusal.code)
        return wire.error(refusal, ref, arabic=self.arabic)

    def put_result(self, pieces: Iterable[bytes], held: int) -> None:
        """Queue an answer that is worked out while it is sent, and holds *held* bytes."""
        if self.open:
            self._append(Letter(pieces, answers=1, alone=True, long=True, held=held))

    def close(self, code: int, reason: str = "") -> None:
        """Take nothing more; when what is queued has been sent, close with *code*."""
        if self.closing is None:
            self.closing = (code, reason)
            self._wake()

    def dismiss(self, code: int, reason: str) -> None:
        """Close, and let the store skip what its owner still asks: an outcome is unknown."""
        self.dismissed = True
        self.close(code, reason)

    def depart(self) -> None:
        """Count one more store that has answered everything."""
        self._departed += 1
        self._move()

    async def departed(self, stores: int) -> None:
        """Wait until so many stores have answered everything, or nobody hears it any more."""
        while self.open and self._departed < stores:
            await self._until_moved()

    async def finished(self) -> None:
        """Wait until all is sent that ever will be."""
        while self.open or self._taking:
            await self._until_moved()

    def hang_up(self) -> None:
        """Forget everything: the client has gone."""
        self.gone = True
        self._letters.clear()
        for listener in self.listeners:
            listener.live = False
        self._wake()

    async def take(self) -> Mail | None:
        """Return what to send next, or None when there will be nothing.

        None too where nothing waits for a task that does not stay, see `serve`.
        """
        while not self._letters and not self._behind:
            if not (self.open and self._stays):
                return None
            self._ready = self.now
            if self._mail is None:
                self._mail = trio.lowlevel.ParkingLot()
            try:
                await self._mail.park()
            finally:
                self._ready = self._gathering = None
        if not self._letters:
            behind, self._behind = self._behind, ()
            return Mail((), [listener for listener in behind if not listener.asking], slow=True)
        taken = self._letters.take()
        for letter in taken:
            letter.noted()
        self._move()
        first = taken[0]
        if first.joins:
            return Mail((joined(taken),))
        behind = [first.listener] if first.listener and first.more else []
        return Mail(first.pieces, behind, long=first.long)

    def ask(self, size: int) -> int:
        """Count a command of *size* bytes that is read; return the how-manyth it is."""
        self._asked += size
        self._unanswered += 1
        self.received += 1
        return self.received

    def answered(self, size: int) -> None:
        """Count a command of *size* bytes that the store has dealt with."""
        self._asked -= size
        self._unanswered -= 1
        self._move()

    async def room(self) -> None:
        """Wait until so little is unread or unanswered that another command may be read."""
        while self.open and (
            self._letters.answers + self._unanswered >= MAX_ANSWERS
            or self._letters.size >= self._limit
            or self._asked + self._letters.held >= MAX_ASKED
        ):
            await self._until_moved()

    def forget(self, listener: Listener, notice: bytes = b"") -> None:
        """Drop a subscription, and what waits of it; say *notice* before all that is left."""
        listener.gone = True
        self.listeners = [other for other in self.listeners if other is not listener]
        self.hold(listener)
        if notice:
            self._letters = Letters([Letter((notice,), len(notice)), *self._letters])
            self._arrived()

    def hold(self, listener: Listener) -> None:
        """Show nothing more of a subscription, and drop what waits of it."""
        listener.live, listener.held = False, True
        self._behind = [other for other in self._behind if other is not listener]
        self._letters = Letters(one for one in self._letters if one.listener is not listener)

    def break_off(self) -> None:
        """Say nothing more, since half a message was sent; it is closing."""
        self._letters.clear()

    def _fall_behind(self) -> None:
        """Drop what waits of the views, and say so before the answers that stay."""
        self.limited["outbox"] += 1
        answers = [letter for letter in self._letters if letter.listener is None]
        notices = [
            Letter((resync,), len(resync), listener=one, upto=one.cursor)
            for one in self.listeners
            if one.wanted and (resync := one.resync)
        ]
        self._letters = Letters([*notices, *answers])
        # What its store has not heard of yet is shown from its beginning anyway.
        self._behind = [one for one in self.listeners if one.wanted and (one.live or one.view)]
        for listener in self.listeners:
            listener.live = False
        self._wake()

    def _add(self, listener: Listener, pieces: Sequence[Piece]) -> None:
        for frames, upto in pieces:
            letter = Letter((frames,), len(frames), listener=listener, upto=upto, told=bool(frames))
            self._append(letter)

    def _append(self, letter: Letter) -> None:
        self._letters.append(letter)
        self._arrived()

    def _arrived(self) -> None:
        """Let what has come be sent, unless it waits for `flush`."""
        if self._gathering is None:
            self._wake()

    def _wake(self) -> None:
        """Let the session send, and whoever waits for something to happen look again."""
        self._ready = self._gathering = None
        if self._mail is not None:
            self._mail.unpark_all()
        if self._start is not None and not (self._taking or self.gone):
            self._taking = True
            self._start()
        self._move()

    def _move(self) -> None:
        if self._moved is not None:
            self._moved.unpark_all()

    async def _until_moved(self) -> None:
        if self._moved is None:
            self._moved = trio.lowlevel.ParkingLot()
        await self._moved.park()
