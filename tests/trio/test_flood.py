"""Clients that send much and read little: bounded, served in order, and nobody else waits."""

from pathlib import Path
from typing import Any

import trio
from support.talking import SHOP, insert, subscribe, until_synced, update
from trio.testing import MockClock

from mishkah.core.ids import StoreId
from mishkah.feed import MAX_ANSWERS
from mishkah.journal import MemoryJournals
from mishkah.limits import Limits
from mishkah.testing import Client, TestHouse, open_test_house

HELLO = {"type": "HELLO", "v": 1, "client": "l"}


async def test_a_flood_whose_answers_nobody_reads_is_read_no_further(
    autojump_clock: MockClock, data: Path, late: Any
) -> None:
    """When they are read, it goes on where it stopped."""
    journals = MemoryJournals()
    flood = late([HELLO, *(insert(f"f{n}", n) for n in range(3000))], capacity=1000)
    async with (
        open_test_house(data, journals=journals) as house,
        house.v1("a") as till,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(house.house.serve, flood)
        await trio.sleep(1)
        history = journals.kept[StoreId("shop", "m")].history
        assert MAX_ANSWERS < len(history) < MAX_ANSWERS + 600, "one batch more at the most"
        before = trio.current_time()
        assert (await till.ask(insert("mine", 1)))["type"] == "ACK"
        assert trio.current_time() == before
        flood.reads.set()
        await trio.sleep(1)
        answers = [m for m in flood.messages() if m["type"] == "ACK"]
        nursery.cancel_scope.cancel()
    assert [answer["ref"] for answer in answers] == list(range(3000))


async def fill(house: TestHouse, rows: int) -> None:
    """Give the shop *rows* items of a kilobyte."""
    async with house.v1("owner") as owner:
        for n in range(0, rows, 500):
            ops = [{"type": "INSERT", "table": "item", "data": {"id": f"i{k}", "name": "x" * 1000}}
                   for k in range(n, n + 500)]  # fmt: skip
            await owner.ask({"type": "TRANSACTION", "ops": ops, "ref": n, **SHOP})


async def quantities(screen: Client, rows: dict[str, Any], cursor: int, upto: int) -> list[Any]:
    """Follow DELTAs from *cursor* to the commit *upto*; return the other messages on the way."""
    others = []
    while cursor < upto:
        message = await screen.receive()
        if message["type"] != "DELTA":
            others.append(message)
            continue
        assert message["prev"] <= cursor < message["seq"]
        cursor = message["seq"]
        rows.setdefault(message["data"]["id"], {}).update(message["data"]["changes"])
    return others


async def test_a_long_absence_is_read_from_the_log_while_others_write(
    autojump_clock: MockClock, data: Path
) -> None:
    """In steps between which the store serves; nothing is missed, and nothing comes twice."""
    async with open_test_house(data) as house:
        await fill(house, 2000)
        async with house.v1("a") as till, house.v1() as screen:
            first = await subscribe(screen)
            await until_synced(screen)
            await screen.send({"type": "UNSUBSCRIBE", **SHOP})
            for n in range(2500):
                last = await till.ask(update(f"i{n % 7}", n, changes={"qty": n + 2}))
            told = await subscribe(screen, since=first["seq"], epoch=first["epoch"])
            assert (told["resumed"], told["seq"]) == (True, last["seq"])
            rows: dict[str, Any] = {}
            async with trio.open_nursery() as nursery:
                upto = last["seq"] + 300
                nursery.start_soon(quantities, screen, rows, first["seq"], upto)
                for n in range(2500, 2800):
                    last = await till.ask(update(f"i{n % 7}", n, changes={"qty": n + 2}))
            assert last["seq"] == upto
            assert sorted(row["qty"] for row in rows.values()) == list(range(2795, 2802))


async def test_what_is_written_during_a_snapshot_comes_after_it_from_the_log(
    autojump_clock: MockClock, data: Path, late: Any
) -> None:
    """However much it is: the snapshot itself does not count as waiting."""
    slow = late([HELLO, {"type": "SUBSCRIBE", **SHOP}], capacity=300_000)
    async with open_test_house(data, limits=Limits(outbox=20_000)) as house:
        await fill(house, 2000)
        async with house.v1("a") as till, trio.open_nursery() as nursery:
            nursery.start_soon(house.house.serve, slow)
            await trio.sleep(1)
            for n in range(400):
                await till.ask(insert(f"new{n}", n))
            slow.reads.set()
            await trio.sleep(5)
            messages = slow.messages()
            nursery.cancel_scope.cancel()
    parts = [m for m in messages if m["type"] == "SNAPSHOT"]
    assert [part["part"] for part in parts] == list(range(len(parts)))
    assert sum(len(part["data"].get("item", ())) for part in parts) == 2000
    seqs = [m["seq"] for m in messages if m["type"] == "DELTA"]
    assert seqs == list(range(parts[0]["seq"] + 1, parts[0]["seq"] + 401))
