"""What a program sees of a store: rows from memory, writes that can be awaited, and changes."""

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import trio

from mishkah.client.errors import Denied, Refusal, Undone, Unreachable
from mishkah.client.feed import Feed
from mishkah.client.greeting import Token
from mishkah.client.heard import Result, Row
from mishkah.client.link import Address, Dial, Link
from mishkah.client.machine import Machine
from mishkah.client.replica import Cursor
from mishkah.client.writes import Write
from mishkah.core.messages import (
    Delete,
    Insert,
    Next,
    Op,
    Query,
    Transaction,
    Update,
)
from mishkah.core.messages import Write as Command

MAX_REFUSED = 1000
"""Refused writes that are kept for who looks."""
Rows = list[Row]
Seen = bool | Cursor
"""What the user of a write saw: a cursor, True for the present one, False for no matter."""


class Page(msgspec.Struct, frozen=True):
    """The answer to a query, as of the commit *seq*; *next* is the `after` of the next page."""

    rows: Rows
    next: str | None
    seq: int


class Database:
    """A store as it is shown to this client; `connect` opens it.

    Reading never waits: rows come from memory, with all writes that have no answer yet on top.
    """

    def __init__(self, machine: Machine, rng: random.Random, address: Address, dial: Dial) -> None:
        self.refused: deque[Write] = deque(maxlen=MAX_REFUSED)
        """Writes that were refused, the newest last; they are rolled back."""
        self._machine = machine
        self._writes: dict[str, Write] = {}
        self._feeds: list[Feed] = []
        self._waiting = trio.lowlevel.ParkingLot()
        self.link = Link(machine, address, dial, rng, self._moved)

    # --- looking

    @property
    def client(self) -> str:
        """The name under which this client's writes are done once."""
        return self._machine.client

    @property
    def user(self) -> str | None:
        """Who the server takes this client for, by its token; None for no person."""
        return self._machine.user

    @property
    def status(self) -> str:
        """``waiting`` to connect, ``connecting``, ``catching up``, ``live``, or ``refused``."""
        return self._machine.status

    @property
    def pending(self) -> int:
        """How many writes have no answer yet."""
        return self._machine.outbox.writes

    @property
    def cursor(self) -> Cursor | None:
        """Which commit the rows show: the `base` of who decides by what he sees now."""
        return self._machine.replica.cursor

    def get(self, table: str, identifier: str) -> Row | None:
        """Return a row, None where there is none. Raises LookupError where *table* isn't shown."""
        self._check(table)
        row = self._machine.screen.row(table, identifier)
        return None if row is None else dict(row)

    def list(self, table: str, where: Callable[[Row], bool] | None = None) -> Rows:
        """Return the rows of *table*, by id; those for which *where* is true. Raises as `get`."""
        self._check(table)
        rows = (dict(row) for row in self._machine.screen.rows(table))
        return [row for row in rows if where is None or where(row)]

    def subscribe(self, *tables: str) -> Feed:
        """Return the changes of *tables* (all that are shown) from now on; leave it by `with`.

        Iterate over it for `Change`s. Who reads late gets the changes of a row as one.
        """
        for table in tables:
            self._check(table)
        watched = tables or tuple(self._machine.replica.picture)
        feed = Feed(frozenset(watched), self._machine, self._feeds)
        self._feeds.append(feed)
        return feed

    async def query(
        self,
        table: str,
        *,
        where: Any = None,
        order: Sequence[Sequence[str]] | None = None,
        limit: int | None = None,
        after: str | None = None,
        fields: Sequence[str] | None = None,
        aggregate: Any = None,
    ) -> Page:
        """Ask the server about any table of the store. Raises Refusal."""
        errand = self._machine.ask(
            Query(table=table, where=where, order=order, limit=limit, after=after, fields=fields,
                  aggregate=aggregate)
        )  # fmt: skip
        self.link.wake()
        try:
            await self._until(lambda: errand.answer is not None)
        finally:
            self._machine.forget(errand)
        if isinstance(errand.answer, Refusal):
            raise errand.answer
        assert isinstance(errand.answer, Result)
        rows = [self._machine.replica.restored(table, row) for row in errand.answer.rows]
        return Page(rows, errand.answer.next, errand.answer.seq)

    # --- writing

    def insert(self, table: str, data: Row, *, ref: str | None = None) -> Write:
        """Add a row. *ref* names the write for ever, where this client is to do it once for ever.

        This and its neighbours raise Refusal for what is seen to be wrong before it is sent,
        OutboxFull, and ValueError or TypeError for what JSON does not hold.
        """
        return self._write(Insert(table=table, data=data), False, ref)

    def update(
        self,
        table: str,
        identifier: str,
        changes: Row | None = None,
        *,
        add: Row | None = None,
        base: Seen = False,
        ref: str | None = None,
    ) -> Write:
        """Change fields of a row, and *add* numbers to what others have when its turn comes.

        With *base* it is refused (CONFLICT) where another client has written one of the fields
        since.
        """
        command = Update(
            table=table,
            id=identifier,
            changes=msgspec.UNSET if changes is None else changes,
            add=msgspec.UNSET if add is None else add,
        )
        return self._write(command, base, ref)

    def delete(
        self, table: str, identifier: str, *, base: Seen = False, ref: str | None = None
    ) -> Write:
        """Take a row away; with *base*, only where no other client has written it since."""
        return self._write(Delete(table=table, id=identifier), base, ref)

    def transaction(
        self, ops: Iterable[Op], *, base: Seen = False, ref: str | None = None
    ) -> Write:
        """Do all *ops* (`Insert`, `Update`, `Delete`) as one commit, or none of them."""
        return self._write(Transaction(ops=[*ops]), base, ref)

    def next(self, table: str, field: str, count: int = 1, *, ref: str | None = None) -> Write:
        """Take *count* numbers of a sequence without a row."""
        return self._write(Next(table=table, field=field, count=count), False, ref)

    async def flush(self) -> None:
        """Wait until every write has its answer. Raises Refusal where the server won't have us."""
        await self._until(lambda: self.pending == 0)

    # --- who

    async def sign_in(self, token: Token) -> None:
        """Be who *token* says from now on, without a cut; wait until the server has taken it.

        Raises Refusal where it does not; then this client is done.
        """
        self._machine.show(token)
        self._moved()
        await self._until(lambda: self._machine.is_known)

    # --- inside

    async def ready(self, patience: float) -> None:
        """Wait for the first whole picture.

        Raises Refusal, and Unreachable when it has not come in *patience* seconds and one attempt,
        or two where the first token was of no use.
        """
        deadline = trio.current_time() + patience
        while self.status != "live":
            if self._machine.failure is not None:
                raise self._machine.failure
            tried = self.link.attempts and not isinstance(self.link.lost, Denied)
            if tried and trio.current_time() >= deadline:
                raise Unreachable(f"no connection: {self.link.lost}") from self.link.lost
            with trio.move_on_at(deadline if tried else float("inf")):
                await self._waiting.park()

    async def linger(self, seconds: float) -> None:
        """Give the writes *seconds* to be answered. Raises Undone where that is not so."""
        with trio.move_on_after(seconds):
            await self._waiting_done()
        lost = [write for write in self._writes.values() if not write.errand.answer]
        unseen = [write for write in self.refused if not write.seen]
        if lost or unseen:
            raise Undone([*unseen, *lost])

    async def _waiting_done(self) -> None:
        while self.pending and self._machine.failure is None:
            await self._waiting.park()

    def close(self) -> None:
        """Let everyone go who waits for something."""
        for feed in list(self._feeds):
            feed.close()
        for write in self._writes.values():
            write.settle()

    def _check(self, table: str) -> None:
        if table not in self._machine.replica.picture:
            raise LookupError(f"{table} is not shown here")

    def _write(self, command: Command, base: Seen, ref: str | None) -> Write:
        cursor = self.cursor if base is True else base or None
        errand = self._machine.write(command, base=cursor, ref=ref)
        write = self._writes[errand.ref] = Write(errand, lambda: self._machine.failure)
        self._moved()
        return write

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            if self._machine.failure is not None:
                raise self._machine.failure
            await self._waiting.park()

    def _moved(self) -> None:
        """Pass on what the machine has come to know."""
        machine = self._machine
        for errand in machine.settled:
            if (write := self._writes.pop(errand.ref, None)) is not None:
                if isinstance(errand.answer, Refusal):
                    self.refused.append(write)
                write.settle()
        machine.settled.clear()
        for change in machine.screen.changes:
            for feed in self._feeds:
                feed.put(change)
        machine.screen.changes.clear()
        if machine.failure is not None:
            self.close()
        self.link.wake()
        self._waiting.unpark_all()
