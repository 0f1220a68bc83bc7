"""One story, from a seed: the same seed tells the same story, to the last commit."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple
from unittest.mock import patch

import trio
from trio.testing import MockClock

from mishkah import keeper
from mishkah.core.commit import Commit
from mishkah.journal import NameKey
from mishkah.store import Store
from mishkah.testing import FaultyJournals
from simulation.tills import Screen, Till, Truth
from simulation.verdict import judge
from simulation.world import World, noting_refusals

SECONDS = 20.0
"""Virtual seconds in which people work and things go wrong."""
PATIENCE = 2000.0
"""Virtual seconds in which every story has an end, unless somebody waits for ever."""


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
    truth = Truth()
    refused: set[NameKey] = set()
    noting = noting_refusals(rules.store, refused)
    with trio.fail_after(PATIENCE), patch.object(keeper, "Store", noting):
        async with trio.open_nursery() as nursery:
            world = World(rng.randrange(2**32), data, nursery, rules.journals())
            await world.start()
            async with trio.open_nursery() as people:
                people.start_soon(screen.watch, world.network.dial, truth)
                for till in tills:
                    people.start_soon(till.work, world.network.dial, SECONDS, truth)
                with trio.move_on_after(SECONDS + 5):
                    await world.weather()
                world.network.hush()
                await world.recover()
                for till in tills:
                    await till.answered.wait()
                history = world.journal.history
                truth.tell(judge(history, {till.name: till.deeds for till in tills}, refused))
            nursery.cancel_scope.cancel()
    deeds = sum(len(till.deeds) for till in tills)
    return Told(history, world.network.faults, world.crashes, deeds)
