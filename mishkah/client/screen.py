"""What a reader sees: the replica with unconfirmed writes on top, and how that changes."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from mishkah.client.heard import Delta, Row
from mishkah.client.overlay import Overlay
from mishkah.client.replica import Cursor, Key, Picture, Replica
from mishkah.core.messages import Op


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


class Screen:
    """A replica under an overlay; *holds* tells which rows with something on top are in the view.

    A write is drawn when it is made, and taken off when the rows below have it or never will.
    `changes` of the `watched` tables are to be taken by whoever called.
    """

    def __init__(self, holds: Callable[[Row], bool]) -> None:
        self.replica = Replica()
        self.changes: list[Change] = []
        self.watched: Counter[str] = Counter()
        self._overlay = Overlay(self.replica.key_of)
        self._holds = holds
        self._owed: dict[str, int] = {}
        """Writes that have an ACK, with its `seq`, and whose commit is not shown below yet."""

    def row(self, table: str, identifier: str) -> Row | None:
        """Return a row as it will be when all that is pending is done; None where it is not."""
        key = (table, identifier)
        row = self.replica.row(table, identifier)
        if not self._overlay.covers(key):
            return row
        row = self._overlay.over(key, row)
        return row if row is None or self._holds(row) else None

    def rows(self, table: str) -> list[Row]:
        """Return all rows of *table*, by id."""
        ids = {*self.replica.picture.get(table, {}), *self._overlay.touched(table)}
        return [row for i in sorted(ids) if (row := self.row(table, i)) is not None]

    def draw(self, ref: str, ops: Iterable[Op]) -> None:
        """Draw the write *ref* on top of all others, as far as this view shows its *ops*."""
        seen = [op for op in ops if op.table in self.replica.picture]
        self._move([], lambda: self._overlay.put(ref, seen), self._overlay.places(seen))

    def take_off(self, *refs: str) -> None:
        """Take writes off: refused, or in the rows below."""
        self._move(refs, lambda: None)

    def owe(self, ref: str, seq: int) -> None:
        """Leave a write on top that is done by the commit *seq*, until that is shown below."""
        self._owed[ref] = seq

    def show(self, picture: Picture, cursor: Cursor) -> None:
        """Show another picture in the place of all rows below."""
        before = self.replica.cursor
        fresh = before is None or before.epoch != cursor.epoch
        reached = list(self._owed) if fresh else self._reached(cursor.seq)
        new = ((table, i) for table, rows in picture.items() for i in rows)
        self._move(reached, lambda: self.replica.show(picture, cursor), self.replica.keys(), new)

    def apply(self, commit: Sequence[Delta], own: str | None) -> None:
        """Show the next commit below; *own* is the ref of the write of this client that did it."""
        reached = self._reached(commit[0].seq) + ([] if own is None else [own])
        keys = [(one.data.table, one.data.id) for one in commit]
        left = {key for one, key in zip(commit, keys, strict=True) if one.data.reason == "left"}
        self._move(reached, lambda: self.replica.apply(commit), keys, left=left)

    def complete(self, cursor: Cursor) -> None:
        """Note that the rows below have all up to *cursor*."""
        before = self.replica.cursor
        if before is not None and before.epoch == cursor.epoch:
            self.replica.cursor = max(before, cursor)
        self.take_off(*self._owed)

    def _reached(self, upto: int) -> list[str]:
        return [ref for ref, seq in self._owed.items() if seq <= upto]

    def _move(
        self,
        reached: Iterable[str],
        act: Callable[[], None],
        *keys: Iterable[Key],
        left: Iterable[Key] = (),
    ) -> None:
        """Do *act*, take the writes *reached* off, and note what readers see differently then.

        *keys* are the rows that *act* changes.
        """
        reached = list(reached)
        places = (*keys, *(self._overlay.keys(ref) for ref in reached))
        touched = {key for some in places for key in some if self.watched[key[0]]}
        before = {key: self.row(*key) for key in touched}
        act()
        for ref in reached:
            self._overlay.drop(ref)
            self._owed.pop(ref, None)
        gone = set(left)
        for key, old in before.items():
            new = self.row(*key)
            if new != old:
                self.changes.append(Change(*key, old, new, key in gone and new is None))
