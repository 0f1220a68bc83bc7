"""The client against a real server that is killed again and again: the stories, on real disks."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import trio
from simulation.tills import Deed, Screen, Till, Truth
from simulation.verdict import judge
from simulation.world import RULES, SEEDS, STORE, TABLES
from support.server import Server

from mishkah.core.commit import Commit, Name
from mishkah.core.soundness import read_schema
from mishkah.sqlite import SqliteJournals
from mishkah.testing import write_installation

pytestmark = pytest.mark.crash

KILLS = int(os.environ.get("MISHKAH_CLIENT_KILLS", "10"))
SECONDS = 0.8
"""How long a server lives, on the average, when it is up."""


class Landlord:
    """Keeps a server up, and kills it; the tills find it where it is now."""

    def __init__(self, data: Path, launch: Callable[..., Server], rng: Random) -> None:
        self._data = data
        self._launch = launch
        self._rng = rng
        self._server = launch(data).ready()

    async def dial(self) -> trio.abc.Stream:
        return await trio.open_tcp_stream("127.0.0.1", self._server.port)

    async def kill(self) -> None:
        await trio.sleep(self._rng.uniform(0, 2 * SECONDS))
        self._server.kill()
        await trio.sleep(self._rng.uniform(0, 0.2))
        self._server = await trio.to_thread.run_sync(self._launch(self._data).ready)

    def stop(self) -> int:
        return self._server.stop()


async def history(live: Path, copy: Path) -> Sequence[Commit]:
    """Return every commit with its name, read from a copy of the store's files."""
    shutil.copytree(live, copy)
    schema, _ = read_schema(STORE.module, {"tables": TABLES})
    assert schema is not None
    async with SqliteJournals(lambda store: copy / "store.sqlite3")(STORE, schema) as journal:
        commits = await journal.commits(0, (await journal.load()).seq)
        keys = {(c.client, c.ref) for c in commits if c.client and isinstance(c.ref, str)}
        names = await journal.names(keys)
    assert {key: named.seq for key, named in names.items()} == {
        (c.client, c.ref): c.seq for c in commits if (c.client, c.ref) in keys
    }
    return [_named(commit) for commit in commits]


def _named(commit: Commit) -> Commit:
    if commit.client is None or not isinstance(commit.ref, str):
        return commit
    return msgspec.structs.replace(commit, name=Name(commit.client, commit.ref, b""))


def may_be_refused(deed: Deed) -> bool:
    """Tell whether the rows may say no; such a no may get lost, and become a yes."""
    adds = [n for op in deed.ops for n in op.get("add", {}).values()]
    gone = any(op["type"] == "DELETE" for op in deed.ops)
    return deed.base is not None or gone or any(n < 0 for n in adds)


async def live(landlord: Landlord, tills: Sequence[Till], look: Callable[[], Any]) -> int:
    """Let *tills* work while their server is killed; return how many commits there are."""
    truth = Truth()
    with trio.fail_after(60 + 10 * KILLS):
        async with trio.open_nursery() as people:
            people.start_soon(Screen(Random(1)).watch, landlord.dial, truth)
            for till in tills:
                work = partial(till.work, pause=0.1)
                people.start_soon(work, landlord.dial, KILLS * (SECONDS + 1), truth)
            for _ in range(KILLS):
                await landlord.kill()
            for till in tills:
                await till.answered.wait()
            deeds = {till.name: till.deeds for till in tills}
            commits: Sequence[Commit] = await look()
            unsure = {(n, d.ref) for n, some in deeds.items() for d in some if may_be_refused(d)}
            truth.tell(judge(commits, deeds, unsure))
    return len(commits)


def test_tills_that_come_back_to_a_killed_server_lose_and_double_nothing(
    tmp_path: Path, launch: Callable[..., Server], seed: str, figures: Counter[str]
) -> None:
    data = write_installation(tmp_path / "data", TABLES, rules=RULES, seeds=SEEDS)
    landlord = Landlord(data, launch, Random(seed))
    tills = [Till(f"till{n}", Random(f"{seed} {n}")) for n in range(4)]
    folder = data / "branches" / "shop" / "modules" / "m" / "live"
    look = partial(history, folder, tmp_path / "copy")
    figures["commits"] += trio.run(live, landlord, tills, look)
    assert landlord.stop() == 0
    figures["kills"] += KILLS
    figures["writes"] += sum(len(till.deeds) for till in tills)
    figures["refused"] += sum(d.outcome == "refused" for till in tills for d in till.deeds)
