"""What a store holds in memory: each row's JSON once, indexes, counters. Only commits change it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mishkah.core.commit import Change, Commit
from mishkah.core.schema import Index, Key, Row, Schema, Table

CounterKey = tuple[str, str, str]
"""(table, field, period)"""


class Record(NamedTuple):
    """A row at rest: the `seq` that wrote it last, and its canonical JSON."""

    seq: int
    json: bytes


Holders = str | dict[str, None]
"""The only row that has a key, as nearly all that are unique; or several, in order of arrival."""


class Rows:
    """One table in memory. An index's key leads to the ids that have it, in order of arrival."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.records: dict[str, Record] = {}
        self.indexes: dict[Index, dict[Key, Holders]] = {i: {} for i in table.indexes}
        self._all: list[Record] | None = None

    def all(self) -> Sequence[Record]:
        """Return every row as it is now: one list for all who ask until one changes."""
        if self._all is None:
            self._all = list(self.records.values())
        return self._all

    def load(self, identifier: str, record: Record, row: Row) -> None:
        """Take in a row that is not there."""
        self.records[identifier] = record
        for index, ids in self.indexes.items():
            _link(ids, index.key(row), identifier)

    def apply(self, change: Change, seq: int) -> None:
        """Make *change*, of the commit *seq*, so."""
        self._all = None
        if change.new is not None:
            self.records[change.id] = Record(seq, change.json)
        else:
            del self.records[change.id]
        for index, was, key in change.moves(self.table):
            ids = self.indexes[index]
            if was is not None:
                _unlink(ids, was, change.id)
            _link(ids, key, change.id)

    def doubled(self, index: Index) -> list[str]:
        """Return the ids of the rows whose *index* has a key that others have too."""
        several = (h for h in self.indexes[index].values() if not isinstance(h, str))
        return [identifier for holders in several if len(holders) > 1 for identifier in holders]


def _link(ids: dict[Key, Holders], key: Key | None, identifier: str) -> None:
    if key is None:
        return
    holders = ids.get(key)
    if holders is None:
        ids[key] = identifier
    elif isinstance(holders, str):
        ids[key] = {holders: None, identifier: None}
    else:
        holders[identifier] = None


def _unlink(ids: dict[Key, Holders], key: Key, identifier: str) -> None:
    holders = ids[key]
    if not isinstance(holders, str):
        del holders[identifier]
    if isinstance(holders, str) or not holders:
        del ids[key]


class State:
    """The rows, indexes and counters of one store after commit `seq`."""

    def __init__(self, schema: Schema, seq: int = 0) -> None:
        self.schema = schema
        self.seq = seq
        self.tables = {name: Rows(table) for name, table in schema.tables.items()}
        self.counters: dict[CounterKey, int] = {}

    def record(self, table: str, identifier: str) -> Record | None:
        return self.tables[table].records.get(identifier)

    def ids(self, table: str) -> Iterator[str]:
        return iter(self.tables[table].records)

    def holders(self, table: str, index: Index, key: Key) -> Iterator[str]:
        """Yield the ids of the rows whose *index* has *key*."""
        holders = self.tables[table].indexes[index].get(key, ())
        return iter((holders,) if isinstance(holders, str) else holders)

    def is_free(self, table: str, index: Index, key: Key) -> bool:
        """Tell whether no row's *index* has *key*."""
        return key not in self.tables[table].indexes[index]

    def counter(self, key: CounterKey) -> int | None:
        return self.counters.get(key)

    def apply(self, commit: Commit) -> None:
        """Make *commit*, which follows this state, so."""
        assert commit.seq == self.seq + 1, f"commit {commit.seq} does not follow {self.seq}"
        for change in commit.changes:
            self.tables[change.table].apply(change, commit.seq)
        for taken in commit.counters:
            self.counters[taken.table, taken.field, taken.period] = taken.number
        self.seq = commit.seq
