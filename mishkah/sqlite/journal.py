"""A store's file behind the journal's promise, off the event loop when the disk is slow."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from mishkah.clock import Clock, wall_clock
from mishkah.core.commit import Commit
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.core.state import State
from mishkah.journal import Journal, Named, NameKey
from mishkah.sqlite.file import StoreFile
from mishkah.sqlite.reader import SqliteReader

T = TypeVar("T")

SLOW_SECONDS = 0.002
"""Commits that usually take longer than this go to a thread."""


class SqliteJournal:
    """A `Journal` in a `StoreFile`: on the loop while it is quick, in a thread when it is not.

    A short commit on the loop costs less than the way to a thread and back; a slow disk must not
    hold up the other stores. Which it is, the last commits tell.
    """

    def __init__(self, file: StoreFile) -> None:
        self.reader = SqliteReader(file.path, file.epoch, file.schema)
        self._file = file
        self._usual = 0.0

    @property
    def epoch(self) -> str:
        return self._file.epoch

    @property
    def migrated(self) -> int:
        return self._file.migrated

    async def load(self) -> State:
        return await trio.to_thread.run_sync(self._file.load)

    async def append(self, commits: Sequence[Commit]) -> None:
        begun = time.perf_counter()
        await self._run(self._file.append, commits)
        self._usual += (time.perf_counter() - begun - self._usual) / 8

    async def names(self, wanted: Iterable[NameKey]) -> dict[NameKey, Named]:
        return await self._run(self._file.names, wanted)

    async def commits(self, after: int, upto: int) -> list[Commit]:
        return await self._run(self._file.commits, after, upto)

    async def _run(self, call: Callable[..., T], *arguments: Any) -> T:
        if self._usual > SLOW_SECONDS:
            return await trio.to_thread.run_sync(call, *arguments)
        await trio.lowlevel.checkpoint()
        return call(*arguments)


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
