"""Sockets with several views that fall behind: each commit is heard once, and in its order."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from support.stalled import Stalled
from support.talking import SHOP, beside, insert
from trio.testing import MockClock

from mishkah.core.commit import Commit
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.fakes import FaultyJournals
from mishkah.journal import Journal
from mishkah.limits import Limits
from mishkah.testing import Client, open_test_house, write_installation

DEPOT = {"branch": "depot", "module": "m"}
FIELDS = {"id": {"type": "text", "primaryKey": True}, "name": {"type": "text"}}
HELLO = {"type": "HELLO", "v": 1, "client": "late"}
SMALL = Limits(outbox=20_000)
BEHIND = {"type": "SUBSCRIBE", "since": 1, "epoch": "memory", **DEPOT}

Late = Callable[[list[Any], int], Stalled]


class SlowDepot(FaultyJournals):
    """Journals of which the depot's takes so long to *read* commits, and to *append* them."""

    read = append = 0.0

    @asynccontextmanager
    async def __call__(self, store: StoreId, schema: Schema) -> AsyncIterator[Journal]:
        async with super().__call__(store, schema) as journal:
            if store.branch == "depot":
                self._slow_down(journal)
            yield journal

    def _slow_down(self, journal: Any) -> None:
        commits, append = journal.commits, journal.append

        async def read(after: int, upto: int) -> list[Commit]:
            await trio.sleep(self.read)
            found: list[Commit] = await commits(after, upto)
            return found

        async def write(some: list[Commit]) -> None:
            await trio.sleep(self.append)
            await append(some)

        journal.commits, journal.append = read, write


Beside = Callable[[int], AbstractAsyncContextManager[tuple[Client, Stalled, SlowDepot]]]


@pytest.fixture
def beside_a_depot(tmp_path: Path, late: Late) -> Beside:
    """Return a function: commits of the depot → who writes, a client that sees the shop, its disks.

    Together they are a context.
    """
    branches = {"branches": {"shop": {"modules": ["m"]}, "depot": {"modules": ["m"]}}}
    data = write_installation(tmp_path, {"item": {"fields": FIELDS}}, branches=branches)
    slow = late([HELLO, {"type": "SUBSCRIBE", **SHOP}], 10**9)
    return lambda commits: _beside(data, slow, commits)


@asynccontextmanager
async def _beside(
    data: Path, slow: Stalled, commits: int
) -> AsyncIterator[tuple[Client, Stalled, SlowDepot]]:
    journals = SlowDepot()
    async with (
        open_test_house(data, journals=journals, limits=SMALL) as house,
        house.v1("a") as till,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(house.house.serve, slow)
        for n in range(commits):
            await till.ask({**insert(f"i{n}", n, name="x" * 300), **DEPOT})
        await trio.sleep(1)
        yield till, slow, journals
        nursery.cancel_scope.cancel()


async def fall_behind(till: Client, late: Stalled) -> None:
    """Have *late* read nothing while the shop commits more than may wait for it."""
    late.stop()
    for n in range(200):
        await till.ask(insert(f"i{n}", f"s{n}", name="x" * 300))


def seqs(late: Stalled, branch: str) -> list[int]:
    told = late.messages()
    return [one["seq"] for one in told if one["type"] == "DELTA" and one["branch"] == branch]


async def test_a_view_that_had_nothing_new_is_told_once_what_comes(
    autojump_clock: MockClock, tmp_path: Path, late: Late
) -> None:
    tables = {"item": {"fields": FIELDS}, "other": {"fields": FIELDS}}
    views = [{"type": "SUBSCRIBE", "tables": [name], **SHOP} for name in tables]
    slow = late([HELLO, *views], 20_000)
    async with beside(slow, write_installation(tmp_path, tables), SMALL) as (_, till):
        await trio.sleep(1)
        for n in range(600):
            await till.ask(insert(f"i{n}", n, name="x" * 100))
        slow.go_on()
        await trio.sleep(1)
        row = {"type": "INSERT", "table": "other", "data": {"id": "o"}, "ref": "o", **SHOP}
        await till.ask(row)
        await trio.sleep(1)
    assert seqs(slow, "shop") == list(range(1, 602))


async def test_a_subscription_that_waits_for_its_store_is_begun_once(
    autojump_clock: MockClock, beside_a_depot: Beside
) -> None:
    async with beside_a_depot(2500) as (till, slow, journals):
        journals.append = 0.5
        await till.send({**insert("d", "d"), **DEPOT})  # the depot is at work
        await trio.sleep(0.01)
        slow.says(BEHIND)
        await trio.sleep(0.01)
        await fall_behind(till, slow)
        slow.go_on()
        await trio.sleep(5)
    assert seqs(slow, "depot") == list(range(2, 2502))


async def test_what_is_being_read_from_the_log_is_not_asked_for_again(
    autojump_clock: MockClock, beside_a_depot: Beside
) -> None:
    async with beside_a_depot(5000) as (till, slow, journals):
        journals.read = 1.0
        slow.says(BEHIND)
        await trio.sleep(1.3)  # its first commits are there, the next are being read
        await fall_behind(till, slow)
        slow.go_on()
        await trio.sleep(1.2)
        slow.stop()
        await till.ask(insert("z", "z"))
        await trio.sleep(2)
        slow.go_on()
        await trio.sleep(30)
    assert seqs(slow, "depot") == list(range(2, 5001))


async def test_who_reads_nothing_and_says_nothing_is_given_up(
    autojump_clock: MockClock, data: Path, late: Late
) -> None:
    silent = late([HELLO, {"type": "SUBSCRIBE", **SHOP}], 50_000)
    async with beside(silent, data) as (house, _):
        await trio.sleep(1)
        silent.stop()
        with trio.fail_after(100):
            await silent.closed.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert house.house.tally.limited["stall"] == 1
