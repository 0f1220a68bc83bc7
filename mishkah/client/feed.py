"""Changes for one reader: as many as there are rows at most, since those of one row become one."""

from types import TracebackType

import trio

from mishkah.client.machine import Machine
from mishkah.client.replica import Key
from mishkah.client.screen import Change


class Feed:
    """What changes in *tables* from now on, for `async for`; it ends when the client does."""

    def __init__(self, tables: frozenset[str], machine: Machine, others: "list[Feed]") -> None:
        self._tables = tables
        self._machine = machine
        self._others = others
        self._changes: dict[Key, Change] = {}
        self._open = True
        self._moved = trio.lowlevel.ParkingLot()
        self._machine.screen.watched.update(tables)

    def __enter__(self) -> "Feed":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __aiter__(self) -> "Feed":
        return self

    async def __anext__(self) -> Change:
        """Return the oldest change that is not read. Raises Refusal where the server is done."""
        while not self._changes:
            if not self._open:
                if self._machine.failure is not None:
                    raise self._machine.failure
                raise StopAsyncIteration
            await self._moved.park()
        return self._changes.pop(next(iter(self._changes)))

    def put(self, change: Change) -> None:
        """Add *change*, joined with what is not read yet of its row."""
        if change.table not in self._tables:
            return
        key = (change.table, change.id)
        before = self._changes.pop(key, None)
        if before is not None:
            change = Change(*key, before.old, change.new, change.left)
        if change.old != change.new:
            self._changes[key] = change
            self._moved.unpark_all()

    def close(self) -> None:
        """Take no more changes; what is here can still be read."""
        if self._open:
            self._open = False
            self._machine.screen.watched.subtract(self._tables)
            self._others.remove(self)
            self._moved.unpark_all()
