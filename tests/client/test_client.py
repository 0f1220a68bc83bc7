"""A client of a house in memory: rows, writes, numbers, refusals, changes."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from mishkah.client import Delete, Insert, Refusal, Undone, Unreachable, Update, connect
from mishkah.testing import TestHouse, open_test_house


async def test_rows_are_there_at_once_and_follow_the_server(
    open_db: Any, autojump_clock: object
) -> None:
    async with open_db("a") as till, open_db("b") as screen:
        assert till.get("item", "tea")["qty"] == 5
        assert screen.list("shelf") == [{"code": "A", "place": "left"}]
        row = await till.insert("item", {"id": "cup", "price": 1.50})
        assert (row["code"], row["qty"], row["price"]) == ("C-002", 1, Decimal("1.5"))
        await wait_all_tasks_blocked()
        assert screen.get("item", "cup") == row
        assert await till.delete("item", "cup") is None
        await wait_all_tasks_blocked()
        assert screen.get("item", "cup") is None
        assert screen.cursor == till.cursor


async def test_a_write_shows_before_it_is_confirmed(open_db: Any, autojump_clock: object) -> None:
    async with open_db("a") as till:
        write = till.insert("item", {"id": "cup", "price": 1.5})
        assert till.get("item", "cup") == {"id": "cup", "price": Decimal("1.5")}
        till.update("item", "cup", {"name": "cup"})
        till.update("item", "tea", add={"qty": -2})
        assert [row["id"] for row in till.list("item")] == ["cup", "tea"]
        assert till.list("item", lambda row: row.get("name") == "cup")[0]["id"] == "cup"
        assert till.get("item", "tea")["qty"] == 3
        assert (till.pending, write.done) == (3, False)
        await till.flush()
        assert (till.pending, write.done, write.seq) == (0, True, 2)
        assert till.get("item", "cup")["code"] == "C-002"
        assert till.get("item", "tea")["qty"] == 3


async def test_whole_decimals_are_decimals_too(open_db: Any, autojump_clock: object) -> None:
    async with open_db("a") as till:
        price = till.get("item", "tea")["price"]
        assert (price, type(price)) == (2, Decimal)
        row = await till.update("item", "tea", {"price": 3})
        page = await till.query("item", where=["id", "=", "tea"])
        assert {type(one["price"]) for one in (row, page.rows[0])} == {Decimal}


async def test_all_of_a_transaction_happens_or_nothing(
    open_db: Any, autojump_clock: object
) -> None:
    async with open_db("a") as till, open_db("b") as screen:
        with screen.subscribe() as changes:
            rows = await till.transaction(
                [
                    Insert(table="item", data={"id": "cup"}),
                    Update(table="item", id="tea", add={"qty": -1}),
                    Delete(table="shelf", id="A"),
                ]
            )
            assert [row and row["id"] for row in rows] == ["cup", "tea", None]
            seen = [await anext(changes) for _ in range(3)]
            assert {(one.operation, one.id) for one in seen} == {
                ("INSERT", "cup"), ("UPDATE", "tea"), ("DELETE", "A"),
            }  # fmt: skip
        write = till.transaction([
            Update(table="item", id="tea", add={"qty": -1}),
            Update(table="item", id="cup", add={"qty": -9}),
        ])  # fmt: skip
        assert till.get("item", "tea")["qty"] == 3
        with pytest.raises(Refusal) as no:
            await write
        assert (no.value.code, no.value.path) == ("INVALID", "/ops/1/qty")
        assert till.get("item", "tea")["qty"] == 4


async def test_a_refusal_rolls_back_and_says_why_in_two_languages(
    open_db: Any, autojump_clock: object
) -> None:
    async with open_db("a", lang="ar") as till:
        write = till.insert("item", {"id": "tea", "qty": 9})
        assert till.get("item", "tea")["qty"] == 5, "the row that is there is shown"
        wrong = till.insert("item", {"id": "cup", "qty": -1})
        assert till.get("item", "cup")["qty"] == -1
        with pytest.raises(Refusal) as no:
            await wrong
        assert till.get("item", "cup") is None
        assert (no.value.code, no.value.path) == ("INVALID", "/qty")
        assert no.value.error == no.value.text["ar"] != no.value.text["en"]
        await till.flush()
        assert list(till.refused) == [write, wrong]
        assert write.refusal.code == "DUPLICATE"


async def test_two_people_on_one_row(open_db: Any, autojump_clock: object) -> None:
    async with open_db("a") as one, open_db("b") as two:
        seen = two.cursor
        await one.update("item", "tea", {"name": "green"}, base=True)
        with pytest.raises(Refusal) as no:
            await two.update("item", "tea", {"name": "black"}, base=seen)
        assert no.value.code == "CONFLICT"
        assert no.value.current["name"] == "green"
        await two.update("item", "tea", {"price": 4}, base=seen)
        with pytest.raises(Refusal, match="CONFLICT"):
            await two.delete("item", "tea", base=seen)
        await wait_all_tasks_blocked()
        rows = [db.get("item", "tea") for db in (one, two)]
        assert [(row["name"], row["price"]) for row in rows] == [("green", 4)] * 2
        assert await two.update("item", "tea", {"name": "black"}, base=True)


async def test_stock_is_sold_once_whoever_sells(open_db: Any, autojump_clock: object) -> None:
    async with open_db("a") as one, open_db("b") as two:
        sold = [db.update("item", "tea", add={"qty": -1}) for db in (one, two) for _ in range(4)]
        for db in (one, two):
            await db.flush()
        assert [write.done for write in sold].count(True) == 5
        assert {write.refusal.code for write in sold if not write.done} == {"INVALID"}
        await wait_all_tasks_blocked()
        assert one.get("item", "tea")["qty"] == two.get("item", "tea")["qty"] == 0


async def test_a_view_shows_its_rows_and_what_leaves_it_leaves(
    open_db: Any, autojump_clock: object
) -> None:
    view = {"tables": ["item"], "where": ["qty", ">", 0]}
    async with open_db("a") as till, open_db("k", **view) as kitchen:
        with kitchen.subscribe("item") as changes:
            await till.insert("item", {"id": "cup", "qty": 0})
            await till.update("item", "tea", {"qty": 0})
            change = await anext(changes)
            assert (change.operation, change.id, change.left) == ("DELETE", "tea", True)
        assert kitchen.list("item") == []
        kitchen.insert("item", {"id": "pot", "qty": 0})
        kitchen.update("item", "cup", {"qty": 3})
        kitchen.insert("shelf", {"code": "B"})
        assert kitchen.list("item") == []
        await kitchen.flush()
        assert [row["id"] for row in kitchen.list("item")] == ["cup"]
        with pytest.raises(LookupError):
            kitchen.get("shelf", "A")
        assert await till.update("shelf", "B", {"place": "x"})


async def test_numbers_are_taken_without_a_row(open_db: Any, autojump_clock: object) -> None:
    async with open_db("a") as till:
        assert await till.next("item", "code", 2) == ["C-002", "C-003"]
        row = await till.insert("item", {"id": "cup"})
        assert row["code"] == "C-004"


async def test_a_query_sees_what_was_written_before_it(
    open_db: Any, autojump_clock: object
) -> None:
    async with open_db("a", tables=[]) as teller:
        for n in range(5):
            teller.insert("item", {"id": f"i{n}", "price": 0.1})
        how = {"order": [["id", "asc"]], "limit": 4, "fields": ["id"]}
        page = await teller.query("item", **how)
        assert [row["id"] for row in page.rows] == ["i0", "i1", "i2", "i3"]
        more = await teller.query("item", **how, after=page.next)
        assert ([row["id"] for row in more.rows], more.next) == (["i4", "tea"], None)
        sums = {"values": {"all": ["sum", "price"]}}
        page = await teller.query("item", aggregate=sums, where=["id", "prefix", "i"])
        assert page.rows == [{"all": Decimal("0.5")}]
        with pytest.raises(Refusal, match="INVALID"):
            await teller.query("item", limit=0)
        with pytest.raises(LookupError):
            teller.list("item")


async def test_a_query_that_is_given_up_leaves_nothing_behind(
    open_db: Any, autojump_clock: object
) -> None:
    async with open_db("a") as till:
        with trio.move_on_after(0):
            await till.query("item")
        assert len((await till.query("item")).rows) == 1


async def test_a_late_reader_gets_the_changes_of_a_row_as_one(
    open_db: Any, autojump_clock: object
) -> None:
    async with open_db("a") as till:
        with till.subscribe("item") as changes:
            for n in range(100):
                await till.update("item", "tea", {"qty": n})
            await till.insert("item", {"id": "cup"})
            await till.delete("item", "cup")
            till.insert("item", {"id": "pot"})
            first, second = await anext(changes), await anext(changes)
            assert (first.old["qty"], first.new["qty"]) == (5, 99)
            assert (second.operation, second.id) == ("INSERT", "pot")


@pytest.mark.parametrize(
    ("more", "code"),
    [({"where": ["nothing", "=", 1]}, "INVALID"), ({"tables": ["x"]}, "UNKNOWN_TABLE")],
)
async def test_a_view_that_can_not_be_is_refused(
    open_db: Any, more: dict[str, Any], code: str, autojump_clock: object
) -> None:
    with pytest.raises(Refusal, match=code):
        async with open_db("a", **more):
            raise AssertionError("it opened")


async def test_a_store_that_is_not_there_is_refused(
    house: TestHouse, autojump_clock: object
) -> None:
    for branch, module in (("nowhere", None), ("shop", "x")):
        with pytest.raises(Refusal, match="UNKNOWN_MODULE"):
            async with connect("ws://localhost", branch, module, dial=house.dial):
                raise AssertionError("it opened")


async def test_a_server_that_is_not_there_is_said_to_be(
    open_db: Any, wire: Any, autojump_clock: object
) -> None:
    wire.broken = True
    with pytest.raises(Unreachable):
        async with open_db("a"):
            raise AssertionError("it opened")
    assert len(wire.dials) == 1
    with pytest.raises(Unreachable):
        async with open_db("a", patience=60):
            raise AssertionError("it opened")
    waits = [b - a for a, b in zip(wire.dials[1:], wire.dials[2:], strict=False)]
    assert len(waits) > 5
    for n, wait in enumerate(waits):
        assert 0.5 * min(0.25 * 2**n, 30) <= wait <= min(0.25 * 2**n, 30)


async def test_a_server_that_turns_us_away_is_quoted(
    house: TestHouse, autojump_clock: object
) -> None:
    with pytest.raises(Refusal, match="turned us away: 403 This server does not"):
        async with connect("ws://elsewhere", "shop", dial=house.dial):
            raise AssertionError("it opened")


@pytest.mark.parametrize("url", ["http://localhost", "localhost:8080", "ws://", "ws://[::1"])
def test_a_url_that_is_none_is_said_to_be(url: str) -> None:
    with pytest.raises(ValueError):
        connect(url, "shop")


async def test_errors_of_the_block_come_out_as_they_are(
    open_db: Any, autojump_clock: object
) -> None:
    async def fail() -> None:
        async with open_db("a") as till:
            till.insert("item", {"id": "cup"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


async def test_leaving_waits_for_answers_and_hides_no_refusal(
    open_db: Any, wire: Any, autojump_clock: object
) -> None:
    async with open_db("a") as till:
        write = till.insert("item", {"id": "cup"})
    assert write.done
    writes: list[Any] = []

    async def leave() -> None:
        async with open_db("a") as till:
            writes.append(till.insert("item", {"id": "tea"}))
            await till.flush()
            known = till.insert("item", {"id": "cup"})
            with pytest.raises(Refusal):
                await known
            wire.broken = True
            await wire.cut()
            writes.append(till.insert("item", {"id": "pot"}))

    with pytest.raises(Undone) as undone:
        await leave()
    assert undone.value.writes == writes
    with pytest.raises(Undone):
        await writes[1]


async def test_a_name_that_the_user_gives_is_done_once_for_ever(
    data: Path, autojump_clock: object
) -> None:
    async with open_test_house(data) as house:
        for dup in (False, True):
            async with connect(
                "ws://localhost", "shop", "m", client="till", dial=house.dial
            ) as till:
                write = till.insert("item", {"id": "cup"}, ref="sale-17")
                assert (await write)["code"] == "C-002"
                assert write.dup is dup
                with pytest.raises(Refusal, match="REF_REUSED"):
                    await till.insert("item", {"id": "other"}, ref="sale-17")
