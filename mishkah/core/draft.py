"""What would be so if some commands were committed: a thin sheet over a state, or over a sheet."""

from collections.abc import Iterator
from typing import Any, Protocol

from mishkah.core.commit import Change, Commit, Taken
from mishkah.core.schema import Index, Key, Row, Schema
from mishkah.core.state import CounterKey, Record


class Ground(Protocol):
    """What a draft lies on: a `State`, or another draft."""

    schema: Schema

    def record(self, table: str, identifier: str) -> Record | None: ...
    def ids(self, table: str) -> Iterator[str]: ...
    def holders(self, table: str, index: Index, key: Key) -> Iterator[str]: ...
    def counter(self, key: CounterKey) -> int | None: ...


class Draft:
    """Changes that are not committed yet. Nothing below is touched; drop it and nothing was."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.schema = ground.schema
        self.changes: list[Change] = []
        self._records: dict[str, dict[str, Record | None]] = {}
        self._added: dict[tuple[str, Index, Key], dict[str, None]] = {}
        self._counters: dict[CounterKey, int] = {}

    def record(self, table: str, identifier: str) -> Record | None:
        drawn = self._records.get(table)
        if drawn is not None and identifier in drawn:
            return drawn[identifier]
        return self._ground.record(table, identifier)

    def ids(self, table: str) -> Iterator[str]:
        drawn = self._records.get(table, {})
        for identifier in self._ground.ids(table):
            if identifier not in drawn:
                yield identifier
        for identifier, record in drawn.items():
            if record is not None:
                yield identifier

    def holders(self, table: str, index: Index, key: Key) -> Iterator[str]:
        drawn = self._records.get(table, {})
        for identifier in self._ground.holders(table, index, key):
            if identifier not in drawn:
                yield identifier
        yield from self._added.get((table, index, key), ())

    def counter(self, key: CounterKey) -> int | None:
        drawn = self._counters.get(key)
        return self._ground.counter(key) if drawn is None else drawn

    @property
    def taken(self) -> tuple[Taken, ...]:
        return tuple(Taken(*key, number) for key, number in self._counters.items())

    def take(self, key: CounterKey, number: int) -> None:
        """Set a counter to the last number given."""
        self._counters[key] = number

    def put(self, change: Change, seq: int) -> None:
        """Draw one change of the commit *seq*."""
        self.changes.append(change)
        record = Record(seq, change.json) if change.new is not None else None
        self._records.setdefault(change.table, {})[change.id] = record
        before = change.before()
        for index in self.schema.tables[change.table].indexes:
            if before is not None and (key := index.key(before)) is not None:
                self._added.get((change.table, index, key), {}).pop(change.id, None)
            if change.new is not None and (key := index.key(change.new)) is not None:
                self._added.setdefault((change.table, index, key), {})[change.id] = None

    def add(self, commit: Commit) -> None:
        """Draw a whole commit, so that the next command sees its effect."""
        for change in commit.changes:
            self.put(change, commit.seq)
        for taken in commit.counters:
            self.take((taken.table, taken.field, taken.period), taken.number)


class View:
    """A read-only look at a store for plugins. Rows are fresh copies: changing one changes nothing.

    Unknown tables and fields raise KeyError: a plugin's mistake, not a client's.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def get(self, table: str, identifier: str) -> Row | None:
        """Return one row, or None."""
        record = self._ground.record(table, identifier)
        return None if record is None else self._ground.schema.tables[table].decode(record.json)

    def ids(self, table: str) -> Iterator[str]:
        """Yield the id of every row of *table*, in the order in which they were inserted."""
        return self._ground.ids(table)

    def rows(self, table: str) -> Iterator[Row]:
        """Yield every row of *table*; the cost grows with the table."""
        for identifier in self._ground.ids(table):
            row = self.get(table, identifier)
            if row is not None:
                yield row

    def find(self, table: str, **values: Any) -> Iterator[Row]:
        """Yield the rows whose fields have these values.

        Where an index of the schema has just these fields it is used; otherwise every row is read.
        """
        definition = self._ground.schema.tables[table]
        for name in values:
            definition.fields[name]  # an unknown field is a KeyError here
        for index in definition.indexes:
            if set(index.fields) == set(values) and None not in values.values():
                key = tuple(values[name] for name in index.fields)
                for identifier in self._ground.holders(table, index, key):
                    row = self.get(table, identifier)
                    if row is not None:
                        yield row
                return
        for row in self.rows(table):
            if all(row[name] == value for name, value in values.items()):
                yield row
