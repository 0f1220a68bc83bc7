"""The promise "returned ⇒ survives": what a store needs of its durable history."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import msgspec
import trio

from mishkah.core.commit import Commit
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.core.state import State
from mishkah.reader import MemoryReader, Reader


class JournalFull(Exception):
    """There is no room, or the disk refuses writes: nothing of the append happened."""


class JournalFailed(Exception):
    """The outcome of the append is unknown until the journal is opened again."""


class JournalDamaged(Exception):
    """The history on disk is not what was written; only an operator can help. Says the file."""


NameKey = tuple[str, str]
"""(client, ref)"""


class Named(msgspec.Struct, frozen=True):
    """A name that a write has used: which commit it made, and the digest of its command."""

    seq: int
    digest: bytes


class Journal(Protocol):
    """One store's durable history. One task uses it, one call at a time."""

    @property
    def epoch(self) -> str:
        """The name of this history: another one has another epoch."""

    @property
    def migrated(self) -> int:
        """The `seq` of the last commit that changed the schema; 0 where none did."""

    @property
    def reader(self) -> Reader:
        """What others may read with, while this is open."""

    async def load(self) -> State:
        """Return the state after the last commit.

        Raises JournalDamaged where what is kept does not match its checksums.
        """

    async def append(self, commits: Sequence[Commit]) -> None:
        """Make *commits* durable, all or none; they follow the last one without a gap.

        Raises JournalFull (none is kept) or JournalFailed (unknown: open the journal again).
        """

    async def names(self, wanted: Iterable[NameKey]) -> dict[NameKey, Named]:
        """Return those of the *wanted* names that a commit has used."""

    async def commits(self, after: int, upto: int) -> list[Commit]:
        """Return the commits with ``after < seq <= upto``, in order, as far as they are kept.

        Where these are more than `READ_BYTES` only the first of them come: ask on from the last.
        They come without their `name`, which is kept apart from the log.
        """


OpenJournal = Callable[[StoreId, Schema], AbstractAsyncContextManager[Journal]]
"""Open the journal of one store, making it where there is none."""


class MemoryJournal:
    """A journal that survives as long as this object: for tests, and for the simulator."""

    def __init__(self, schema: Schema, epoch: str = "memory") -> None:
        self.epoch = epoch
        self.history: list[Commit] = []
        self.reader: Reader = MemoryReader(epoch, self.history, schema)
        self._schema = schema
        self._names: dict[NameKey, Named] = {}

    @property
    def migrated(self) -> int:
        return max((commit.seq for commit in self.history if commit.schema), default=0)

    async def load(self) -> State:
        await trio.lowlevel.checkpoint()
        state = State(self._schema)
        for commit in self.history:
            state.apply(commit)
        return state

    async def append(self, commits: Sequence[Commit]) -> None:
        await trio.lowlevel.checkpoint()
        for seq, commit in enumerate(commits, len(self.history) + 1):
            if commit.seq != seq:
                raise JournalFailed(f"commit {commit.seq} does not follow {seq - 1}")
        for commit in commits:
            self.history.append(commit)
            if commit.name is not None:
                name = commit.name
                self._names[name.client, name.ref] = Named(commit.seq, name.digest)

    async def names(self, wanted: Iterable[NameKey]) -> dict[NameKey, Named]:
        await trio.lowlevel.checkpoint()
        return {key: self._names[key] for key in wanted if key in self._names}

    async def commits(self, after: int, upto: int) -> list[Commit]:
        return await self.reader.commits(after, upto)


class MemoryJournals:
    """An `OpenJournal` that keeps each store's `MemoryJournal` while it is closed."""

    def __init__(self) -> None:
        self.kept: dict[StoreId, MemoryJournal] = {}

    @asynccontextmanager
    async def __call__(self, store: StoreId, schema: Schema) -> AsyncIterator[Journal]:
        await trio.lowlevel.checkpoint()
        yield self.kept.setdefault(store, MemoryJournal(schema))
