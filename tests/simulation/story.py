"""One story, from a seed: the same seed tells the same story, to the last commit."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

import trio
from trio.testing import MockClock

from mishkah import client, keeper
from mishkah.core.commit import Commit
from mishkah.journal import NameKey
from mishkah.store import Store
from mishkah.testing import FaultyJournals
from simulation.network import Network
from simulation.tills import SECONDS, Till, settled
from simulation.verdict import judge
from simulation.world import World, noting_refusals

LOW = ["stock", "<", 3]
PATIENCE = 2000.0
"""Virtual seconds in which every story has an end, unless somebody waits for ever."""


class Screen:
    """A display of what runs out: it only looks, through a filter."""

    def __init__(self, rng: Random) -> None:
        self.shown: list[dict[str, Any]] = []
        self._rng = rng

    async def watch(self, network: Network, quiet: trio.Event) -> None:
        async with client.connect(
            "ws://localhost",
            "shop",
            "m",
            tables=["item"],
            where=LOW,
            patience=1000,
            dial=network.dial,
            rng=self._rng,
        ) as db:
            await quiet.wait()
            await settled(db)
            self.shown = db.list("item")


class Told(NamedTuple):
    """How a story went: its log, how often something went wrong, and how much was asked."""

    history: Sequence[Commit]
    faults: int
    crashes: int
    deeds: int


class Rules(NamedTuple):
    """Parts of a story that a test may break."""

    store: type[Store] = Store
    journals: type[FaultyJournals] = FaultyJournals


AS_THEY_ARE = Rules()


def tell(seed: int, data: Path, rules: Rules = AS_THEY_ARE) -> Told:
    """Let a story happen in the installation *data*, and judge it. Raises AssertionError."""
    scheduler = trio._core._run  # trio's own switch for runs that can be repeated
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    scheduler._r.seed(seed)
    try:
        return trio.run(_tell, seed, data, rules, clock=MockClock(autojump_threshold=0))
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before  # type: ignore[misc]


async def _tell(seed: int, data: Path, rules: Rules) -> Told:
    rng = Random(seed)
    tills = [Till(name, Random(rng.random())) for name in ("anna", "bob", "chris")]
    screen = Screen(Random(rng.random()))
    refused: set[NameKey] = set()
    noting = noting_refusals(rules.store, refused)
    with trio.fail_after(PATIENCE), patch.object(keeper, "Store", noting):
        async with trio.open_nursery() as nursery:
            world = World(rng.randrange(2**32), data, nursery, rules.journals())
            await world.start()
            quiet = trio.Event()
            async with trio.open_nursery() as people:
                people.start_soon(screen.watch, world.network, quiet)
                for till in tills:
                    people.start_soon(till.work, world.network, quiet)
                with trio.move_on_after(SECONDS + 5):
                    await world.weather()
                world.network.hush()
                await world.recover()
                quiet.set()
            nursery.cancel_scope.cancel()
    history = world.journal.history
    rows = judge(history, {till.name: till.deeds for till in tills}, refused)
    for till in tills:
        for table, shown in till.shown.items():
            assert shown == sorted(rows[table].values(), key=lambda row: row["id"]), till.name
    low = [row for _, row in sorted(rows["item"].items()) if row["stock"] < 3]
    assert screen.shown == low
    deeds = sum(len(till.deeds) for till in tills)
    return Told(history, world.network.faults, world.crashes, deeds)
