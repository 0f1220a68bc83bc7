"""Reading a store's file beside its writer: a few connections that can't write, in threads."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import apsw
import trio

from mishkah.core.commit import Commit
from mishkah.core.errors import Busy, Text
from mishkah.core.query import Question
from mishkah.core.schema import Schema, Table
from mishkah.core.state import CounterKey, Record
from mishkah.journal import JournalDamaged, JournalFailed
from mishkah.reader import Found
from mishkah.sqlite.lines import Head
from mishkah.sqlite.questions import answer, find_row
from mishkah.sqlite.reading import UNREADABLE, Mismatch, read_commits, read_history
from mishkah.sqlite.tables import SqlTable

T = TypeVar("T")

CONNECTIONS = 2
"""Questions of one store that are worked on at once."""
THREADS = 8
"""Questions of all stores that are worked on at once: commits and files need threads too."""
SECONDS = 3.0
"""How long one may wait for its store's turn, then for a thread, and how long it may take."""
_STEPS = 5_000
"""Steps of SQLite's machine between looks at the clock: about a millisecond's."""

_threads = trio.Semaphore(THREADS)

TOO_LONG = Text(
    "This question takes too long; ask for less, or with an indexed field",
    "هذا السؤال يستغرق وقتًا أطول من المسموح، اطلب أقل أو استخدم حقلًا مفهرسًا",
)


class SqliteReader:
    """A `Reader` of the file *path*, whose history is *epoch*. Its journal closes it."""

    def __init__(self, path: Path, epoch: str, schema: Schema, seconds: float = SECONDS) -> None:
        self.epoch = epoch
        self._path = path
        self._schema = schema
        self._seconds = seconds
        self._tables = {name: SqlTable(table) for name, table in schema.tables.items()}
        self._turn = trio.Semaphore(CONNECTIONS)
        self._idle: list[apsw.Connection] = []
        self._closed = False

    async def head(self) -> int:
        return await self._read(_head)

    async def row(self, table: Table, identifier: str) -> Record | None:
        found = await self._read(find_row, self._tables[table.name], identifier)
        return None if found is None else Record(*found)

    async def find(self, question: Question) -> Found:
        return await self._read(_find, self._tables[question.table.name], question)

    async def counters(self) -> Mapping[CounterKey, int]:
        return await self._read(_counters)

    async def commits(self, after: int, upto: int) -> list[Commit]:
        return await self._read(read_commits, self._schema, after, upto)

    async def history(
        self, table: str, identifier: str, before: int | None, limit: int
    ) -> list[Commit]:
        return await self._read(read_history, self._schema, table, identifier, before, limit)

    def close(self) -> None:
        """Close what is idle, and what is in use when it is given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def _read(self, call: Callable[..., T], *arguments: Any) -> T:
        async with self._in_turn(self._turn), self._in_turn(_threads):
            return await trio.to_thread.run_sync(self._in_thread, call, *arguments)

    @contextlib.asynccontextmanager
    async def _in_turn(self, turns: trio.Semaphore) -> AsyncIterator[None]:
        with trio.move_on_after(self._seconds) as waiting:
            await turns.acquire()
        if waiting.cancelled_caught:
            raise Busy
        try:
            yield
        finally:
            turns.release()

    def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        """Work *call* out over one moment of the file, unless it takes too long."""
        try:
            with self._connection() as db:
                over = time.monotonic() + self._seconds
                db.set_progress_handler(lambda: time.monotonic() > over, _STEPS)
                with _one_moment(db):
                    return call(db, *arguments)
        except apsw.InterruptError as error:
            raise Busy(TOO_LONG) from error
        except Mismatch as error:
            raise JournalDamaged(f"{self._path}: {error}") from error
        except apsw.Error as error:
            raise JournalFailed(f"{self._path}: {error}") from error
        except UNREADABLE as error:
            message = f"{self._path}: what it holds does not read as what was written"
            raise JournalDamaged(message) from error

    @contextlib.contextmanager
    def _connection(self) -> Iterator[apsw.Connection]:
        """Lend a connection; one that met an error is not lent again."""
        try:
            db = self._idle.pop()
        except IndexError:
            db = _open(self._path)
        try:
            yield db
        except BaseException:
            db.close()
            raise
        if self._closed:
            db.close()
        else:
            self._idle.append(db)


def _open(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    db.set_busy_timeout(1000)
    db.pragma("query_only", True)
    db.pragma("trusted_schema", False)
    return db


@contextlib.contextmanager
def _one_moment(db: apsw.Connection) -> Iterator[None]:
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.set_progress_handler(None)
        db.execute("ROLLBACK")


def _head(db: apsw.Connection) -> int:
    ((text,),) = db.execute("SELECT value FROM _meta WHERE key='head'")
    return Head.decode(str(text)).seq


def _find(db: apsw.Connection, sql: SqlTable, question: Question) -> Found:
    return Found(_head(db), answer(db, sql, question))


def _counters(db: apsw.Connection) -> dict[CounterKey, int]:
    lines = db.execute("SELECT tbl, field, period, number FROM _counters")
    return {(str(t), str(f), str(p)): int(str(n)) for t, f, p, n in lines}
