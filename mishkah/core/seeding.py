"""A new store's first commits: its seeds, then the events of `live/data.json`."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from mishkah.core.commit import Commit
from mishkah.core.draft import Draft
from mishkah.core.errors import Detail, Finding, Refused
from mishkah.core.ids import StoreId
from mishkah.core.judging import Rules
from mishkah.core.legacy.values import read_row
from mishkah.core.messages import Delete, Insert, Op, Transaction, Update, Write
from mishkah.core.schema import Schema
from mishkah.core.shapes import ConfigFile, Misfit, fit
from mishkah.core.state import State
from mishkah.core.transact import Asked, transact


class Seeds(ConfigFile, frozen=True, kw_only=True):
    """`seeds/initial.json`."""

    tables: dict[str, list[dict[str, Any]]]
    version: int = 1
    meta: dict[str, Any] = msgspec.field(default_factory=dict)


_Tables = dict[str, list[dict[str, Any]]]
Line = tuple[str, str, dict[str, Any]]
"""A row to insert: its place in the file, its table, and the row."""


def read_seeds(raw: object, schema: Schema) -> list[Line]:
    """Return the rows of a seeds file: of `Seeds`, or flat, as the older list format has them.

    Raises `Misfit`.
    """
    if _is_flat(raw, schema):
        lines = _lines("$", fit(_rows_of(raw, schema), _Tables))
    else:
        lines = _lines("$.tables", fit(raw, Seeds).tables)
    return [(place, table, as_fields(row, table, schema)) for place, table, row in lines]


def _lines(at: str, tables: _Tables) -> list[Line]:
    return [
        (f"{at}.{table}[{i}]", table, row)
        for table, rows in tables.items()
        for i, row in enumerate(rows)
    ]


_ABOUT = ("version", "meta", "$schema")
"""Keys of a flat file that are no tables, unless the schema says so."""


def _is_flat(raw: object, schema: Schema) -> bool:
    """Tell whether tables stand at the top of the file, each with a list of rows."""
    if not isinstance(raw, dict) or ("tables" in raw and "tables" not in schema.tables):
        return False
    return any(isinstance(value, list) for value in raw.values())


def _rows_of(raw: Any, schema: Schema) -> dict[str, Any]:
    """Return the tables of a flat file. Without this check any list would make it one."""
    tables = {key: rows for key, rows in raw.items() if key in schema.tables or key not in _ABOUT}
    for name in tables:
        if name not in schema.tables:
            raise Misfit(f"$.{name}", f"there is no table {name}")
    return tables


def as_fields(row: dict[str, Any], table: str, schema: Schema) -> dict[str, Any]:
    """Return *row* of a file by the fields' names: the older list format has columns' names too."""
    if schema.columns is None or table not in schema.tables:
        return row
    types = {field.name: field.type for field in schema.tables[table].fields.values()}
    return read_row(row, schema.columns[table], types)


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event of `live/data.json`. `data` has the row's primary key, and what it changes."""

    type: str
    table: str
    data: dict[str, Any] = {}
    id: str = ""
    timestamp: str = ""
    meta: Any = None
    user: Any = None


class Live(ConfigFile, frozen=True, kw_only=True):
    """`live/data.json`."""

    events: list[Event] = msgspec.field(default_factory=list)
    version: int = 1
    meta: dict[str, Any] = msgspec.field(default_factory=dict)


class Seeded:
    """A store being filled in memory: its commits, and all that was wrong in the files.

    It begins empty, or at *state*, which it then owns. What one call is refused, it does not do.
    """

    def __init__(self, rules: Rules, at: datetime, state: State | None = None) -> None:
        self.state = State(rules.schema) if state is None else state
        self.commits: list[Commit] = []
        self.findings: list[Finding] = []
        self._rules = rules
        self._at = at

    def seed(self, file: str, seeds: Seeds) -> None:
        """Insert every row of *seeds* as one commit, or none where one is refused."""
        self.insert(file, _lines("$.tables", seeds.tables))

    def insert(self, file: str, lines: Sequence[Line]) -> None:
        """Insert the *lines* of *file* as one commit."""
        if lines:
            ops: list[Op] = [Insert(table=table, data=row) for _, table, row in lines]
            self._commit(file, [place for place, _, _ in lines], Transaction(ops=ops))

    def replay(self, file: str, live: Live) -> None:
        """Apply each event of *live*, a commit each, in order."""
        for i, event in enumerate(live.events):
            place = f"$.events[{i}]"
            try:
                op = self._op(event)
            except ValueError as error:
                self.findings.append(Finding(file, place, str(error)))
            else:
                self._commit(file, [f"{place}.data"], op)

    def _op(self, event: Event) -> Op:
        table = self._rules.schema.tables.get(event.table)
        if table is None:
            raise ValueError(f"there is no table {event.table}")
        if event.type == "INSERT":
            return Insert(table=event.table, data=event.data)
        key = event.data.get(table.primary_key)
        if not isinstance(key, str):
            raise ValueError(f"data has no {table.primary_key}, the row's key")
        if event.type == "UPDATE":
            return Update(table=event.table, id=key, changes=event.data)
        if event.type == "DELETE":
            return Delete(table=event.table, id=key)
        raise ValueError("the type of an event is INSERT, UPDATE or DELETE")

    def _commit(self, file: str, places: list[str], command: Write) -> None:
        asked = Asked(command=command, importing=True)
        try:
            commit = transact(Draft(self.state), self.state.seq + 1, asked, self._rules, self._at)
        except Refused as refusal:
            self.findings += [_finding(file, places, detail) for detail in refusal.details] or [
                Finding(file, places[0], refusal.said.en)
            ]
        else:
            self.state.apply(commit)
            self.commits.append(commit)


def _finding(file: str, places: list[str], detail: Detail) -> Finding:
    """Turn the pointer of a detail, ``/ops/3/name`` in a transaction, into a place of the file."""
    steps = detail.path.split("/")[1:]
    place = places[0]
    if len(steps) >= 2 and steps[0] == "ops":
        place = places[int(steps[1])]
        steps = steps[2:]
    return Finding(file, ".".join([place, *steps]), detail.text.en)


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed to open one store."""

    id: StoreId
    rules: Rules
    notes: tuple[Finding, ...] = ()
    """What the schema asks for and is not enforced."""
    fill: Callable[[Seeded], None] = lambda seeded: None
    """Puts a new store's seeds and events in."""
