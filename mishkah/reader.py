"""What anybody may read of a store while its task writes: what is committed, at one moment."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec
import trio

from mishkah.core.commit import Commit, of_row
from mishkah.core.query import Page, Question
from mishkah.core.schema import Schema, Table
from mishkah.core.state import CounterKey, Record, State

READ_BYTES = 4 * 2**20
"""So much of the log is read in one go, the last commit of it aside."""


class Found(NamedTuple):
    """The answer to a question, as the rows were after commit *seq*."""

    seq: int
    page: Page


class Reader(Protocol):
    """One store's committed rows and history. Any number of tasks use it, at the same time.

    Every call may raise Busy, where it takes too long or too much is asked at once, and
    JournalFailed or JournalDamaged where the store can't be read.
    """

    @property
    def epoch(self) -> str:
        """See `Journal.epoch`."""

    async def head(self) -> int:
        """Return the `seq` of the last commit."""

    async def row(self, table: Table, identifier: str) -> Record | None:
        """Return one row, or None."""

    async def find(self, question: Question) -> Found:
        """Answer *question* as `Question.slices` does. Raises TooLarge for too many groups."""

    async def counters(self) -> Mapping[CounterKey, int]:
        """Return the last number that each sequence gave."""

    async def commits(self, after: int, upto: int) -> list[Commit]:
        """See `Journal.commits`."""

    async def history(
        self, table: str, identifier: str, before: int | None, limit: int
    ) -> list[Commit]:
        """Return the last commits before *before* that changed one row, the newest first.

        The row may be gone; of a commit's changes there are those of this row alone. They are
        *limit* at most, and fewer where they are more than `READ_BYTES`: ask on from the last,
        until none comes.
        """


def last_of_row(commits: Iterable[Commit], table: str, identifier: str, limit: int) -> list[Commit]:
    """Return what *commits* did to one row, as `Reader.history` says."""
    found: list[Commit] = []
    size = 0
    for commit in commits:
        one = of_row(commit, table, identifier)
        if one is not None:
            found.append(one)
            size += sum(len(change.json) for change in one.changes)
            if len(found) == limit or size > READ_BYTES:
                break
    return found


class MemoryReader:
    """Reads a history that is kept in memory, by doing it again."""

    def __init__(self, epoch: str, history: Sequence[Commit], schema: Schema) -> None:
        self.epoch = epoch
        self._history = history
        self._state = State(schema)

    async def head(self) -> int:
        return (await self._now()).seq

    async def row(self, table: Table, identifier: str) -> Record | None:
        return (await self._now()).record(table.name, identifier)

    async def find(self, question: Question) -> Found:
        state = await self._now()
        seq, rows = state.seq, question.candidates(state)
        for page in question.slices(rows):
            if page is not None:
                return Found(seq, page)
            await trio.lowlevel.checkpoint()
        raise AssertionError("a question has an answer")

    async def counters(self) -> Mapping[CounterKey, int]:
        return dict((await self._now()).counters)

    async def commits(self, after: int, upto: int) -> list[Commit]:
        await trio.lowlevel.checkpoint()
        found: list[Commit] = []
        size = 0
        for commit in self._history[after:upto]:
            if size > READ_BYTES:
                break
            found.append(msgspec.structs.replace(commit, name=None))
            size += sum(len(change.json) for change in commit.changes)
        return found

    async def history(
        self, table: str, identifier: str, before: int | None, limit: int
    ) -> list[Commit]:
        await trio.lowlevel.checkpoint()
        older = self._history if before is None else self._history[: max(before - 1, 0)]
        return last_of_row(reversed(older), table, identifier, limit)

    async def _now(self) -> State:
        await trio.lowlevel.checkpoint()
        for commit in self._history[self._state.seq :]:
            self._state.apply(commit)
        return self._state
