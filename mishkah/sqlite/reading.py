"""A store's file on its way into memory, every line held against its checksum."""

from collections.abc import Iterable, Mapping
from typing import Any

import apsw
import msgspec

from mishkah.core.commit import Commit, Taken, decode_entry, mark_of
from mishkah.core.schema import Schema
from mishkah.core.state import Record, State
from mishkah.journal import Named, NameKey
from mishkah.reader import READ_BYTES, last_of_row
from mishkah.sqlite.lines import ENTRIES, FORMAT, Head, add, entry_sum, name_sum
from mishkah.sqlite.tables import SqlTable, checksum, row_sum


class Mismatch(Exception):
    """What the file holds is not what was written to it."""


UNREADABLE = (
    UnicodeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    msgspec.MsgspecError,
)
"""What decoding raises on a column whose bits are not those that were written."""


def load_state(
    db: apsw.Connection, tables: Mapping[str, SqlTable], schema: Schema, head: Head
) -> State:
    """Return the state at *head*, or raise `Mismatch`.

    Rows, counters and names are checked line by line; of the log, which only grows, the number of
    entries and the sum of their checksums: an entry itself is checked when it is read.
    """
    state = State(schema, head.seq)
    for name, table in tables.items():
        _compare(f"table {name}", _load_rows(db, table, state), head.tables.get(name))
    _compare("_counters", _load_counters(db, state), head.counters)
    _compare("_names", _check_names(db), head.names)
    sql = "SELECT count(*), ifnull(sum(sum),0), ifnull(max(seq),0) FROM _log"
    ((count, sums, last),) = _lines(db, sql)
    _compare("_log", [count, sums], head.log)
    if last != head.seq:
        raise Mismatch(f"the log does not end at commit {head.seq}")
    return state


def _load_rows(db: apsw.Connection, sql: SqlTable, state: State) -> list[int]:
    found = [0, 0]
    table = sql.table
    rows = state.tables[table.name]
    for columns in db.execute(sql.select):
        row, seq, stored = sql.read(columns)
        line = table.encode(row)
        identifier = row[table.primary_key]
        _verify(table.name, row_sum(table.name, identifier, seq, line), stored)
        rows.load(identifier, Record(seq, line), row)
        add(found, 1, stored)
    return found


def _load_counters(db: apsw.Connection, state: State) -> list[int]:
    found = [0, 0]
    for line in _lines(db, "SELECT tbl,field,period,number,sum FROM _counters"):
        table, field, period, number, stored = line
        _verify("_counters", checksum(table, field, period, number), stored)
        state.counters[table, field, period] = number
        add(found, 1, stored)
    return found


def _check_names(db: apsw.Connection) -> list[int]:
    found = [0, 0]
    for line in _lines(db, "SELECT client,ref,seq,digest,sum FROM _names"):
        _verify("_names", name_sum(*line[:-1]), line[-1])
        add(found, 1, line[-1])
    return found


def _lines(db: apsw.Connection, sql: str, *values: Any) -> Iterable[tuple[Any, ...]]:
    return db.execute(sql, values)


def read_names(db: apsw.Connection, wanted: Iterable[NameKey]) -> dict[NameKey, Named]:
    found: dict[NameKey, Named] = {}
    sql = """
        SELECT n.client, n.ref, n.seq, n.digest, n.sum FROM json_each(?) AS wanted
        CROSS JOIN _names AS n ON n.client = wanted.value->>0 AND n.ref = wanted.value->>1"""
    for *line, stored in _lines(db, sql, msgspec.json.encode(list(wanted)).decode()):
        client, ref, seq, digest = line
        _verify("_names", name_sum(*line), stored)
        found[client, ref] = Named(seq, digest)
    return found


def read_commits(
    db: apsw.Connection, schema: Schema, after: int, upto: int, form: int = FORMAT
) -> list[Commit]:
    sql = f"SELECT {ENTRIES[form]},sum FROM _log WHERE seq>? AND seq<=? ORDER BY seq"
    found: list[Commit] = []
    size = 0
    for line in _lines(db, sql, after, upto):
        found.append(_commit(line, schema))
        size += len(line[6])
        if size > READ_BYTES:
            break
    return found


def read_history(
    db: apsw.Connection,
    schema: Schema,
    table: str,
    identifier: str,
    before: int | None,
    limit: int,
    form: int = FORMAT,
) -> list[Commit]:
    """See `Reader.history`. The log has no index of rows: SQLite looks for the row's mark in it."""
    sql = (
        f"SELECT {ENTRIES[form]},sum FROM _log"
        " WHERE seq<ifnull(?,9e18) AND instr(changes,?) ORDER BY seq DESC"
    )
    lines = _lines(db, sql, before, mark_of(table, identifier).decode())
    return last_of_row((_commit(line, schema) for line in lines), table, identifier, limit)


def _commit(line: tuple[Any, ...], schema: Schema) -> Commit:
    _verify("_log", entry_sum(*line[:-1]), line[-1])
    seq, at, client, ref, user, counters, changes, device, session, _ = line
    entry = decode_entry(changes.encode(), schema)
    return Commit(
        seq=seq,
        at=at,
        client=client,
        ref=ref,
        user=user,
        device=device,
        session=session,
        counters=msgspec.json.decode(counters, type=tuple[Taken, ...]),
        **entry._asdict(),
    )


def _verify(table: str, computed: int, stored: int) -> None:
    if computed != stored:
        raise Mismatch(f"a line of {table} is not what was written")


def _compare(what: str, found: list[int], kept: list[int] | None) -> None:
    if found != (kept or [0, 0]):
        raise Mismatch(f"lines of {what} are missing")
