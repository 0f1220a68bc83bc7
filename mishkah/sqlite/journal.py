"""A store's file behind the journal's promise, off the event loop when the disk is slow."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

import trio

from mishkah.clock import Clock, wall_clock
from mishkah.core.commit import Commit
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.core.state import State
from mishkah.journal import Journal, Named, NameKey
from mishkah.sqlite.file import StoreFile
from mishkah.sqlite.reader import SqliteReader

P = ParamSpec("P")
T = TypeVar("T")

SLOW_SECONDS = 0.002
"""What usually takes longer than this goes to a thread."""


class SqliteJournal:
    """A `Journal` in a `StoreFile`: on the loop while that is quick, in a thread when it is not.

    A short commit on the loop costs less than the way to a thread and back; a slow disk must not
    hold up the other stores. Which it is, the last commits tell. What is written before the commit
    takes the processor, not the disk: in a thread it would only contend with the loop for it.
    """

    def __init__(self, file: StoreFile) -> None:
        self.reader = SqliteReader(file.path, file.epoch, file.schema)
        self._file = file
        self._begin = _Call(file.begin)
        self._commit = _Call(file.commit)
        self._names = _Call(file.names)
        self._commits = _Call(file.commits)

    @property
    def epoch(self) -> str:
        return self._file.epoch

    @property
    def migrated(self) -> int:
        return self._file.migrated

    async def load(self) -> State:
        return await trio.to_thread.run_sync(self._file.load)

    async def append(self, commits: Sequence[Commit]) -> None:
        await self._begin()
        self._file.write(commits)
        await self._commit()

    async def names(self, wanted: Iterable[NameKey]) -> dict[NameKey, Named]:
        return await self._names(wanted)

    async def commits(self, after: int, upto: int) -> list[Commit]:
        await trio.lowlevel.checkpoint()  # one may be asked for after the other
        return await self._commits(after, upto)


class _Call(Generic[P, T]):
    """A call that blocks: done on the loop while it usually takes less than `SLOW_SECONDS`.

    Then it is no checkpoint: a batch has had its turn when it was gathered, and a lone write would
    pay for every other. Nor is it cancelled half-way in a thread.
    """

    def __init__(self, call: Callable[P, T]) -> None:
        self._call = call
        self._usual = 0.0

    async def __call__(self, *arguments: P.args, **options: P.kwargs) -> T:
        if self._usual > SLOW_SECONDS:
            with trio.CancelScope(shield=True):
                return await trio.to_thread.run_sync(partial(self._timed, *arguments, **options))
        return self._timed(*arguments, **options)

    def _timed(self, *arguments: P.args, **options: P.kwargs) -> T:
        begun = time.perf_counter()  # of the call alone, and not of who else has a turn
        found = self._call(*arguments, **options)
        self._usual += (time.perf_counter() - begun - self._usual) / 8
        return found


class SqliteJournals:
    """An `OpenJournal` for files whose place *path_of* knows."""

    def __init__(
        self,
        path_of: Callable[[StoreId], Path],
        synchronous: str = "FULL",
        clock: Clock = wall_clock,
    ) -> None:
        self._path_of = path_of
        self._synchronous = synchronous
        self._clock = clock

    @asynccontextmanager
    async def __call__(self, store: StoreId, schema: Schema) -> AsyncIterator[Journal]:
        make = partial(
            StoreFile, self._path_of(store), schema, self._synchronous, clock=self._clock
        )
        file = await trio.to_thread.run_sync(make)
        journal = SqliteJournal(file)
        try:
            yield journal
        finally:
            journal.reader.close()
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(file.close)
