"""Whole houses on virtual time: what the clients of one branch see of each other."""

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from mishkah.testing import Client, FaultyJournals, open_test_house


def insert(identifier: str, ref: str | None = None, **more: Any) -> dict[str, Any]:
    message = {"type": "INSERT", "table": "item", "data": {"id": identifier, **more}}
    return message if ref is None else {**message, "ref": ref}


async def test_a_write_is_seen_by_everyone_and_acknowledged_to_its_sender(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client() as till, house.client() as screen:
        assert (await till.receive())["type"] == "SNAPSHOT"
        assert (await screen.receive())["data"]["note"] == [{"id": "n1", "text": "hello"}]
        ack = await till.ask({**insert("a"), "ref": "1"})
        assert ack["type"] == "ACK"
        assert ack["rows"][0]["code"] == "C-001"
        delta = await screen.receive()
        assert delta["data"]["changes"] == ack["rows"][0]
        assert delta["seq"] == ack["seq"]


async def test_a_snapshot_lists_every_table_and_every_field(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client() as till:
        snapshot = await till.receive()
        assert snapshot["data"] == {"item": [], "note": [{"id": "n1", "text": "hello"}]}
        assert (snapshot["branch"], snapshot["module"], snapshot["seq"]) == ("shop", "m", 1)
        assert snapshot["epoch"]


async def test_the_sender_sees_its_delta_before_its_ack(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client() as till:
        await till.receive()
        await till.send({**insert("a"), "ref": 7})
        assert (await till.receive())["type"] == "DELTA"
        assert (await till.receive())["ref"] == 7


async def test_without_a_ref_there_is_no_ack(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house.client() as till:
        await till.receive()
        for name in "abc":
            await till.send(insert(name))
        assert [(await till.receive())["type"] for _ in range(3)] == ["DELTA"] * 3


async def test_nothing_is_said_before_the_journal_has_it(
    autojump_clock: MockClock, data: Path
) -> None:
    journals = FaultyJournals()
    async with open_test_house(data, journals=journals) as house, house.client() as till:
        await till.receive()
        journals.seconds = 10
        before = trio.current_time()
        await till.ask({**insert("a"), "ref": "1"})
        assert trio.current_time() - before >= 10
        await till.send(insert("b"))
        await trio.sleep(1)
        before = trio.current_time()
        await till.send(insert("b", ref="shown by a neighbour"))
        await till.send(insert("c"))
        assert (await till.expect("ERROR"))["code"] == "DUPLICATE"
        assert trio.current_time() - before >= 9 + 10  # its own batch is behind the first


async def test_the_deltas_of_a_transaction_arrive_together(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client() as till, house.client() as screen:
        await till.receive()
        await screen.receive()
        ops = [insert("a"), insert("b"), {"type": "DELETE", "table": "note", "id": "n1"}]
        ack = await till.ask({"type": "TRANSACTION", "ops": ops, "ref": "t"})
        assert [row and row["id"] for row in ack["rows"]] == ["a", "b", None]
        deltas = [await screen.receive() for _ in ops]
        assert {delta["seq"] for delta in deltas} == {ack["seq"]}
        assert [delta["tx"] for delta in deltas] == [{"i": i, "n": 3} for i in range(3)]
        assert [delta["data"]["operation"] for delta in deltas] == ["INSERT", "INSERT", "DELETE"]


async def test_a_refused_op_undoes_its_whole_transaction(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client() as till:
        await till.receive()
        ops = [insert("a"), insert("b", qty="many")]
        error = await till.ask({"type": "TRANSACTION", "ops": ops, "ref": "t"})
        assert error["code"] == "INVALID"
        assert [detail["path"] for detail in error["details"]] == ["/ops/1/qty"]
        ack = await till.ask({**insert("c"), "ref": "c"})
        assert ack["rows"][0]["code"] == "C-001"  # no number was used


async def test_an_update_that_changes_nothing_is_a_commit_without_a_delta(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client() as till:
        seq = (await till.receive())["seq"]
        same = {"type": "UPDATE", "table": "note", "id": "n1", "changes": {"text": "hello"}}
        await till.send({**same, "ref": "1"})
        ack = await till.receive()
        assert (ack["type"], ack["seq"], ack["rows"]) == ("ACK", seq + 1, [])
        await till.send(insert("a"))
        delta = await till.receive()
        assert (delta["prev"], delta["seq"]) == (seq, seq + 2)


async def test_an_update_tells_only_what_changed(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house.client() as till:
        await till.receive()
        changes = {"name": "tea", "price": 12.50, "qty": 1}
        await till.send(insert("a"))
        await till.receive()
        await till.send({"type": "UPDATE", "table": "item", "id": "a", "changes": changes})
        delta = await till.receive()
        assert delta["data"]["changes"] == {"name": "tea", "price": 12.5}
        assert delta["data"]["operation"] == "UPDATE"


async def _replica(client: Client, until: int) -> dict[str, Any]:
    """Follow the protocol until *until*; fail on a gap or a repeat. Return the items."""
    snapshot = await client.expect("SNAPSHOT")
    rows = {row["id"]: row for row in snapshot["data"]["item"]}
    seq = snapshot["seq"]
    while seq < until:
        delta = await client.expect("DELTA")
        assert delta["prev"] <= seq < delta["seq"]
        seq = delta["seq"]
        change = delta["data"]
        if change["operation"] == "DELETE":
            del rows[change["id"]]
        else:
            rows[change["id"]] = {**rows.get(change["id"], {}), **change["changes"]}
    return rows


async def test_whoever_joins_in_the_middle_misses_nothing_and_sees_nothing_twice(
    autojump_clock: MockClock,
    data: Path,
) -> None:
    found: list[dict[str, Any]] = []
    async with open_test_house(data) as house:

        async def write(start: int) -> None:
            async with house.client() as till:
                for n in range(start, start + 30):
                    await till.send(insert(f"i{n}", qty=n))
                    if n % 3 == 0:
                        await till.send({"type": "DELETE", "table": "item", "id": f"i{n}"})
                    await trio.sleep(0.1)
                await trio.sleep(1)

        async def watch(delay: float) -> None:
            await trio.sleep(delay)
            async with house.client() as screen:
                found.append(await _replica(screen, until=1 + 120))

        async with trio.open_nursery() as nursery:
            for n in range(3):
                nursery.start_soon(write, n * 30)
            for n in range(10):
                nursery.start_soon(watch, n * 0.31)
    assert len(found) == 10
    assert all(rows == found[0] for rows in found)
    assert len(found[0]) == 60
    assert sorted(row["code"] for row in found[0].values())[0] >= "C-001"


async def test_two_stores_know_nothing_of_each_other(autojump_clock: MockClock, data: Path) -> None:
    async with (
        open_test_house(data) as house,
        house.client(branch="shop") as one,
        house.client(branch="shop:2") as other,
    ):
        await one.receive()
        assert (await other.receive())["branch"] == "shop:2"
        await one.ask({**insert("a"), "ref": "1"})
        ack = await other.ask({**insert("b"), "ref": "1"})
        assert ack["rows"][0]["code"] == "C-001"
        async with house.client(branch="shop:2") as late:
            assert [row["id"] for row in (await late.receive())["data"]["item"]] == ["b"]


@pytest.mark.parametrize(
    "query",
    [
        {"branch": "nowhere"},
        {"branch": ""},
        {"module": ""},
        {"branch": "shop", "module": "other"},
        {"branch": "../shop"},
        {"branch": "shop:../../x"},
        {"branch": "SHOP"},
        {"branch": "shop:" + "x" * 80},
    ],
)
async def test_an_unknown_store_is_refused_and_closed(
    autojump_clock: MockClock, data: Path, query: dict[str, str]
) -> None:
    async with open_test_house(data) as house, house.client(**query) as client:
        error = await client.receive()
        assert (error["error"], error["code"]) == ("Module not found", "UNKNOWN_MODULE")
        assert await client.close_code() == 4404


async def test_patterns_open_branches_up_to_the_limit(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house:
        for n in range(3):
            async with house.client(branch=f"shop:{n}") as client:
                assert (await client.receive())["type"] == "SNAPSHOT"
        async with house.client(branch="shop:3") as client:
            assert (await client.receive())["code"] == "UNKNOWN_MODULE"
        async with house.client(branch="shop:1") as client:
            assert (await client.receive())["type"] == "SNAPSHOT"


async def test_a_socket_writes_to_its_own_store_only(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house.client() as till:
        await till.receive()
        error = await till.ask({**insert("a"), "branch": "shop:2", "ref": "1"})
        assert error["code"] == "FORBIDDEN"
        error = await till.ask({**insert("a"), "module": "other", "ref": "2"})
        assert error["code"] == "FORBIDDEN"
        own = {**insert("a"), "branch": "shop", "module": "m", "ref": "3"}
        assert (await till.ask(own))["type"] == "ACK"
