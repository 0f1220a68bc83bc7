"""Who may come in, as the house asks: by token at once, by password, PIN or code with a wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import trio

from mishkah.clock import Clock
from mishkah.core.errors import Refused, StoreFailed
from mishkah.identity.attempts import Attempts
from mishkah.identity.audit import entry
from mishkah.identity.book import Book
from mishkah.identity.devices import Devices
from mishkah.identity.hasher import Hasher
from mishkah.identity.knowing import identify, known_again
from mishkah.identity.refusals import Refusals
from mishkah.identity.register import Register
from mishkah.identity.sessions import Sessions
from mishkah.identity.tables import IDENTITY, identity_recipe
from mishkah.identity.throttle import Throttle
from mishkah.journal import OpenJournal
from mishkah.keeper import Keeper
from mishkah.requests import Request
from mishkah.talk import Inbox
from mishkah.who import NOBODY, Who

INBOX = 64
"""Changes that may wait for a store that is opened for this alone."""


class Identity:
    """The identity store of a house, open by *keeper*, whose way in is *inbox*.

    `sessions` is for people with passwords, `devices` for what has enrolled, and `register` for
    owners. `changes` counts when somebody may be let in no more, or as another, or with other
    roles. Ask `again` then, and at `Who.expires`.
    """

    def __init__(self, keeper: Keeper, inbox: Inbox, hasher: Hasher, throttle: Throttle) -> None:
        attempts = Attempts(hasher, throttle)
        self._book = Book(keeper, inbox)
        self._refusals = Refusals(self._book, keeper.clock)
        self.changes = self._book.changes
        self.sessions = Sessions(self._book, attempts)
        self.devices = Devices(self._book, attempts)
        self.register = Register(self._book, hasher)

    def identify(self, token: str | None, now: datetime) -> Who:
        """Return who shows *token*, from memory.

        Raises AuthRequired (no token, an unknown or a revoked one, somebody who is disabled: one
        text for all), AuthExpired, and StoreFailed while the identity store is not served.
        """
        return identify(self._book.view, token, now)

    def again(self, session: str, now: datetime) -> Who:
        """Return who has shown the token *session*, as of now. Raises as `identify`."""
        return known_again(self._book.view, session, now)

    def refused(self, who: Who, code: str, address: str | None) -> None:
        """Let it be noted soon that *who*, from *address*, was told *code*."""
        self._refusals.note(who, code, address)

    def last(self, event: str) -> dict[str, str]:
        """Return the last detail of *event* that is noted, for each first word of one."""
        rows = (row for row in self._book.view.rows("audit") if row["event"] == event)
        return {detail.partition(" ")[0]: detail for row in rows if (detail := row["detail"])}

    async def happened(self, event: str, detail: str, now: datetime, who: Who = NOBODY) -> None:
        """Note what else the audit is to hold, as a change of the configuration.

        Raises Busy, StorageFull, StoreFailed.
        """
        await self._book.note(entry(event, who, detail=detail), now)

    async def run(self) -> None:
        """Write down what was refused, and how many failures were too many for a row; forever."""
        await self._refusals.run()


@asynccontextmanager
async def open_identity(
    open_journal: OpenJournal, clock: Clock, hasher: Hasher, throttle: Throttle
) -> AsyncIterator[Identity]:
    """Open the identity store, and nothing else of a house, for the block.

    Raises StoreFailed where it can't be opened, and what the block is refused, each as it is and in
    no group.
    """
    inbox, mail = trio.open_memory_channel[Request](INBOX)
    keeper = Keeper(identity_recipe(), open_journal, mail, clock)
    refused: Refused | None = None
    async with trio.open_nursery() as stores, inbox, trio.open_nursery() as nursery:
        stores.start_soon(keeper.run, name=f"store {IDENTITY}")
        await keeper.settled.wait()
        identity = Identity(keeper, inbox, hasher, throttle)
        nursery.start_soon(identity.run)
        try:
            if keeper.store is None:
                raise StoreFailed
            yield identity
        except Refused as refusal:
            refused = refusal
        nursery.cancel_scope.cancel()
    if refused is not None:
        raise refused
