"""A store's file brought from one schema to the next, in one transaction and as one commit."""

import json
from collections.abc import Sequence

import apsw
import msgspec

from mishkah.core.commit import Commit
from mishkah.core.migration import Step, convert, steps, violations
from mishkah.core.schema import Schema
from mishkah.core.soundness import read_schema
from mishkah.core.state import Record, State
from mishkah.core.values import number
from mishkah.sqlite.lines import Head, add
from mishkah.sqlite.reading import Mismatch, load_state
from mishkah.sqlite.tables import SqlTable, ddl, quoted, row_sum
from mishkah.sqlite.writing import write_log


class Blocked(Mismatch):
    """A schema that this file can't have without losing or breaking rows: says which."""

    def __init__(self, plan: "Plan") -> None:
        self.plan = plan
        lost = [f"{step.place}: {step.what}" for step in plan.steps if step.loses]
        super().__init__("the schema has changed; " + "; ".join([*lost, *plan.broken]))


class Plan(msgspec.Struct, frozen=True):
    """What leads from the schema of a file to the one it should have.

    *broken* are rules of the new schema that rows do not keep: until they do, or the rule goes,
    the file can't have it.
    """

    steps: Sequence[Step]
    broken: Sequence[str] = ()

    @property
    def loses(self) -> bool:
        return any(step.loses for step in self.steps)

    def lines(self) -> list[str]:
        """Return the plan in words, a line for each step and each broken rule."""
        told = [f"{'LOSES  ' * step.loses}{step.place}: {step.what}" for step in self.steps]
        return [*told, *(f"BLOCKED  {rule}" for rule in self.broken)]


class Migration:
    """The way of the file *db* from the schema that it has to *new*. Changes nothing until `apply`.

    Raises Mismatch where the file is not what was written.
    """

    def __init__(
        self, db: apsw.Connection, source: str, new: Schema, head: Head, *, same_sql: bool
    ) -> None:
        self._db = db
        self._new = new
        self._head = head
        self._old = read_source(source, new.module)
        found = steps(self._old, new, same_indexes=same_sql)
        self._state = self._moved() if found else State(new)
        self.plan = Plan(found, violations(self._state) if found else ())

    def _moved(self) -> State:
        """Return the file's rows in their new form."""
        old_tables = {name: SqlTable(table) for name, table in self._old.tables.items()}
        before = load_state(self._db, old_tables, self._old, self._head)
        state = State(self._new, before.seq)
        for name, rows in state.tables.items():
            was = before.tables.get(name)
            for identifier, record in was.records.items() if was else ():
                assert was is not None
                row = convert(was.table.decode(record.json), was.table, rows.table)
                rows.load(identifier, Record(record.seq, rows.table.encode(row)), row)
        return state

    def apply(self, at: str) -> Head:
        """Write the new tables, rows and log entry in the caller's transaction; return the head."""
        db, head = self._db, Head.decode(self._head.encode())
        for kind, name in list(db.execute("SELECT type, name FROM sqlite_schema WHERE sql > ''")):
            if str(name).startswith(("_", "sqlite_")):
                continue
            if kind == "index" or name in self._old.tables:
                db.execute(f"DROP {kind} IF EXISTS {quoted(str(name))}")
        for statement in ddl(self._new):
            db.execute(statement)
        head.tables = {name: self._write_rows(name) for name in self._new.tables}
        if head.seq:  # a store without a history has nothing to remember
            head.seq += 1
            head.schema = head.seq
            commit = Commit(seq=head.seq, at=at, changes=(), schema=self._new.source)
            write_log(db, [commit], self._new, head.log)
        return head

    def _write_rows(self, name: str) -> list[int]:
        total = [0, 0]
        rows = self._state.tables[name]
        sql = SqlTable(rows.table)
        for identifier, record in rows.records.items():
            row = rows.table.decode(record.json)
            stored = row_sum(name, identifier, record.seq, record.json)
            self._db.execute(sql.insert, (*sql.columns(row), record.seq, stored))
            add(total, 1, stored)
        return total


def read_source(source: str, module: str) -> Schema:
    """Return the schema that a file has, from what it keeps of it."""
    schema, problems = read_schema(module, json.loads(source, parse_float=number))
    if schema is None:
        raise Mismatch(f"its own schema can't be read: {problems[0].message}")
    return schema
