"""What would be so if some commands were committed: a thin sheet over a state, or over a sheet."""

from collections.abc import Iterator
from typing import Any, Protocol

from mishkah.core.commit import Change, Taken
from mishkah.core.schema import Index, Key, Row, Schema
from mishkah.core.state import CounterKey, Record

_ABSENT = object()


class Ground(Protocol):
    """What a draft lies on: a `State`, or another draft."""

    schema: Schema

    def record(self, table: str, identifier: str) -> Record | None: ...
    def ids(self, table: str) -> Iterator[str]: ...
    def holders(self, table: str, index: Index, key: Key) -> Iterator[str]: ...
    def is_free(self, table: str, index: Index, key: Key) -> bool: ...
    def counter(self, key: CounterKey) -> int | None: ...


def is_held(ground: Ground, table: str, index: Index, key: Key) -> bool:
    """Tell whether a row of *table* has *key*."""
    if ground.is_free(table, index, key):
        return False
    return next(ground.holders(table, index, key), None) is not None


class Draft:
    """Changes that are not committed yet. Nothing below is touched; drop it and nothing was.

    One command after the other is drawn: `begin` it, and `take_back` what it has drawn where it is
    refused. *changes* and *taken* are those of the command that was begun last.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.schema = ground.schema
        self.changes: list[Change] = []
        self.taken: dict[CounterKey, Taken] = {}
        self._records: dict[str, dict[str, Record | None]] = {}
        self._keyed: dict[tuple[str, Index, Key], dict[str, int]] = {}
        """The rows that have come to a key, and when; 0 are those that have left it."""
        self._moves = 0
        self._counters: dict[CounterKey, int] = {}
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []

    def begin(self) -> None:
        """Keep what is drawn, and begin another command."""
        self.changes, self.taken = [], {}
        self._undo.clear()

    def take_back(self) -> None:
        """Forget what the command has drawn."""
        while self._undo:
            drawn, key, before = self._undo.pop()
            if before is _ABSENT:
                del drawn[key]
            else:
                drawn[key] = before
        self.begin()

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
        drawn = self._keyed.get((table, index, key), {})
        for identifier in self._ground.holders(table, index, key):
            if identifier not in drawn:
                yield identifier
        for _, identifier in sorted((came, one) for one, came in drawn.items() if came):
            yield identifier

    def is_free(self, table: str, index: Index, key: Key) -> bool:
        """Tell whether no row surely has *key*: where this is false, `holders` knows."""
        return not self._keyed.get((table, index, key)) and self._ground.is_free(table, index, key)

    def counter(self, key: CounterKey) -> int | None:
        drawn = self._counters.get(key)
        return self._ground.counter(key) if drawn is None else drawn

    def take(self, key: CounterKey, number: int) -> None:
        """Set a counter to the last number given."""
        self._set(self._counters, key, number)
        self.taken[key] = Taken(*key, number)

    def put(self, change: Change, seq: int) -> None:
        """Draw one change of the commit *seq*."""
        self.changes.append(change)
        table = change.table
        record = Record(seq, change.json) if change.new is not None else None
        self._set(self._records.setdefault(table, {}), change.id, record)
        for index, was, key in change.moves(self.schema.tables[table]):
            if was is not None:
                self._set(self._keyed.setdefault((table, index, was), {}), change.id, 0)
            if key is not None:
                self._moves += 1
                self._set(self._keyed.setdefault((table, index, key), {}), change.id, self._moves)

    def _set(self, drawn: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((drawn, key, drawn.get(key, _ABSENT)))
        drawn[key] = value


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
