"""Commits on their way into the file, inside the transaction that their caller opened."""

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from mishkah.core.commit import Change, Commit, encode_entry
from mishkah.core.schema import Schema
from mishkah.journal import JournalFailed
from mishkah.sqlite.lines import ENTRY, Head, add, entry_sum, name_sum
from mishkah.sqlite.tables import SqlTables, checksum

_INSERT_NAME = "INSERT INTO _names VALUES (?,?,?,?,?)"
_INSERT_ENTRY = f"INSERT INTO _log ({ENTRY},sum) VALUES ({'?,' * len(ENTRY.split(','))}?)"
_encode = msgspec.json.Encoder().encode


def write_commits(
    db: apsw.Connection, tables: SqlTables, schema: Schema, commits: Sequence[Commit], head: Head
) -> None:
    """Write rows, counters, names and log entries of *commits*, and count them in *head*.

    Raises JournalFailed where the file is not at the commit before the first of them.
    """
    for commit in commits:
        if commit.seq != head.seq + 1:
            raise JournalFailed(f"commit {commit.seq} does not follow {head.seq}")
        head.seq = commit.seq
    _write_rows(db, tables, commits, head)
    _write_counters(db, commits, head.counters)
    _write_names(db, commits, head.names)
    write_log(db, commits, schema, head.log)


def _write_rows(
    db: apsw.Connection, tables: SqlTables, commits: Sequence[Commit], head: Head
) -> None:
    """Write each change in its turn; neighbours of one statement go in together."""
    statement, table = "", ""
    lines: list[tuple[Any, ...]] = []
    for commit in commits:
        for change in commit.changes:
            total = head.tables.setdefault(change.table, [0, 0])
            next_statement, line = _row(tables, change, commit.seq, total)
            if next_statement != statement:
                _run(db, statement, lines, table)
                statement, table, lines = next_statement, change.table, []
            lines.append(line)
    _run(db, statement, lines, table)


def _row(
    tables: SqlTables, change: Change, seq: int, total: list[int]
) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that writes *change*, and what it binds; count it in *total*."""
    sql = tables[change.table]
    if change.new is None:
        add(total, -1, -sql.sum_before(change))
        return sql.delete, (change.id,)
    columns = sql.bind(change, seq)
    if change.old is None:
        add(total, 1, columns[-1])
        return sql.insert, columns
    add(total, 0, columns[-1] - sql.sum_before(change))
    return sql.update, (*columns, change.id)


def _run(db: apsw.Connection, statement: str, lines: list[tuple[Any, ...]], table: str) -> None:
    """Run *statement* for each of *lines*; each is to change one row."""
    if not lines:
        return
    before = db.total_changes()
    db.executemany(statement, lines)
    if db.total_changes() - before != len(lines):
        raise JournalFailed(f"a row of {table} is not where it was")


def _write_counters(db: apsw.Connection, commits: Iterable[Commit], total: list[int]) -> None:
    """Write each counter as the last of *commits* leaves it."""
    last = {
        (taken.table, taken.field, taken.period): taken.number
        for commit in commits
        for taken in commit.counters
    }
    for key, number in last.items():
        find = "SELECT sum FROM _counters WHERE tbl=? AND field=? AND period=?"
        before = db.execute(find, key).get
        stored = checksum(*key, number)
        db.execute("INSERT OR REPLACE INTO _counters VALUES (?,?,?,?,?)", (*key, number, stored))
        add(total, before is None, stored - (before if isinstance(before, int) else 0))


def _write_names(db: apsw.Connection, commits: Iterable[Commit], total: list[int]) -> None:
    lines: list[tuple[Any, ...]] = []
    for commit in commits:
        if (name := commit.name) is not None:
            line = (name.client, name.ref, commit.seq, name.digest)
            stored = name_sum(*line)
            lines.append((*line, stored))
            add(total, 1, stored)
    if lines:
        db.executemany(_INSERT_NAME, lines)


def write_log(
    db: apsw.Connection, commits: Iterable[Commit], schema: Schema, total: list[int]
) -> None:
    """Write the log entries of *commits*, and count them in *total*."""
    lines: list[tuple[Any, ...]] = []
    for commit in commits:
        line = (
            commit.seq,
            commit.at,
            commit.client,
            commit.ref,
            commit.user,
            _encode(commit.counters).decode(),
            encode_entry(commit, schema).decode(),
            commit.device,
            commit.session,
        )
        stored = entry_sum(*line)
        lines.append((*line, stored))
        add(total, 1, stored)
    db.executemany(_INSERT_ENTRY, lines)
