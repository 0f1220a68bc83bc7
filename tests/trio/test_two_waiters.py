"""Two people on one order: nobody overwrites the other in silence; stock is never below zero."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from mishkah import rivals
from mishkah.core.commands import decode
from mishkah.core.commit import Commit
from mishkah.core.ids import StoreId
from mishkah.feed import Outbox
from mishkah.journal import MemoryJournal, MemoryJournals
from mishkah.requests import Ask
from mishkah.rivals import LONGEST, seen_by
from mishkah.testing import Client, TestHouse, open_test_house, write_installation

KEY = {"type": "text", "primaryKey": True}
TABLES = {
    "order": {
        "fields": {
            "id": KEY,
            "table_no": {"type": "integer"},
            "note": {"type": "text"},
            "updated_at": {"type": "timestamp", "onUpdate": "now"},
        }
    },
    "item": {
        "fields": {
            "id": KEY,
            "stock": {"type": "integer", "min": 0, "max": 100},
            "price": {"type": "decimal", "min": 0},
            "name": {"type": "text"},
        }
    },
}
SHOP = {"branch": "shop", "module": "m"}


@pytest.fixture
async def house(tmp_path: Path, autojump_clock: MockClock) -> AsyncIterator[TestHouse]:
    data = write_installation(tmp_path / "data", TABLES)
    async with open_test_house(data) as house:
        yield house


def write(kind: str, table: str, ref: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "table": table, "ref": ref, **SHOP, **more}


async def changed(waiter: Client, ref: Any, changes: Any, base: int | None = None) -> Any:
    more = {} if base is None else {"base": base}
    return await waiter.ask(write("UPDATE", "order", ref, id="o", changes=changes, **more))


async def test_what_another_changed_since_is_not_overwritten(house: TestHouse) -> None:
    async with house.v1("a") as one, house.v1("b") as two:
        seen = (await one.ask(write("INSERT", "order", 0, data={"id": "o", "table_no": 1})))["seq"]
        mine = await changed(one, 1, {"note": "no onions"}, seen)
        assert mine["type"] == "ACK"
        no = await changed(two, 1, {"note": "extra onions"}, seen)
        assert (no["code"], no["details"][0]["path"]) == ("CONFLICT", "/note")
        assert (no["current"]["note"], no["current"]["table_no"]) == ("no onions", 1)
        merged = await changed(two, 2, {"table_no": 2}, seen)
        assert (merged["rows"][0]["note"], merged["rows"][0]["table_no"]) == ("no onions", 2)
        assert (await changed(one, 2, {"note": "none"}, seen))["type"] == "ACK", "my own change"
        assert (await changed(two, 3, {"note": "last"}))["type"] == "ACK", "without base the last"
        no = await one.ask(write("DELETE", "order", 3, id="o", base=seen))
        assert no["code"] == "CONFLICT"
        fresh = (await changed(one, 4, {"note": "x"}))["seq"]
        assert (await two.ask(write("DELETE", "order", 4, id="o", base=fresh)))["type"] == "ACK"
        assert (await changed(one, 5, {"note": "y"}, fresh))["code"] == "NOT_FOUND"


async def test_a_base_of_another_history_conflicts_with_everything(house: TestHouse) -> None:
    async with house.v1("a") as one:
        seen = (await one.ask(write("INSERT", "order", 0, data={"id": "o"})))["seq"]
        for n, base in enumerate([{"base": seen, "epoch": "other"}, {"base": seen + 9},
                                  {"base": -1}]):  # fmt: skip
            ask = write("UPDATE", "order", f"x{n}", id="o", changes={"note": "x"}, **base)
            assert (await one.ask(ask))["code"] == "CONFLICT"
        ask = write("UPDATE", "order", "y", id="o", changes={"note": "x"}, base=seen,
                    epoch="memory")  # fmt: skip
        assert (await one.ask(ask))["type"] == "ACK"


async def test_a_transaction_has_one_base_and_is_refused_whole(house: TestHouse) -> None:
    async with house.v1("a") as one, house.v1("b") as two:
        for key in "op":
            ack = await one.ask(write("INSERT", "order", key, data={"id": key}))
        seen = ack["seq"]
        await changed(two, 1, {"note": "theirs"})
        ops = [
            {"type": "UPDATE", "table": "order", "id": key, "changes": {"note": "mine"}}
            for key in "po"
        ]
        both = {"type": "TRANSACTION", "ops": ops, "base": seen, "ref": 2, **SHOP}
        no = await one.ask(both)
        assert (no["code"], no["details"][0]["path"]) == ("CONFLICT", "/ops/1/note")
        async with house.client() as screen:
            rows = {row["id"]: row["note"] for row in (await screen.receive())["data"]["order"]}
        assert rows == {"o": "theirs", "p": None}


async def test_writes_that_come_together_are_judged_in_their_order(
    house: TestHouse, tmp_path: Path
) -> None:
    """In one batch too, which shares one transaction: the second sees the first."""
    async with house.v1("a") as one, house.v1("b") as two:
        seen = (await one.ask(write("INSERT", "order", 0, data={"id": "o"})))["seq"]
        answers: list[Any] = []

        async def go(waiter: Client) -> None:
            answers.append(await changed(waiter, 1, {"note": f"{id(waiter)}"}, seen))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(go, one)
            nursery.start_soon(go, two)
        assert sorted(answer["type"] for answer in answers) == ["ACK", "ERROR"]


async def test_stock_is_never_below_zero_however_many_sell(house: TestHouse) -> None:
    sold: list[Any] = []

    async def sell(name: str) -> None:
        async with house.v1(name) as till:
            for n in range(10):
                ask = write("UPDATE", "item", n, id="tea", add={"stock": -1})
                answer, again = await till.ask(ask), await till.ask(ask)
                sold.append({**answer, "again": again.get("dup", False)})

    async with house.v1("a") as owner, house.client() as screen:
        await owner.ask(write("INSERT", "item", 0, data={"id": "tea", "stock": 55, "price": 1.5}))
        async with trio.open_nursery() as nursery:
            for n in range(10):
                nursery.start_soon(sell, f"till{n}")
        done = [answer for answer in sold if answer["type"] == "ACK"]
        assert len(done) == 55
        assert all(answer["again"] for answer in done)
        assert {answer["code"] for answer in sold if answer not in done} == {"INVALID"}
        left = [(await screen.expect("DELTA"))["data"]["changes"]["stock"] for _ in range(56)]
        assert left == list(range(55, -1, -1)), "a delta holds the result"


@pytest.mark.parametrize(
    ("more", "code", "path"),
    [
        ({"add": {"stock": 46}}, "INVALID", "/stock"),
        ({"add": {"stock": 0.5}}, "INVALID", "/stock"),
        ({"add": {"stock": "1"}}, "INVALID", "/add/stock"),
        ({"add": {"stock": True}}, "INVALID", "/add/stock"),
        ({"add": {"stock": None}}, "INVALID", "/add/stock"),
        ({"add": {"stock": 10**25}}, "INVALID", "/add/stock"),
        ({"add": {"name": 1}}, "INVALID", "/add/name"),
        ({"add": {"nothing": 1}}, "INVALID", "/add/nothing"),
        ({"add": {"stock": 1}, "changes": {"stock": 5}}, "INVALID", "/add/stock"),
        ({"add": [1]}, "BAD_MESSAGE", None),
        ({}, "BAD_MESSAGE", "/changes"),
        ({"add": {"stock": 1}, "ref": None}, "BAD_MESSAGE", None),
    ],
)
async def test_what_can_not_be_added_is_refused(
    house: TestHouse, more: dict[str, Any], code: str, path: str | None
) -> None:
    async with house.v1("a") as till:
        await till.ask(write("INSERT", "item", 0, data={"id": "tea", "stock": 55}))
        await till.send(write("UPDATE", "item", 1, id="tea") | more)
        no = await till.receive()
        assert no["code"] == code
        assert path is None or no["details"][0]["path"] == path


async def test_sums_are_exact_and_an_empty_field_is_zero(house: TestHouse) -> None:
    async with house.v1("a") as till, house.client() as nameless:
        await till.ask(write("INSERT", "item", 0, data={"id": "tea"}))
        for n in range(1, 11):
            ack = await till.ask(
                write("UPDATE", "item", n, id="tea", add={"price": 0.1, "stock": 1})
            )
        assert (ack["rows"][0]["price"], ack["rows"][0]["stock"]) == (1, 10)
        mixed = write("UPDATE", "item", "m", id="tea", add={"price": 0.05}, changes={"name": "t"})
        assert (await till.ask(mixed))["rows"][0] | {"stock": 0} == {
            "id": "tea", "stock": 0, "price": 1.05, "name": "t"
        }  # fmt: skip
        await nameless.receive()
        no = await nameless.ask(write("UPDATE", "item", 1, id="tea", add={"stock": 1}))
        assert no["code"] == "BAD_MESSAGE", "done twice, it would count twice"


async def test_conflicts_are_told_after_a_restart_too(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    journals = MemoryJournals()
    data = write_installation(tmp_path / "other", TABLES)
    async with open_test_house(data, journals=journals) as house, house.v1("a") as one:
        seen = (await one.ask(write("INSERT", "order", 0, data={"id": "o"})))["seq"]
        for n in range(1, 20):
            await changed(one, n, {"table_no": n})
    async with open_test_house(data, journals=journals) as house, house.v1("b") as two:
        assert (await changed(two, 1, {"table_no": 0}, seen))["code"] == "CONFLICT"
        assert (await changed(two, 2, {"note": "x"}, seen))["type"] == "ACK"


class Counting(MemoryJournal):
    """A journal that counts the commits that it is asked for."""

    asked_for = 0

    async def commits(self, after: int, upto: int) -> list[Commit]:
        self.asked_for += upto - after
        return await super().commits(after, upto)


async def test_the_log_is_asked_once_for_what_was_written_together(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A change of 300 rows is read once, and a row without end is not followed to its end."""
    journals = MemoryJournals()
    async with (
        open_test_house(write_installation(tmp_path / "data", TABLES), journals=journals) as house,
        house.v1("a") as one,
    ):
        rows = [f"o{n}" for n in range(300)]
        new = [{"type": "INSERT", "table": "order", "data": {"id": row}} for row in rows]
        seen = (await one.ask(write_all(0, new)))["seq"]
        ops = [
            {"type": "UPDATE", "table": "order", "id": row, "changes": {"note": "x"}}
            for row in rows
        ]
        await one.ask(write_all(1, ops))
        for n in range(LONGEST + 100):
            changes = {"table_no": n}
            await one.ask(write("UPDATE", "order", f"n{n}", id="o0", changes=changes))
        kept = journals.kept[StoreId("shop", "m")]
        journal = Counting(kept._schema)
        await journal.append(kept.history)
        state = await journal.load()
        command: Any = decode(msgspec.json.encode(write_all(2, ops[1:], base=seen)).decode())
        ask = Ask(outbox=Outbox(), command=command, size=1, number=1, client="b")
        found = await seen_by(ask, state, journal)
        assert found is not None
        assert journal.asked_for == 1
        assert found.rivals == {("order", row): {"note", "updated_at"} for row in rows[1:]}
        command = decode(msgspec.json.encode(write_all(2, ops[:1], base=seen)).decode())
        found = await seen_by(msgspec.structs.replace(ask, command=command), state, journal)
        assert found is not None
        assert journal.asked_for == 1 + LONGEST
        assert found.rivals == {("order", "o0"): None}


def write_all(ref: int, ops: list[Any], **more: Any) -> dict[str, Any]:
    return {"type": "TRANSACTION", "ops": ops, "ref": ref, **SHOP, **more}


async def test_a_row_that_was_made_again_is_a_newer_one(house: TestHouse) -> None:
    async with house.v1("a") as one, house.v1("b") as two:
        seen = (await one.ask(write("INSERT", "order", 0, data={"id": "o", "note": "x"})))["seq"]
        await two.ask(write("DELETE", "order", 0, id="o"))
        assert (await changed(one, 1, {"note": "y"}, seen))["code"] == "NOT_FOUND"
        await two.ask(write("INSERT", "order", 1, data={"id": "o", "note": "z"}))
        no = await changed(one, 2, {"note": "y"}, seen)
        assert (no["code"], no["current"]["note"]) == ("CONFLICT", "z")
        assert (await one.ask(write("DELETE", "order", 3, id="o", base=seen)))["code"] == "CONFLICT"


async def test_an_add_never_conflicts_and_what_it_made_does(house: TestHouse) -> None:
    async with house.v1("a") as one, house.v1("b") as two:
        row = {"id": "tea", "stock": 5, "name": "tea"}
        seen = (await one.ask(write("INSERT", "item", 0, data=row)))["seq"]
        await two.ask(write("UPDATE", "item", 0, id="tea", add={"stock": -1}))
        added = write("UPDATE", "item", 1, id="tea", add={"stock": -1}, base=seen)
        assert (await one.ask(added))["rows"][0]["stock"] == 3
        mixed = {**added, "ref": 2, "changes": {"name": "green tea"}}
        assert (await one.ask(mixed))["rows"][0]["stock"] == 2
        no = await one.ask(write("UPDATE", "item", 3, id="tea", changes={"stock": 9}, base=seen))
        assert (no["code"], no["details"][0]["path"]) == ("CONFLICT", "/stock")


async def test_who_has_no_name_has_no_own_changes(house: TestHouse) -> None:
    async with house.v1() as nameless:
        seen = (await nameless.ask(write("INSERT", "order", 0, data={"id": "o"})))["seq"]
        await changed(nameless, 1, {"note": "x"}, seen)
        assert (await changed(nameless, 2, {"note": "y"}, seen))["code"] == "CONFLICT"


async def test_what_another_wrote_and_took_back_is_a_conflict_all_the_same(
    house: TestHouse,
) -> None:
    """Between own changes, and under other fields: the whole chain of the row counts."""
    async with house.v1("a") as one, house.v1("b") as two:
        seen = (await one.ask(write("INSERT", "order", 0, data={"id": "o", "note": "x"})))["seq"]
        await changed(one, 1, {"table_no": 1})
        await changed(two, 1, {"note": "y"})
        await changed(two, 2, {"note": "x"})
        await changed(one, 2, {"table_no": 2})
        assert (await changed(one, 3, {"note": "z"}, seen))["code"] == "CONFLICT"
        assert (await changed(one, 4, {"table_no": 3}, seen))["type"] == "ACK"


async def test_what_the_server_fills_in_conflicts_with_nothing(house: TestHouse) -> None:
    """Each change sets `updated_at`, which no user wrote."""
    async with house.v1("a") as one, house.v1("b") as two:
        seen = (await one.ask(write("INSERT", "order", 0, data={"id": "o"})))["seq"]
        first = await changed(two, 1, {"note": "x"}, seen)
        second = await changed(one, 1, {"table_no": 4}, seen)
        assert (second["type"], second["rows"][0]["note"]) == ("ACK", "x")
        assert second["rows"][0]["updated_at"] != first["rows"][0]["updated_at"]


async def test_a_row_with_a_very_long_chain_is_a_newer_one(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rivals, "LONGEST", 5)
    async with house.v1("a") as one, house.v1("b") as two:
        seen = (await one.ask(write("INSERT", "order", 0, data={"id": "o"})))["seq"]
        for n in range(5):
            await changed(two, n, {"table_no": n})
        assert (await changed(one, 1, {"note": "x"}, seen))["type"] == "ACK"
        await changed(two, 9, {"table_no": 9})
        assert (await changed(one, 2, {"note": "y"}, seen))["code"] == "CONFLICT"
