"""A client of a house in memory: rows, writes, numbers, refusals, changes."""

from decimal import Decimal
from typing import Any

import trio

from mishkah.testing import TestHouse


async def test_rows_are_there_at_once_and_follow_the_server(house: TestHouse, open_db: Any) -> None:
    async with open_db("a") as till, open_db("b") as screen:
        assert till.get("item", "tea")["qty"] == 5
        assert screen.list("shelf") == [{"code": "A", "place": "left"}]
        row = await till.insert("item", {"id": "cup", "price": 1.50})
        assert (row["code"], row["qty"], row["price"]) == ("C-002", 1, Decimal("1.5"))
        await trio.testing.wait_all_tasks_blocked()
        assert screen.get("item", "cup") == row
        assert await till.delete("item", "cup") is None
        await trio.testing.wait_all_tasks_blocked()
        assert screen.get("item", "cup") is None
        assert screen.cursor == till.cursor


async def test_a_write_shows_before_it_is_confirmed(house: TestHouse, open_db: Any) -> None:
    async with open_db("a") as till:
        write = till.insert("item", {"id": "cup", "price": 1.5})
        assert till.get("item", "cup") == {"id": "cup", "price": Decimal("1.5")}
        till.update("item", "cup", {"name": "cup"})
        till.update("item", "tea", add={"qty": -2})
        assert [row["id"] for row in till.list("item")] == ["cup", "tea"]
        assert till.get("item", "tea")["qty"] == 3
        assert (till.pending, write.done) == (3, False)
        await till.flush()
        assert (till.pending, write.done) == (0, True)
        assert till.get("item", "cup")["code"] == "C-002"
        assert till.get("item", "tea")["qty"] == 3
