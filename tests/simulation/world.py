"""A whole shop on virtual time: a house that crashes, a disk that fails, a clock that jumps."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import trio

from mishkah.catalog import Catalog
from mishkah.core.ids import StoreId
from mishkah.house import open_house
from mishkah.journal import JournalFailed, JournalFull, MemoryJournal, NameKey
from mishkah.limits import Limits
from mishkah.plugins import Plugins
from mishkah.requests import Ask, Request
from mishkah.store import Store
from mishkah.testing import NOON, FaultyJournals
from simulation.network import Network

STORE = StoreId("shop", "m")
TABLES = {
    "item": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "name": {"type": "text"},
            "price": {"type": "integer", "default": 1},
            "stock": {"type": "integer", "required": True, "min": 0},
        }
    },
    "sale": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "no": {"type": "text"},
            "day_no": {"type": "text"},
            "item": {"type": "text", "required": True, "references": {"table": "item"}},
            "by": {"type": "text"},
        }
    },
    "purse": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "coins": {"type": "integer", "required": True, "min": 0},
        }
    },
}
RULES = {
    "sale": {
        "no": {"prefix": "S", "start": 1, "format": "{prefix}{number}"},
        "day_no": {"start": 1, "reset": "day", "format": "{yyyy}{mm}{dd}-{number}"},
    }
}
STOCK = 6
COINS = 50
ALL_COINS = 2 * COINS
SEEDS = {
    "item": [{"id": f"i{n}", "name": "?", "stock": STOCK} for n in range(3)],
    "purse": [{"id": name, "coins": COINS} for name in ("a", "b")],
}
SMALL = Limits(outbox=1500)
"""So little waits for one client that slow ones fall behind in a short story."""


def noting_refusals(kind: type[Store], refused: set[NameKey]) -> type[Store]:
    """Return *kind* of a store, which also notes the names of writes that it refuses.

    A refusal that gets lost on its way is not remembered: the write is judged anew when it comes
    again, and may then be done after others that were sent behind it.
    """

    class Noting(kind):  # type: ignore[misc, valid-type]
        async def serve(self, batch: Sequence[Request]) -> None:
            whole = False
            try:
                await super().serve(batch)
                whole = True
            finally:
                asked = [r for r in batch if isinstance(r, Ask) and not r.outbox.dismissed]
                keys = {ask.key for ask in asked if ask.key is not None}
                with trio.CancelScope(shield=True):
                    kept = await self._journal.names(keys)
                if whole or kept:  # else nobody knows what would have been refused
                    refused.update(keys - kept.keys())

    return Noting


class World:
    """One story: its randomness, its network, and the disk that outlives every crash."""

    def __init__(
        self, seed: int, data: Path, nursery: trio.Nursery, journals: FaultyJournals
    ) -> None:
        self.rng = Random(seed)
        self.journals = journals
        self.network = Network(Random(self.rng.random()), nursery, self._head)
        self.crashes = 0
        self._data = data
        self._nursery = nursery
        self._house: trio.CancelScope | None = None
        self._offset = timedelta()

    @property
    def journal(self) -> MemoryJournal:
        """What is durable: the story's truth."""
        return self.journals.kept[STORE]

    def _head(self) -> int:
        return len(self.journal.history)

    def clock(self) -> datetime:
        """Return the time of the server's clock, which may have been set to anything."""
        return NOON + self._offset + timedelta(seconds=trio.current_time())

    async def start(self) -> None:
        """Open the house on what the disk has."""
        await self._nursery.start(self._keep_house)

    async def _keep_house(self, task_status: trio.TaskStatus[None]) -> None:
        catalog = Catalog(self._data, Plugins())
        with trio.CancelScope() as self._house:
            async with (
                trio.open_nursery() as connections,
                open_house(catalog, self.journals, clock=self.clock, limits=SMALL) as house,
            ):
                await house.open_listed()
                self.network.house, self.network.house_nursery = house, connections
                task_status.started()
                await trio.sleep_forever()

    def crash(self) -> None:
        """Kill the house where it stands; what the journals have is what is left."""
        self.crashes += 1
        self.network.house = None
        assert self._house is not None
        self._house.cancel()

    async def weather(self) -> None:
        """Let things go wrong, one after the other, until cancelled."""
        try:
            while True:
                await trio.sleep(self.rng.uniform(0.2, 3))
                await self.rng.choice(TROUBLES)(self)
        finally:
            self.journals.seconds, self.journals.refusal = 0.0, None
            self.journals.doubt = None

    async def recover(self) -> None:
        """Have a house that stands, on a disk that works."""
        if self.network.house is None:
            await self.start()

    async def _dies(self) -> None:
        self.crash()
        await trio.sleep(self.rng.uniform(0.1, 2))
        await self.start()

    async def _disk_fails_before(self) -> None:
        await self._refuses(JournalFailed("the disk has gone"))

    async def _disk_is_full(self) -> None:
        await self._refuses(JournalFull("no room"))

    async def _refuses(self, refusal: Exception) -> None:
        self.journals.refusal = refusal
        await trio.sleep(self.rng.uniform(0.05, 1))
        self.journals.refusal = None

    async def _disk_fails_after(self) -> None:
        self.journals.doubt = JournalFailed("was it written?")

    async def _disk_is_slow(self) -> None:
        self.journals.seconds = self.rng.choice([0.0, 0.01, 0.3])

    async def _clock_jumps(self) -> None:
        self._offset += timedelta(days=self.rng.choice([-20_000, -1, 1, 365]))


TROUBLES: list[Callable[[World], object]] = [
    World._dies, World._disk_fails_before, World._disk_fails_after, World._disk_is_full,
    World._disk_is_slow, World._clock_jumps,
]  # fmt: skip
