"""The client's side of `mishkah.v1` without a socket: messages in, messages out, rows to read."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from mishkah.client.belongs import belongs
from mishkah.client.errors import Lost, Refusal
from mishkah.client.heard import (
    Ack,
    Delta,
    Error,
    Goaway,
    Heard,
    Result,
    Resync,
    Row,
    Snapshot,
    Subscribed,
    Synced,
    Welcome,
    hear,
)
from mishkah.client.outbox import Errand, Outbox, read_back, written
from mishkah.client.overlay import Overlay
from mishkah.client.replica import Cursor, Key, Replica
from mishkah.core.commands import ops_of
from mishkah.core.errors import TooLarge
from mishkah.core.messages import Based, Hello, Message, Op, Ping, Query, Subscribe, Transaction
from mishkah.core.messages import Write as Command

UNAVAILABLE = frozenset({"STORE_FAILED", "BUSY", "RATE_LIMITED", "GOING_AWAY"})
"""Codes that speak of the moment, not of the command: it is sent again later."""


class Change(msgspec.Struct, frozen=True):
    """What a reader of the rows sees differently now. *left*: the row is only out of the view."""

    table: str
    id: str
    old: Row | None
    new: Row | None
    left: bool = False

    @property
    def operation(self) -> str:
        if self.old is None:
            return "INSERT"
        return "DELETE" if self.new is None else "UPDATE"


class Machine:
    """A replica of one view, with unconfirmed writes on top, and what is said to keep it so.

    *asked* names the store and the view; no tables (an empty list) are no view at all. *refs* gives
    names that no other write of *client* has. `outgoing` is to be sent in order; `settled` and
    `changes` (of the `watched` tables) are to be taken by whoever called.
    """

    def __init__(
        self, asked: Subscribe, client: str, refs: Iterator[str], *, lang: str = ""
    ) -> None:
        self.client = client
        self.replica = Replica()
        self.overlay = Overlay(self.replica.key_of)
        self.outbox = Outbox()
        self.outgoing: deque[str] = deque()
        self.settled: list[Errand] = []
        self.changes: list[Change] = []
        self.watched: Counter[str] = Counter()
        self.status = "waiting"
        self.failure: Refusal | None = None
        self.retry_ms: int | None = None
        read = read_back(written(asked))
        assert isinstance(read, Subscribe)
        self._asked = read
        self._hello = written(Hello(v=1, client=client, lang=lang))
        self._refs = refs
        self._holds: Callable[[Row], bool] = (
            (lambda row: True) if read.where is None else belongs(read.where)
        )
        self._greeted = False
        self._level = False
        self._limit: int | None = None
        self._subscribing: str | None = None
        self._unreached: dict[str, int] = {}
        """Writes that have an ACK, with its `seq`, and whose commit is not shown below yet."""

    # --- reading

    def row(self, table: str, identifier: str) -> Row | None:
        """Return a row as it will be when all that is pending is done; None where it is not."""
        key = (table, identifier)
        row = self.replica.row(table, identifier)
        if not self.overlay.covers(key):
            return row
        row = self.overlay.over(key, row)
        return row if row is None or self._holds(row) else None

    def rows(self, table: str) -> list[Row]:
        """Return all rows of *table*, by id."""
        ids = {*self.replica.picture.get(table, {}), *self.overlay.touched(table)}
        return [row for i in sorted(ids) if (row := self.row(table, i)) is not None]

    # --- what the user wants

    def write(
        self, command: Command, *, base: Cursor | None = None, ref: str | None = None
    ) -> Errand:
        """Take *command* to be done once. Raises Refusal, OutboxFull, ValueError, TypeError."""
        if base is not None and isinstance(command, Based):
            command = msgspec.structs.replace(command, base=base.seq, epoch=base.epoch)
        errand = self._errand(command, ref or next(self._refs))
        ops = self._drawn(errand.command)
        self.outbox.put(errand)
        self._move([], lambda: self.overlay.put(errand.ref, ops), self.overlay.places(ops))
        self._send(errand)
        return errand

    def ask(self, question: Query) -> Errand:
        """Take *question*, whose answer shows all writes before it. Raises as `write`."""
        errand = self._errand(question, next(self._refs))
        self.outbox.put(errand)
        self._send(errand)
        return errand

    def forget(self, errand: Errand) -> None:
        """Expect no answer to a question any more."""
        self.outbox.settle(errand.ref, None)

    # --- the connection

    def connected(self) -> None:
        """Begin to speak on a new connection."""
        self.status = "connecting"
        self.retry_ms = None
        self.outgoing.append(self._hello)

    def cut(self) -> None:
        """Note that the connection is gone. All without an answer will be sent again."""
        self.status = "waiting" if self.failure is None else "refused"
        self._greeted = self._level = False
        self._subscribing = None
        self.outgoing.clear()
        self.replica.drop_halves()

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.outgoing.append(written(Ping()))

    def hear(self, message: str | bytes) -> None:
        """Take in what the server says.

        Raises Lost where the connection is of no use any more, and Refusal, which is `failure` from
        then on, where the server will never serve what was asked.
        """
        said = hear(message)
        match said:
            case Welcome():
                self._begin(said)
            case Subscribed():
                self._subscribed(said)
            case Snapshot() | Delta() | Synced() | Resync():
                if self._subscribing is None:
                    self._show(said)
            case Ack() | Result():
                self._answered(said)
            case Error():
                self._refused(said)
            case Goaway():
                self.retry_ms = said.retry_ms

    # --- inside

    def _errand(self, command: Message, ref: str) -> Errand:
        if self.failure is not None:
            raise self.failure
        where = {"branch": self._asked.branch, "module": self._asked.module}
        frame = written(msgspec.structs.replace(command, ref=ref, **where))
        return Errand(ref, read_back(frame), frame)

    def _drawn(self, command: Message) -> list[Op]:
        """Return the operations of *command* that can be seen in this view."""
        if isinstance(command, Query):
            return []
        return [op for op in ops_of(command) if op.table in self.replica.picture]

    def _send(self, errand: Errand) -> None:
        if not self._greeted:
            return
        if self._limit is not None and len(errand.frame.encode()) > self._limit:
            self._settle(errand.ref, Refusal.of(TooLarge()))
        else:
            self.outgoing.append(errand.frame)

    def _begin(self, welcome: Welcome) -> None:
        """Send what has no answer, then subscribe.

        In this order: so no snapshot holds a write of ours of which we do not know yet.
        """
        limit = welcome.limits.get("message")
        self._limit = limit if isinstance(limit, int) else None
        self._greeted = True
        for errand in self.outbox:
            self._send(errand)
        if self._asked.tables == []:
            self._level, self.status = True, "live"
        else:
            self._subscribe()

    def _subscribe(self) -> None:
        self._level, self.status = False, "catching up"
        self.replica.drop_halves()
        self._subscribing = next(self._refs)
        asked = msgspec.structs.replace(self._asked, ref=self._subscribing)
        if (cursor := self.replica.cursor) is not None:
            asked = msgspec.structs.replace(asked, since=cursor.seq, epoch=cursor.epoch)
        self.outgoing.append(written(asked))

    def _subscribed(self, told: Subscribed) -> None:
        if told.ref == self._subscribing:
            self._subscribing = None
            self.replica.describe(told)

    def _show(self, said: Heard) -> None:
        match said:
            case Snapshot():
                self._snapshot(said)
            case Delta():
                self._delta(said)
            case Resync():
                self._level, self.status = False, "catching up"
                self.replica.drop_halves()
            case Synced():
                self._level, self.status = True, "live"
                if (cursor := self.replica.cursor) is not None and cursor.epoch == said.epoch:
                    self.replica.cursor = Cursor(said.epoch, max(said.seq, cursor.seq))
                self._move(list(self._unreached), None)

    def _snapshot(self, part: Snapshot) -> None:
        picture = self.replica.build(part)
        if picture is None:
            return
        before = self.replica.cursor
        fresh = before is None or before.epoch != part.epoch
        reached = [ref for ref, seq in self._unreached.items() if fresh or seq <= part.seq]
        keys = [*self.replica.keys(), *((t, i) for t, rows in picture.items() for i in rows)]
        cursor = Cursor(part.epoch, part.seq)
        self._move(reached, lambda: self.replica.show(picture, cursor), keys)

    def _delta(self, delta: Delta) -> None:
        cursor = self.replica.cursor
        if cursor is None or cursor.epoch != delta.epoch or delta.prev > cursor.seq:
            self._subscribe()
            return
        if delta.seq <= cursor.seq:
            return
        commit = self.replica.gather(delta)
        if not commit:
            return
        reached = [ref for ref, seq in self._unreached.items() if seq <= delta.seq]
        if delta.by.client == self.client and isinstance(delta.by.ref, str):
            reached.append(delta.by.ref)
        keys = [(one.data.table, one.data.id) for one in commit]
        left = {key for one, key in zip(commit, keys, strict=True) if one.data.reason == "left"}
        self._move(reached, lambda: self.replica.apply(commit), keys, left)

    def _answered(self, answer: Ack | Result) -> None:
        errand = self._settle(answer.ref, answer)
        if errand is None or not isinstance(answer, Ack):
            return
        self._restore(errand.command, answer)
        if self._level:
            self._move([errand.ref], None)
        else:
            self._unreached[errand.ref] = answer.seq

    def _restore(self, command: Message, ack: Ack) -> None:
        """Make whole decimals in the rows of *ack* `Decimal` again, where their table is known."""
        ops: Sequence[Op] = [] if isinstance(command, Query) else ops_of(command)
        if len(ops) == len(ack.rows) or not isinstance(command, Transaction):
            for op, row in zip(ops, ack.rows, strict=False):
                if row is not None:
                    self.replica.restored(op.table, row)

    def _refused(self, error: Error) -> None:
        if error.retry_ms is not None:
            self.retry_ms = error.retry_ms
        if error.code in UNAVAILABLE:
            raise Lost(error.code)
        refusal = Refusal(
            error.code,
            error.error,
            text=error.text,
            details=error.details,
            more=error.more,
            current=error.current,
        )
        if not self._greeted or (error.ref is not None and error.ref == self._subscribing):
            self.failure = refusal
            raise refusal
        errand = self._settle(error.ref, refusal)
        if errand is not None:
            self._move([errand.ref], None)

    def _settle(self, ref: str | int | None, answer: Ack | Result | Refusal) -> Errand | None:
        errand = self.outbox.settle(ref, answer)
        if errand is not None:
            self.settled.append(errand)
        return errand

    def _move(
        self,
        reached: Iterable[str],
        act: Callable[[], None] | None,
        keys: Iterable[Key] = (),
        left: frozenset[Key] | set[Key] = frozenset(),
    ) -> None:
        """Do *act*, take the writes *reached* from the overlay, and note what readers will see.

        *keys* are the rows that *act* changes.
        """
        reached = list(reached)
        touched = {*keys, *(key for ref in reached for key in self.overlay.keys(ref))}
        before = {key: self.row(*key) for key in touched if self.watched[key[0]]}
        if act is not None:
            act()
        for ref in reached:
            self.overlay.drop(ref)
            self._unreached.pop(ref, None)
        for key, old in before.items():
            new = self.row(*key)
            if new != old:
                self.changes.append(Change(*key, old, new, key in left and new is None))
