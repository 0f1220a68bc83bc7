"""What a server kept, read by Python's own `sqlite3` and `json`: no mishkah in the judgement."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from support.shop import NUMBERED, TABLES


class Entry(NamedTuple):
    """One commit, as the log has it."""

    seq: int
    at: str
    client: str | None
    ref: str | None
    changes: list[dict[str, Any]]

    @property
    def rows(self) -> list[dict[str, Any] | None]:
        return [change["row"] for change in self.changes]


Rows = dict[str, dict[str, dict[str, Any]]]
"""Table → id → row."""


class Ledger:
    """What the file of a store holds, read while no server has it. `check` it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        log = db.execute("SELECT seq,at,client,ref,changes FROM _log ORDER BY seq").fetchall()
        self.entries = [Entry(*line[:4], json.loads(line[4])) for line in log]
        self.names = {
            (client, ref): seq
            for client, ref, seq in db.execute("SELECT client,ref,seq FROM _names")
        }
        self.counters = dict(db.execute("SELECT tbl,number FROM _counters").fetchall())
        self.epoch = db.execute("SELECT value FROM _meta WHERE key='epoch'").fetchone()[0]
        self.tables: Rows = {}
        self.seqs: dict[tuple[str, str], int] = {}
        for table in TABLES:
            self._read(db, table)

    def _read(self, db: sqlite3.Connection, table: str) -> None:
        fields = TABLES[table]["fields"]
        rows = self.tables.setdefault(table, {})
        columns = ",".join(f'"{name}"' for name in fields)
        for *values, seq in db.execute(f'SELECT {columns},_seq FROM "{table}"'):
            row = {
                name: _value(spec["type"], value)
                for (name, spec), value in zip(fields.items(), values, strict=True)
            }
            rows[row["id"]] = row
            self.seqs[table, row["id"]] = seq

    def check(self) -> "Ledger":
        """See that log, rows, names and numbers tell one story; return the ledger."""
        assert [e.seq for e in self.entries] == list(range(1, len(self.entries) + 1))
        rows, seqs = replayed(self.entries)
        assert rows == self.tables
        assert seqs == self.seqs
        named = [((e.client, str(e.ref)), e.seq) for e in self.entries if e.ref is not None]
        assert len(dict(named)) == len(named), "a name was applied twice"
        assert dict(named) == self.names
        for table in NUMBERED:
            given = numbers(self.entries, table)
            assert given == list(range(1, len(given) + 1)), f"the numbers of {table} have a gap"
            assert self.counters.get(table, 0) == len(given)
        return self


def _value(kind: str, value: Any) -> Any:
    if value is None:
        return None
    return {"json": json.loads, "boolean": bool}.get(kind, lambda kept: kept)(value)


def replayed(entries: list[Entry]) -> tuple[Rows, dict[tuple[str, str], int]]:
    """Return the rows that *entries* leave, and the `seq` of each, having checked the chain."""
    rows: Rows = {table: {} for table in TABLES}
    seqs: dict[tuple[str, str], int] = {}
    for entry in entries:
        for change in entry.changes:
            table, key = rows[change["table"]], change["id"]
            before, row = table.get(key), change["row"]
            assert change["was"] == seqs.get((change["table"], key), 0), f"a gap before {entry}"
            if change["old"] is None:
                assert before is None, f"{entry} inserts a row that was there"
            else:
                assert change["old"].items() <= before.items(), f"{entry} has another past"
            if row is None:
                assert change["old"] == before
                del table[key], seqs[change["table"], key]
            else:
                table[key] = row
                seqs[change["table"], key] = entry.seq
    return rows, seqs


def numbers(entries: list[Entry], table: str) -> list[int]:
    """Return the numbers of every row ever inserted into *table*, in order; deleted ones too."""
    field, _ = NUMBERED[table]
    return [
        int(change["row"][field].lstrip("CB-"))
        for entry in entries
        for change in entry.changes
        if change["table"] == table and change["old"] is None
    ]


def read_store(data: Path, branch: str = "shop") -> Ledger | None:
    """Return what the file of *branch* holds, or None where it has none."""
    return read_file(store_path(data, branch))


def read_file(path: Path) -> Ledger | None:
    """Return what the store *path* holds; None where it has no commit-ready tables yet.

    A copy is read, so that the file's own recovery is left to the server.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        for name in (path.name, path.name + "-wal"):
            if path.with_name(name).exists():
                shutil.copy(path.with_name(name), copy.with_name(name))
        if not copy.exists():
            return None
        with closing(sqlite3.connect(copy)) as db:
            made = db.execute("SELECT count(*) FROM sqlite_master WHERE name='_meta'").fetchone()
            return Ledger(db) if made[0] else None


def store_path(data: Path, branch: str = "shop") -> Path:
    return data / "branches" / branch / "modules" / "m" / "live" / "store.sqlite3"


def rows_in(frame: Mapping[str, Any]) -> Rows:
    return {table: {row["id"]: row for row in rows} for table, rows in frame["data"].items()}
