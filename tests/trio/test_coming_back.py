"""Cursors: a client that comes back is sent what it missed, and nothing of what it never had."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import trio
from support.talking import SHOP, beside, insert, subscribe, until_synced, update
from trio.testing import MockClock

from mishkah.core.commit import Commit
from mishkah.core.ids import StoreId
from mishkah.journal import MemoryJournal, MemoryJournals
from mishkah.limits import Limits
from mishkah.testing import Client, open_test_house

MANY = {"tables": ["item"], "where": ["qty", ">", 10]}


async def write(till: Client, *steps: tuple[str, Any], ref: str = "") -> None:
    """Give each item of *steps* its quantity; None deletes it."""
    for n, (key, qty) in enumerate(steps):
        message = update(key, f"{ref}{n}", changes={"qty": qty})
        if qty is None:
            message = {"type": "DELETE", "table": "item", "id": key, "ref": f"{ref}{n}", **SHOP}
        assert (await till.ask(message))["type"] == "ACK"


def seen(deltas: Sequence[dict[str, Any]]) -> list[tuple[str, str, Any]]:
    return [(d["data"]["id"], d["data"]["operation"], d["data"].get("reason")) for d in deltas]


async def test_a_view_is_told_of_rows_that_enter_stay_and_leave(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.v1("a") as till, house.v1() as screen:
        told = await subscribe(screen, **MANY)
        await until_synced(screen)
        await till.ask(insert("a", "a", qty=1))
        await write(till, ("a", 20), ("a", 30), ("a", 5), ("a", 40), ("a", None))
        deltas = [await screen.receive() for _ in range(5)]
        assert seen(deltas) == [
            ("a", "INSERT", None), ("a", "UPDATE", None), ("a", "DELETE", "left"),
            ("a", "INSERT", None), ("a", "DELETE", None),
        ]  # fmt: skip
        assert {delta["view"] for delta in deltas} == {told["view"]}
        assert [d["data"]["changes"].get("qty") for d in deltas] == [20, 30, None, 40, None]
        assert "name" in deltas[0]["data"]["changes"], "who enters is a whole row"
        assert [d["prev"] for d in deltas] == [told["seq"], *(d["seq"] for d in deltas[:-1])]


async def test_a_view_that_comes_back_has_what_it_missed(
    autojump_clock: MockClock, data: Path
) -> None:
    journals = MemoryJournals()
    async with open_test_house(data, journals=journals) as house, house.v1("a") as till:
        for key in ("left", "stays", "gone", "back", "visitor", "deleted visitor", "new", "never"):
            qty = 20 if key in ("left", "stays", "gone", "back") else 1
            await till.ask(insert(key, key, qty=qty))
        told = await subscribe(till, **MANY)
        await until_synced(till)
    cursor = {"since": told["seq"], "epoch": told["epoch"]}
    async with open_test_house(data, journals=journals) as house, house.v1("a") as till:
        await write(
            till, ("visitor", 30), ("left", 2), ("never", 3), ("deleted visitor", 30),
            ("stays", 21), ("visitor", 4), ("back", 1), ("gone", None), ("new", 50),
            ("deleted visitor", None), ("back", 60), ref="w",
        )  # fmt: skip
    async with open_test_house(data, journals=journals) as house, house.v1("b") as screen:
        assert (await subscribe(screen, **MANY, **cursor))["resumed"] is True
        *deltas, synced = await until_synced(screen)
        assert seen(deltas) == [
            ("left", "DELETE", "left"), ("stays", "UPDATE", None), ("back", "DELETE", "left"),
            ("gone", "DELETE", None), ("new", "INSERT", None), ("back", "INSERT", None),
        ]  # fmt: skip
        assert synced["seq"] == told["seq"] + 11
        assert all(told["seq"] <= d["prev"] < d["seq"] <= synced["seq"] for d in deltas)
        assert deltas[0]["tx"]["n"] == 5, "visits that overlap are one, with all within"
        whole = {"since": told["seq"], "epoch": told["epoch"]}
        assert (await subscribe(screen, **whole))["view"] == "*"
        *commits, _ = await until_synced(screen)
        assert [delta["seq"] - told["seq"] for delta in commits] == list(range(1, 12))


async def test_the_deltas_of_one_view_are_counted_for_it(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.v1("a") as till, house.v1() as screen:
        first = (await subscribe(screen, **MANY))["seq"]
        await until_synced(screen)
        ops = [{"type": "INSERT", "table": "item", "data": {"id": f"{qty}", "qty": qty}}
               for qty in (1, 20, 2, 30)]  # fmt: skip
        await till.ask({"type": "TRANSACTION", "ops": ops, "ref": 1, **SHOP})
        take = {"type": "NEXT", "table": "item", "field": "code", "ref": 2, **SHOP}
        assert (await till.ask(take))["seq"] == first + 2
        assert (await till.ask(update("30", 3, changes={"qty": 30})))["seq"] == first + 3
        await till.ask(update("30", 4, changes={"qty": 31}))
        deltas = [await screen.receive() for _ in range(3)]
        assert [delta.get("tx") for delta in deltas] == [{"i": 0, "n": 2}, {"i": 1, "n": 2}, None]
        assert [(d["prev"], d["seq"]) for d in deltas] == [(first, first + 1)] * 2 + [
            (first + 1, first + 4)
        ]


async def test_who_missed_more_than_the_view_has_begins_again(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.v1("a") as till, house.v1("b") as screen:
        await till.ask(insert("a", "a"))
        told = await subscribe(screen)
        await until_synced(screen)
        await screen.send({"type": "UNSUBSCRIBE", **SHOP})
        for n in range(1200):
            await till.send(update("a", n, changes={"qty": n + 2}))
            await till.expect("ACK")
        cursor = {"since": told["seq"], "epoch": told["epoch"]}
        assert (await subscribe(screen, **cursor))["resumed"] is False
        resync, snapshot, synced = await until_synced(screen)
        assert (resync["type"], resync["reason"]) == ("RESYNC", "too_old")
        assert snapshot["data"]["item"][0]["qty"] == 1201
        assert synced["seq"] == told["seq"] + 1200


class Pruned(MemoryJournal):
    """A journal whose log was cut off by hand."""

    async def commits(self, after: int, upto: int) -> list[Commit]:
        return [commit for commit in await super().commits(after, upto) if commit.seq > 5]


async def test_where_the_log_was_cut_off_the_cursor_is_too_old(
    autojump_clock: MockClock, data: Path
) -> None:
    journals = MemoryJournals()
    async with open_test_house(data, journals=journals) as house, house.v1("a") as till:
        for n in range(8):
            first = await till.ask(insert(f"i{n}", n))
    store = StoreId("shop", "m")
    kept = journals.kept[store]
    pruned = journals.kept[store] = Pruned(kept._schema)
    pruned.history[:], pruned._names = kept.history, kept._names
    async with open_test_house(data, journals=journals) as house, house.v1("a") as till:
        assert (await subscribe(till, since=3, epoch="memory"))["resumed"] is False
        resync, snapshot, _ = await until_synced(till)
        assert (resync["reason"], snapshot["type"]) == ("too_old", "SNAPSHOT")
        assert (await subscribe(till, since=5, epoch="memory"))["resumed"] is True
        assert [m["type"] for m in await until_synced(till)] == ["DELTA"] * 4 + ["SYNCED"]
        again = await till.ask(insert("i0", 0))
        assert again == {"type": "ACK", "ref": 0, "seq": 2, "dup": True}, "the rows are gone"
        assert (await till.ask(insert("i7", 7))) == {**first, "dup": True}
        no = await till.ask(update("i0", "c", changes={"qty": 2}, base=1))
        assert no["code"] == "CONFLICT", "the log can't tell who wrote it"
    async with (
        open_test_house(data, journals=journals) as house,
        house.client(since="3", epoch="memory") as seed,
    ):
        assert (await seed.receive())["type"] == "SNAPSHOT"


async def test_before_a_migration_a_cursor_is_old_and_behind_it_is_not(
    autojump_clock: MockClock, data: Path
) -> None:
    journals = MemoryJournals()
    async with open_test_house(data, journals=journals) as house, house.v1("a") as till:
        await till.ask(insert("a", 1))
    history = journals.kept[StoreId("shop", "m")].history
    history.append(msgspec.structs.replace(history[-1], seq=3, changes=(), schema=b"{}"))
    async with open_test_house(data, journals=journals) as house, house.v1("a") as till:
        await subscribe(till, since=2, epoch="memory")
        assert (await till.receive())["reason"] == "schema"
        assert [m["type"] for m in await until_synced(till)] == ["SNAPSHOT", "SYNCED"]
        assert (await subscribe(till, since=3, epoch="memory"))["resumed"] is True


async def test_a_slow_view_is_told_of_no_row_that_came_and_went(
    autojump_clock: MockClock, data: Path, late: Any
) -> None:
    """The cursor is where it fell behind."""
    hello = [{"type": "HELLO", "v": 1}, {"type": "SUBSCRIBE", **SHOP, **MANY}]
    client = late(hello, capacity=3000)
    async with beside(client, data, Limits(outbox=5000)) as (_, till):
        for n in range(100):
            await till.ask(insert(f"i{n}", n, qty=20, name="x" * 100))
        await till.ask(insert("visitor", "v", qty=20))
        await write(till, ("visitor", 1), ("i0", 2), ref="w")
        client.reads.set()
        await trio.sleep(1)
        messages = client.messages()
    assert [m["reason"] for m in messages if m["type"] == "RESYNC"] == ["slow"]
    rows: set[str] = set()
    for key, operation, _ in seen([m for m in messages if m["type"] == "DELTA"]):
        assert key != "visitor"
        (rows.add if operation == "INSERT" else rows.discard)(key)
    assert rows == {f"i{n}" for n in range(1, 100)}
