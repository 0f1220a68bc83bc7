"""The identity store as those use it who decide: what is committed, and changes one at a time."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import trio

from mishkah.asking import Ack, Error, outcome
from mishkah.core.commit import Change, Commit
from mishkah.core.draft import View
from mishkah.core.errors import (
    BrokenReference,
    Busy,
    Detail,
    Duplicate,
    Internal,
    InvalidRow,
    NotFound,
    Refused,
    StorageFull,
    StoreFailed,
    Text,
)
from mishkah.core.messages import Op, Transaction
from mishkah.gate import Changes
from mishkah.identity.audit import Entry, Flood, audit_ops
from mishkah.keeper import Keeper
from mishkah.talk import Inbox
from mishkah.who import NOBODY, Who

WAITING = 64
"""Changes that may wait for their turn; the others are refused."""
PATIENCE = 10.0
"""Seconds until the outcome of a change is given up."""
_MATTERS = {"scopes", "disabled", "revoked", "acting"}
"""Fields by which an open session may have to end, or become another person's."""


class Book:
    """What is known of people, devices and programs, and the one pen that writes it.

    Who is to decide by what they read, and to write, takes a `turn`: nobody else writes meanwhile.
    `changes` counts when somebody's rights may be others than before.
    """

    def __init__(self, keeper: Keeper, inbox: Inbox) -> None:
        self.changes = Changes()
        self._keeper = keeper
        keeper.heard = self._heard
        self._inbox = inbox
        self._turn = trio.Lock()
        self._flood = Flood()

    @property
    def view(self) -> View:
        """What is committed now. Raises StoreFailed while the store is not served."""
        if self._keeper.store is None:
            raise StoreFailed
        return self._keeper.store.committed

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[View]:
        """Wait for a turn to change something. Raises Busy, StoreFailed."""
        if self._turn.statistics().tasks_waiting >= WAITING:
            raise Busy
        async with self._turn:
            yield self.view

    async def write(self, ops: Sequence[Op], now: datetime, new: Entry | None = None) -> None:
        """Do *ops* and note what they mean, as one commit, within the caller's own turn.

        Raises what the store refuses (InvalidRow, Duplicate, BrokenReference, NotFound,
        StorageFull), Busy, and StoreFailed where the outcome is not known.
        """
        entries = [] if new is None else self._flood.take(new, trio.current_time())
        by = NOBODY if new is None else Who(user=new.user, device=new.device, session=new.session)
        await self._commit(ops, entries, now, by)

    async def note(self, new: Entry, now: datetime) -> None:
        """Write *new* down, or count it where there are too many.

        Raises Busy, StorageFull, StoreFailed.
        """
        entries = self._flood.take(new, trio.current_time())
        if entries:
            async with self.turn():
                await self._commit([], entries, now)

    def count(self, new: Entry) -> None:
        """Count *new*, to be written down with others of its kind."""
        self._flood.count(new)

    async def note_counted(self, now: datetime) -> None:
        """Write down what was only counted in a window that is over. Raises as `note`."""
        if entries := self._flood.due(trio.current_time()):
            async with self.turn():
                await self._commit([], entries, now)

    async def _commit(
        self, ops: Sequence[Op], entries: list[Entry], now: datetime, by: Who = NOBODY
    ) -> None:
        every = [*ops, *audit_ops(self.view, entries, now)]
        # Whoever asked may be gone meanwhile; the next turn must see what this one did.
        with trio.move_on_after(PATIENCE, shield=True) as waiting:
            said = await outcome(self._inbox, Transaction(ref="identity", ops=every), who=by)
        if waiting.cancelled_caught:
            raise StoreFailed(_UNKNOWN_OUTCOME)
        if isinstance(said, Error):
            raise _refusal(said)
        assert isinstance(said, Ack)

    def _heard(self, commit: Commit | None) -> None:
        """Note what is committed, whether or not who asked for it still waits."""
        if commit is None or any(map(_matters, commit.changes)):
            self.changes.note()


def _matters(change: Change) -> bool:
    if change.new is None:
        return change.table == "token"
    return change.old is not None and not _MATTERS.isdisjoint(change.old)


_REFUSALS: dict[str, type[Refused]] = {
    kind.code: kind
    for kind in (InvalidRow, Duplicate, BrokenReference, NotFound, StorageFull, StoreFailed)
}


def _refusal(said: Error) -> Refused:
    """Return what the store has refused, to be raised to who asked."""
    kind = _REFUSALS.get(said.code, Internal)
    details = tuple(Detail(d.path, d.rule, Text(d.message, d.text["ar"])) for d in said.details)
    return kind(Text(said.text["en"], said.text["ar"]), details)


_UNKNOWN_OUTCOME = Text(
    "Whether this was done is not known; look before you do it again",
    "لا يُعرف هل نُفّذ هذا، تحقق قبل أن تعيده",
)
