"""One store's file, by plain calls that block, and what SQLite's errors mean for the store."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw

from mishkah.clock import Clock, wall_clock
from mishkah.core.commit import Commit
from mishkah.core.schema import Schema
from mishkah.core.state import State
from mishkah.core.values import stamp
from mishkah.journal import JournalDamaged, JournalFailed, JournalFull, Named, NameKey
from mishkah.sqlite.lines import ENTRIES, FORMAT, FROM_OLDER, HOUSE, OLDER, Head
from mishkah.sqlite.migrating import Blocked, Migration, Plan, read_source
from mishkah.sqlite.reading import UNREADABLE, Mismatch, load_state, read_commits, read_names
from mishkah.sqlite.tables import SqlTable, checksum, ddl
from mishkah.sqlite.writing import write_commits

T = TypeVar("T")

_TOGETHER = 1000
"""Entries of the log that are looked at together."""

_SYNC_CODES = {apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC, apsw.SQLITE_IOERR_CLOSE}
"""A failed sync may or may not have kept the commit; any other error of COMMIT has not."""


_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.SQLError)
"""Our statements are right, so an SQLError is a table or a column that is no longer there."""


class SchemaBlocked(JournalDamaged):
    """The file can't have the schema that it should have; see *plan*, and `migrate`."""

    def __init__(self, message: str, plan: Plan) -> None:
        self.plan = plan
        super().__init__(f"{message}; see mishkah-trio migrate plan")


class StoreFile:
    """One store's file. One thread at a time; `close` it.

    A file of another schema than *schema* is migrated, as one commit at the time of *clock*; where
    that would lose something it is refused, unless *losing*. One of the older format is made one of
    today's. With *as_is* it is opened with the schema and the format that it has. Every call raises
    JournalDamaged where the file is not what was written, or can't have the schema, and names it.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema,
        synchronous: str = "FULL",
        *,
        clock: Clock = wall_clock,
        losing: bool = False,
        as_is: bool = False,
    ) -> None:
        self.path = path
        self.schema = schema
        self._clock = clock
        self._losing = losing
        self._as_is = as_is
        try:
            if not path.exists():
                _create(path, schema)
            elif schema.has_secrets and path.stat().st_mode & 0o077:
                with contextlib.suppress(PermissionError):  # it is another's, who may share it
                    path.chmod(0o600)  # it had no secrets when it was made
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
        self._tables = {name: SqlTable(table) for name, table in self.schema.tables.items()}

    def close(self) -> None:
        self._db.close()

    @property
    def migrated(self) -> int:
        """See `Journal.migrated`."""
        return self._head.schema

    def load(self) -> State:
        """Return the state after the last commit, every line checked."""
        self._head = self._read(self._read_head)
        state = self._read(load_state, self._db, self._tables, self.schema, self._head)
        with contextlib.suppress(apsw.FullError, apsw.IOError, apsw.ReadOnlyError):  # it can wait
            # What a failed sync may have left only in the page cache goes to the main file, synced;
            # not before all is checked, lest evidence of damage be lost.
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        return state

    def verify(self) -> None:
        """Check everything: what `load` checks, and the content of every entry of the log."""
        seq = self.load().seq
        after = 0
        while after < seq and (some := self.commits(after, min(after + _TOGETHER, seq))):
            after = some[-1].seq

    def names(self, wanted: Iterable[NameKey]) -> dict[NameKey, Named]:
        """See `Journal.names`."""
        return self._read(read_names, self._db, wanted)

    def commits(self, after: int, upto: int) -> list[Commit]:
        """See `Journal.commits`."""
        return self._read(read_commits, self._db, self.schema, after, upto, self._format)

    def append(self, commits: Sequence[Commit]) -> None:
        """Keep *commits* in one transaction; see `Journal.append`."""
        self.begin()
        self.write(commits)
        self.commit()

    def begin(self) -> None:
        """Begin a transaction, for `write` and `commit`; who else writes is waited for."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            raise self._rolled_back(error, written=False) from error

    def write(self, commits: Sequence[Commit]) -> None:
        """Write *commits* in the transaction that was begun; `commit` makes them durable."""
        head = Head.decode(self._head.encode())
        try:
            write_commits(self._db, self._tables, self.schema, commits, head)
            set_meta(self._db, "head", head.encode())
        except apsw.Error as error:
            raise self._rolled_back(error, written=False) from error
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._written = head

    def commit(self) -> None:
        """Make durable what was written; raises as `append` does."""
        try:
            self._db.execute("COMMIT")
        except apsw.Error as error:
            raise self._rolled_back(error, written=True) from error
        self._head = self._written

    def _open(self, synchronous: str) -> None:
        db = self._db
        db.set_busy_timeout(5000)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", synchronous)
        db.pragma("trusted_schema", False)
        db.pragma("cell_size_check", True)
        if (said := db.pragma("integrity_check")) != "ok":
            raise Mismatch(f"SQLite finds it damaged: {str(said)[:200]}")
        self._format = self._read_format()
        self.epoch = str(self._meta("epoch"))
        self._head = self._read_head()
        if self._as_is:
            self.schema = read_source(str(self._meta("schema")), self.schema.module)
            return
        if self._format == OLDER:
            self._renew()
        if any(self._meta(key) != value for key, value in _described(self.schema).items()):
            self._migrate()

    def _read_format(self) -> int:
        found = self._meta("format")
        if found not in ENTRIES:
            raise Mismatch(f"its format is none of {', '.join(map(str, ENTRIES))}")
        return int(str(found))

    def _renew(self) -> None:
        """Make a file of the older format one of this; a server of then opens it no more."""
        with self._db:
            self._db.execute(FROM_OLDER)
            set_meta(self._db, "format", FORMAT)
        self._format = FORMAT

    def plan_for(self, schema: Schema) -> Plan:
        """Return what a migration to *schema* would do; nothing is done."""
        return self._read(self._migration, schema).plan

    def _migration(self, schema: Schema) -> Migration:
        same_sql = self._meta("sql") == _described(schema)["sql"]
        source = str(self._meta("schema"))
        return Migration(self._db, source, schema, self._head, same_sql=same_sql)

    def _migrate(self) -> None:
        """Give the file the schema that it should have, or raise Blocked."""
        migration = self._migration(self.schema)
        plan = migration.plan
        if plan.broken or (plan.loses and not self._losing):
            raise Blocked(plan)
        with self._db:
            if plan.steps:
                self._head = migration.apply(stamp(self._clock()))
                set_meta(self._db, "head", self._head.encode())
            _make_tables(self._db, self.schema)

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
        except Blocked as error:
            raise SchemaBlocked(f"{self.path}: {error}", error.plan) from error
        except Mismatch as error:
            raise JournalDamaged(f"{self.path}: {error}") from error
        except apsw.Error as error:
            raise self._meaning(error) from error
        except UNREADABLE as error:
            message = f"{self.path}: what it holds does not read as what was written"
            raise JournalDamaged(message) from error

    def _rolled_back(self, error: apsw.Error, *, written: bool) -> Exception:
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
    claim(draft, schema)
    db = apsw.Connection(str(draft))
    try:
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "FULL")
        with db:
            db.execute(HOUSE)
            _make_tables(db, schema)
            set_meta(db, "format", FORMAT)
            set_meta(db, "epoch", new_epoch())
            set_meta(db, "head", Head().encode())
    finally:
        db.close()
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def claim(path: Path, schema: Schema) -> None:
    """Make an empty file for a store; one with secrets is for its owner's eyes alone.

    What SQLite puts beside it has the same mode.
    """
    path.touch(mode=0o600 if schema.has_secrets else 0o666)


def _described(schema: Schema) -> dict[str, str]:
    """Return what `_meta` says of the schema: as it was written, and as it became SQL."""
    return {"schema": schema.source.decode(), "sql": ";\n".join(ddl(schema))}


def _make_tables(db: apsw.Connection, schema: Schema) -> None:
    for statement in ddl(schema):
        db.execute(statement)
    for key, value in _described(schema).items():
        set_meta(db, key, value)


def new_epoch() -> str:
    """Return a name for a history: no other of one store has it, and each DELTA says it."""
    return secrets.token_hex(6)


def set_meta(db: apsw.Connection, key: str, value: str | int) -> None:
    """Say *value* of the whole file under *key*, with its checksum."""
    line = (key, value, checksum(key, value))
    db.execute("INSERT OR REPLACE INTO _meta VALUES (?,?,?)", line)
