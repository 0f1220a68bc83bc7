"""A commit on its way into the file, inside the transaction that its caller opened."""

from collections.abc import Mapping

import apsw
import msgspec

from mishkah.core.commit import Change, Commit, Name, Taken, encode_entry
from mishkah.core.schema import Schema
from mishkah.journal import JournalFailed
from mishkah.sqlite.lines import ENTRY, Head, add, entry_sum
from mishkah.sqlite.tables import SqlTable, checksum


def write_commit(
    db: apsw.Connection,
    tables: Mapping[str, SqlTable],
    schema: Schema,
    commit: Commit,
    head: Head,
) -> None:
    """Write rows, counters, name and log entry of *commit*, and count them in *head*.

    Raises JournalFailed where the file is not at the commit before this one.
    """
    if commit.seq != head.seq + 1:
        raise JournalFailed(f"commit {commit.seq} does not follow {head.seq}")
    head.seq = commit.seq
    for change in commit.changes:
        total = head.tables.setdefault(change.table, [0, 0])
        _write_row(db, tables[change.table], change, commit.seq, total)
    for taken in commit.counters:
        _write_counter(db, taken, head.counters)
    if commit.name is not None:
        _write_name(db, commit.name, commit.seq, head.names)
    write_log(db, commit, schema, head.log)


def _write_row(
    db: apsw.Connection, sql: SqlTable, change: Change, seq: int, total: list[int]
) -> None:
    if change.new is None:
        db.execute(sql.delete, (change.id,))
        add(total, -1, -sql.sum_before(change))
    else:
        columns = sql.bind(change, seq)
        if change.old is None:
            db.execute(sql.insert, columns)
            add(total, 1, columns[-1])
        else:
            db.execute(sql.update, (*columns, change.id))
            add(total, 0, columns[-1] - sql.sum_before(change))
    if db.changes() != 1:
        raise JournalFailed(f"a row of {change.table} is not where it was")


def _write_counter(db: apsw.Connection, taken: Taken, total: list[int]) -> None:
    key = (taken.table, taken.field, taken.period)
    before = db.execute("SELECT sum FROM _counters WHERE tbl=? AND field=? AND period=?", key).get
    stored = checksum(*key, taken.number)
    line = (*key, taken.number, stored)
    db.execute("INSERT OR REPLACE INTO _counters VALUES (?,?,?,?,?)", line)
    add(total, before is None, stored - (before if isinstance(before, int) else 0))


def _write_name(db: apsw.Connection, name: Name, seq: int, total: list[int]) -> None:
    line = (name.client, name.ref, seq, name.digest)
    stored = checksum(*line)
    db.execute("INSERT INTO _names VALUES (?,?,?,?,?)", (*line, stored))
    add(total, 1, stored)


def write_log(db: apsw.Connection, commit: Commit, schema: Schema, total: list[int]) -> None:
    """Write the log entry of *commit*, and count it in *total*."""
    line = (
        commit.seq,
        commit.at,
        commit.client,
        commit.ref,
        commit.user,
        msgspec.json.encode(commit.counters).decode(),
        encode_entry(commit, schema).decode(),
        commit.device,
        commit.session,
    )
    stored = entry_sum(*line)
    holes = "?," * len(line)
    db.execute(f"INSERT INTO _log ({ENTRY},sum) VALUES ({holes}?)", (*line, stored))
    add(total, 1, stored)
