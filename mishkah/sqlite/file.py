"""One store's file, by plain calls that block, and what SQLite's errors mean for the store."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from mishkah.core.commit import Commit
from mishkah.core.schema import Schema
from mishkah.core.state import State
from mishkah.journal import JournalDamaged, JournalFailed, JournalFull, Named, NameKey
from mishkah.sqlite.lines import HOUSE, Head
from mishkah.sqlite.reading import Mismatch, load_state, read_commits, read_names
from mishkah.sqlite.tables import SqlTable, checksum, ddl, quoted
from mishkah.sqlite.writing import write_commit

T = TypeVar("T")

FORMAT = 1
_ENTRIES = 1000
"""Entries of the log that are looked at together."""

_SYNC_CODES = {apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC, apsw.SQLITE_IOERR_CLOSE}
"""A failed sync may or may not have kept the commit; any other error of COMMIT has not."""


_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.SQLError)
"""Our statements are right, so an SQLError is a table or a column that is no longer there."""

_UNREADABLE = (
    UnicodeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    msgspec.MsgspecError,
)
"""What decoding raises on a column whose bits are not those that were written."""


class StoreFile:
    """One store's file. One thread at a time; `close` it.

    Every call raises JournalDamaged where the file is not what was written, and names it.
    """

    def __init__(self, path: Path, schema: Schema, synchronous: str = "FULL") -> None:
        self.path = path
        self.schema = schema
        self._tables = {name: SqlTable(table) for name, table in schema.tables.items()}
        try:
            if not path.exists():
                _create(path, schema)
            self._db = apsw.Connection(
                str(path), apsw.SQLITE_OPEN_READWRITE, statementcachesize=200
            )
        except (apsw.Error, OSError) as error:
            raise JournalFailed(f"{path}: {error}") from error
        try:
            self._read(self._open, synchronous)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._db.close()

    def load(self) -> State:
        """Return the state after the last commit, every line checked."""
        self._head = self._read(self._read_head)
        state = self._read(load_state, self._db, self._tables, self.schema, self._head)
        with contextlib.suppress(apsw.FullError, apsw.IOError):  # it can wait for room
            # What a failed sync may have left only in the page cache goes to the main file, synced;
            # not before all is checked, lest evidence of damage be lost.
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        return state

    def verify(self) -> None:
        """Check everything: what `load` checks, and the content of every entry of the log."""
        seq = self.load().seq
        for after in range(0, seq, _ENTRIES):
            self.commits(after, min(after + _ENTRIES, seq))

    def names(self, wanted: Iterable[NameKey]) -> dict[NameKey, Named]:
        """See `Journal.names`."""
        return self._read(read_names, self._db, wanted)

    def commits(self, after: int, upto: int) -> list[Commit]:
        """See `Journal.commits`."""
        return self._read(read_commits, self._db, self.schema, after, upto)

    def append(self, commits: Sequence[Commit]) -> None:
        """Keep *commits* in one transaction; see `Journal.append`."""
        head = Head.decode(self._head.encode())
        written = False
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for commit in commits:
                write_commit(self._db, self._tables, self.schema, commit, head)
            _set_meta(self._db, "head", head.encode())
            written = True
            self._db.execute("COMMIT")
        except apsw.Error as error:
            raise self._rolled_back(error, written) from error
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._head = head

    def _open(self, synchronous: str) -> None:
        db = self._db
        db.set_busy_timeout(5000)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", synchronous)
        db.pragma("trusted_schema", False)
        db.pragma("cell_size_check", True)
        if (said := db.pragma("integrity_check")) != "ok":
            raise Mismatch(f"SQLite finds it damaged: {str(said)[:200]}")
        self._check_shape()
        if self._meta("format") != FORMAT:
            raise Mismatch(f"its format is not {FORMAT}")
        wanted = _described(self.schema)
        if any(self._meta(key) != value for key, value in wanted.items()):
            try:
                with db:
                    _make_tables(db, self.schema)
            except apsw.ConstraintError as error:
                raise Mismatch(f"its rows break the schema's new rules: {error}") from error
        self.epoch = str(self._meta("epoch"))
        self._head = self._read_head()

    def _check_shape(self) -> None:
        """Refuse a file whose tables are not the schema's: that is a migration."""
        for name in self._names_of_tables():
            if name not in self.schema.tables and not name.startswith(("_", "sqlite_")):
                raise Mismatch(f"it has a table {name}, which the schema does not have")
        for name, table in self.schema.tables.items():
            columns = [c[1] for c in self._db.execute(f"PRAGMA table_info({quoted(name)})")]
            if columns and columns != [*table.fields, "_seq", "_sum"]:
                raise Mismatch(f"the table {name} has other fields than the schema now has")

    def _names_of_tables(self) -> list[str]:
        sql = "SELECT name FROM sqlite_schema WHERE type='table'"
        return [str(name) for (name,) in self._db.execute(sql)]

    def _read_head(self) -> Head:
        return Head.decode(str(self._meta("head")))

    def _meta(self, key: str) -> object:
        found = self._db.execute("SELECT value, sum FROM _meta WHERE key=?", (key,)).fetchall()
        if not found or checksum(key, found[0][0]) != found[0][1]:
            raise Mismatch(f"its {key} is damaged")
        return found[0][0]

    def _read(self, call: Callable[..., T], *arguments: Any) -> T:
        try:
            return call(*arguments)
        except Mismatch as error:
            raise JournalDamaged(f"{self.path}: {error}") from error
        except apsw.Error as error:
            raise self._meaning(error) from error
        except _UNREADABLE as error:
            message = f"{self.path}: what it holds does not read as what was written"
            raise JournalDamaged(message) from error

    def _rolled_back(self, error: apsw.Error, written: bool) -> Exception:
        """Undo the transaction that met *error*; return what to tell the store."""
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except apsw.Error:
            return JournalFailed(f"{self.path}: {error}")
        unsure = written and getattr(error, "extendedresult", 0) in _SYNC_CODES
        if not unsure and isinstance(error, apsw.FullError | apsw.IOError | apsw.ReadOnlyError):
            return JournalFull(f"{self.path}: {error}")
        return self._meaning(error)

    def _meaning(self, error: apsw.Error) -> Exception:
        refused = isinstance(error, apsw.ReadOnlyError) and os.access(self.path, os.W_OK)
        if refused or isinstance(error, _DAMAGE):  # a header can forbid writing, by a flipped bit
            return JournalDamaged(f"{self.path}: {error}")
        return JournalFailed(f"{self.path}: {error}")


def _create(path: Path, schema: Schema) -> None:
    """Make an empty store, under another name until it is whole.

    So a file that is there has been whole once: an empty one is damage, and no beginning.
    """
    remains = path.with_name(f"{path.name}-wal")
    if remains.exists() and remains.stat().st_size:
        raise JournalDamaged(f"{path}: it is gone, but its {remains.name} is there")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}-new")
    for leftover in path.parent.glob(f"{draft.name}*"):
        leftover.unlink()
    db = apsw.Connection(str(draft))
    try:
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "FULL")
        with db:
            db.execute(HOUSE)
            _make_tables(db, schema)
            _set_meta(db, "format", FORMAT)
            _set_meta(db, "epoch", secrets.token_hex(8))
            _set_meta(db, "head", Head().encode())
    finally:
        db.close()
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _described(schema: Schema) -> dict[str, str]:
    """Return what `_meta` says of the schema: as it was written, and as it became SQL."""
    return {"schema": schema.source.decode(), "sql": ";\n".join(ddl(schema))}


def _make_tables(db: apsw.Connection, schema: Schema) -> None:
    for statement in ddl(schema):
        db.execute(statement)
    for key, value in _described(schema).items():
        _set_meta(db, key, value)


def _set_meta(db: apsw.Connection, key: str, value: str | int) -> None:
    line = (key, value, checksum(key, value))
    db.execute("INSERT OR REPLACE INTO _meta VALUES (?,?,?)", line)
