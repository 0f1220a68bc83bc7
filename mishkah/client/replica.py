"""The rows of one view as they were at one commit: snapshots and deltas in, whole or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from mishkah.client.errors import Lost
from mishkah.client.heard import Delta, Row, Snapshot, Subscribed

Key = tuple[str, str]
"""(table, id)"""
Picture = dict[str, dict[str, Row]]
"""table → id → row. Rows are replaced, never changed."""


class Cursor(NamedTuple):
    """A place in a history: the commit *seq* of *epoch*."""

    epoch: str
    seq: int


class Replica:
    """What the server has shown so far. `cursor` is None before the first whole picture."""

    def __init__(self) -> None:
        self.picture: Picture = {}
        self.cursor: Cursor | None = None
        self._keys: Mapping[str, str] = {}
        self._decimals: Mapping[str, Sequence[str]] = {}
        self._aside: Picture | None = None
        self._commit: list[Delta] = []

    def describe(self, told: Subscribed) -> None:
        """Learn the primary keys and the decimal fields of the view's tables."""
        self._keys = told.keys
        self._decimals = told.decimals

    def key_of(self, table: str) -> str:
        """Return the field that is the primary key of *table*."""
        return self._keys.get(table, "id")

    def row(self, table: str, identifier: str) -> Row | None:
        return self.picture.get(table, {}).get(identifier)

    def keys(self) -> Iterator[Key]:
        for table, rows in self.picture.items():
            for identifier in rows:
                yield table, identifier

    def restored(self, table: str, row: Row) -> Row:
        """Make whole decimals, which JSON writes like integers, `Decimal` again, in place."""
        for name in self._decimals.get(table, ()):
            if isinstance(row.get(name), int):
                row[name] = Decimal(row[name])
        return row

    def drop_halves(self) -> None:
        """Forget the snapshot, and the commit, of which a part is still to come."""
        self._aside = None
        self._commit = []

    def build(self, part: Snapshot) -> Picture | None:
        """Add *part* to the picture that is made aside; return it when it is whole.

        Raises Lost for a row without its primary key.
        """
        if part.part == 0:
            self._aside = {}
        if self._aside is None:
            return None
        for table, rows in part.data.items():
            known = self._aside.setdefault(table, {})
            key = self.key_of(table)
            for row in rows:
                if key not in row:
                    raise Lost(f"a row of {table} has no {key}")
                known[row[key]] = self.restored(table, row)
        return self._aside if part.last else None

    def gather(self, delta: Delta) -> list[Delta]:
        """Return all deltas of the commit to which *delta* belongs, once the last has come."""
        if self._commit and self._commit[0].seq != delta.seq:
            self._commit = []
        self._commit.append(delta)
        if len(self._commit) < delta.tx.n:
            return []
        commit, self._commit = self._commit, []
        return commit

    def show(self, picture: Picture, cursor: Cursor) -> None:
        self.picture = picture
        self.cursor = cursor
        self._aside = None

    def apply(self, commit: Sequence[Delta]) -> None:
        """Show what *commit*, the next of this view, has changed."""
        for delta in commit:
            body = delta.data
            rows = self.picture.setdefault(body.table, {})
            if body.operation == "DELETE":
                rows.pop(body.id, None)
                continue
            changes = self.restored(body.table, dict(body.changes))
            before = rows.get(body.id, {}) if body.operation == "UPDATE" else {}
            rows[body.id] = {**before, **changes}
        self.cursor = Cursor(commit[0].epoch, commit[0].seq)
