"""The subprotocol `mishkah.v1`: HELLO, subscriptions, and the cursor of those who come back."""

from pathlib import Path
from typing import Any

import pytest
import trio
from support.talking import SHOP, beside, insert, subscribe, until_synced
from trio.testing import MockClock

from mishkah import showing
from mishkah.journal import MemoryJournals
from mishkah.limits import Limits
from mishkah.testing import open_test_house


async def test_hello_comes_first_and_is_welcomed(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house._connected("/", "mishkah.v1") as client:
        await client.send({"type": "PING"})
        assert (await client.receive())["code"] == "BAD_MESSAGE"
        await client.send({"type": "HELLO", "v": 2, "ref": 5})
        no = await client.receive()
        assert (no["code"], no["ref"]) == ("UNSUPPORTED_VERSION", 5)
        await client.send({"type": "HELLO", "v": 1, "client": "", "lang": "ar"})
        assert (await client.receive())["code"] == "BAD_MESSAGE"
        await client.send({"type": "HELLO", "v": 1, "client": "till", "lang": "ar-EG"})
        welcome = await client.receive()
        assert (welcome["type"], welcome["v"], welcome["server"]) == ("WELCOME", 1, "mishkah")
        assert welcome["limits"]["message"] == 2**20
        assert welcome["now"].startswith("2025-10-29T12:00:"), "the house's own clock"
        await client.send({"type": "HELLO", "v": 1})
        assert (await client.receive())["type"] == "WELCOME", (
            "another token may be shown at any time"
        )
        await client.send({"type": "HELLO", "v": 1, "client": "another"})
        no = await client.receive()
        assert (no["code"], no["error"]) == ("BAD_MESSAGE", no["text"]["ar"])
        await client.send({"type": "PING", "now": 1})
        pong = await client.receive()
        assert (pong["type"], pong["now"][:16]) == ("PONG", "2025-10-29T12:00")


async def test_who_says_no_hello_is_closed(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house._connected("/", "mishkah.v1") as client:
        before = trio.current_time()
        assert await client.close_code() == 1008
        assert 10 <= trio.current_time() - before < 11


async def test_a_subscription_is_answered_snapshot_and_synced(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.v1("a") as till, house.v1() as screen:
        told = await subscribe(screen, ref="s")
        assert told["type"] == "SUBSCRIBED"
        assert (told["ref"], told["view"], told["resumed"]) == ("s", "*", False)
        snapshot, synced = await until_synced(screen)
        assert (snapshot["part"], snapshot["last"], "view" in snapshot) == (0, True, False)
        assert snapshot["data"] == {"item": [], "note": [{"id": "n1", "text": "hello"}]}
        assert synced["seq"] == snapshot["seq"] == told["seq"] == 1
        await till.send(insert("a", "1"))
        assert (await till.receive())["rows"][0]["code"] == "C-001"
        delta = await screen.receive()
        assert (delta["seq"], delta["prev"], delta["by"]) == (2, 1, {"client": "a", "ref": "1"})


async def test_one_socket_holds_many_stores_and_views(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.v1("a") as client:
        views = []
        for where in ({"tables": ["item"]}, {"tables": ["note"]}, {"branch": "shop:2"}):
            views.append((await subscribe(client, **where))["view"])
            await until_synced(client)
        assert len(set(views)) == 3
        await client.send({"type": "INSERT", "table": "note", "data": {"id": "x"}, "ref": 1})
        assert (await client.receive())["code"] == "BAD_MESSAGE", "which store?"
        assert (await client.ask({**insert("a", 2), "branch": "shop:2"}))["seq"] == 2
        await client.send(insert("b", 3))
        delta, ack = await client.receive(), await client.receive()
        assert (delta["view"], delta["branch"], ack["ref"]) == (views[0], "shop", 3)
        await client.send({"type": "UNSUBSCRIBE", **SHOP, "view": views[0]})
        await client.send(insert("c", 4))
        assert (await client.receive())["ref"] == 4


async def test_a_socket_has_so_many_subscriptions(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house.v1("a") as client:
        for n in range(64):
            told = await subscribe(client, tables=["item"], where=["qty", "=", n])
            assert told["type"] == "SUBSCRIBED"
            await until_synced(client)
        no = await subscribe(client)
        assert no["code"] == "TOO_LARGE"


async def test_the_same_view_again_takes_the_place_of_the_first(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.v1("a") as client:
        for _ in range(100):
            await subscribe(client)
            await until_synced(client)
        await client.send(insert("a", 1))
        assert [(await client.receive())["type"] for _ in range(2)] == ["DELTA", "ACK"]


async def test_a_cursor_is_taken_up_where_it_was(autojump_clock: MockClock, data: Path) -> None:
    journals = MemoryJournals()
    async with open_test_house(data, journals=journals) as house, house.v1("a") as till:
        told = await subscribe(till)
        await until_synced(till)
        for n in range(50):
            await till.ask(insert(f"i{n}", n))
        await till.ask({"type": "NEXT", "table": "item", "field": "code", "ref": "n", **SHOP})
    async with open_test_house(data, journals=journals) as house, house.v1("b") as screen:
        again = await subscribe(screen, since=told["seq"], epoch=told["epoch"])
        assert (again["resumed"], again["seq"]) == (True, 52)
        *deltas, synced = await until_synced(screen)
        assert [delta["seq"] for delta in deltas] == list(range(2, 52))
        assert [delta["prev"] for delta in deltas] == list(range(1, 51))
        assert synced["seq"] == 52
        assert (await subscribe(screen, since=52, epoch=told["epoch"]))["resumed"] is True
        assert [message["type"] for message in await until_synced(screen)] == ["SYNCED"]


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [({"since": 1, "epoch": "other"}, "epoch"), ({"since": 1}, "epoch"),
     ({"since": 99, "epoch": "memory"}, "epoch"), ({"since": -1, "epoch": "memory"}, "epoch")],
)  # fmt: skip
async def test_a_cursor_of_another_history_is_told_to_begin_again(
    autojump_clock: MockClock, data: Path, cursor: dict[str, Any], reason: str
) -> None:
    async with open_test_house(data) as house, house.v1("a") as screen:
        assert (await subscribe(screen, **cursor))["resumed"] is False
        resync, snapshot, synced = await until_synced(screen)
        assert (resync["type"], resync["reason"]) == ("RESYNC", reason)
        assert (snapshot["type"], synced["seq"]) == ("SNAPSHOT", 1)


async def test_a_seed_socket_takes_its_cursor_and_tables_from_the_url(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client(client="till") as till:
        first = await till.receive()
        for n in range(3):
            await till.ask(insert(f"i{n}", n))
        async with house.client(since="2", epoch=first["epoch"]) as back:
            assert [(await back.receive())["seq"] for _ in range(2)] == [3, 4]
        for url in ({"since": "2", "epoch": "x"}, {"since": "99", "epoch": first["epoch"]},
                    {"since": "2x", "epoch": first["epoch"]}):  # fmt: skip
            async with house.client(**url) as back:
                assert (await back.receive())["type"] == "SNAPSHOT"
        async with house.client(tables="note") as notes:
            assert list((await notes.receive())["data"]) == ["note"]
            await till.ask(insert("more", "x"))
            await till.ask({"type": "DELETE", "table": "note", "id": "n1", "ref": "y"})
            assert (await notes.receive())["data"]["table"] == "note"
        async with house.client(tables="nothing") as lost:
            assert (await lost.receive())["code"] == "UNKNOWN_TABLE"
            assert await lost.close_code() == 1008


async def test_numbers_are_taken_without_a_row_and_once(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.v1("a") as till:
        ask = {"type": "NEXT", "table": "item", "field": "code", "count": 3, "ref": "n", **SHOP}
        first, again = await till.ask(ask), await till.ask(ask)
        assert first["numbers"] == ["C-001", "C-002", "C-003"]
        assert (again["numbers"], again["dup"]) == (first["numbers"], True)
        assert (await till.ask({**ask, "count": 1}))["code"] == "REF_REUSED"
        assert (await till.ask(insert("a", 1)))["rows"][0]["code"] == "C-004"
        assert (await till.ask(insert("b", 2, code="C-002")))["rows"][0]["code"] == "C-002"
        for wrong, code in (
            ({"field": "name"}, "INVALID"),
            ({"table": "x"}, "UNKNOWN_TABLE"),
            ({"count": 0}, "BAD_MESSAGE"),
            ({"count": 1001}, "BAD_MESSAGE"),
        ):
            assert (await till.ask({**ask, "ref": str(wrong), **wrong}))["code"] == code


async def test_a_call_has_no_action_yet(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house.v1("a") as till:
        no = await till.ask({"type": "CALL", "action": "m.go", "ref": 1, **SHOP})
        assert no["code"] == "UNKNOWN_ACTION"


async def test_a_stopping_server_says_when_to_come_back(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.v1("a") as till:
        await subscribe(till)
        await until_synced(till)
        await till.send(insert("a", 1))
        house.house.stop()
        assert [(await till.receive())["type"] for _ in range(3)] == ["DELTA", "ACK", "GOAWAY"]
        assert await till.close_code() == 1001


async def test_a_slow_client_is_resynced_from_the_log(
    autojump_clock: MockClock, data: Path, late: Any
) -> None:
    """It gets exactly what it missed, and answers are not lost."""
    hello = [
        {"type": "HELLO", "v": 1, "client": "l"},
        {"type": "SUBSCRIBE", **SHOP},
        insert("l", 0),
    ]
    client = late(hello, capacity=3000)
    async with beside(client, data, Limits(outbox=20_000)) as (_, till):
        for n in range(500):
            await till.ask(insert(f"i{n}", n, name="x" * 100))
        client.reads.set()
        await trio.sleep(1)
        await till.ask(insert("end", "end"))
        await trio.sleep(1)
        messages = client.messages()
    kinds = [message["type"] for message in messages]
    assert kinds[:2] == ["WELCOME", "SUBSCRIBED"]
    assert kinds.count("ACK") == kinds.count("RESYNC") == 1
    assert kinds.count("SYNCED") == 2
    assert next(m["reason"] for m in messages if m["type"] == "RESYNC") == "slow"
    seqs = [message["seq"] for message in messages if message["type"] == "DELTA"]
    first = next(m["seq"] for m in messages if m["type"] == "SNAPSHOT")
    assert sorted(set(seqs)) == list(range(first + 1, 504)), "nothing is missed"
    assert seqs == sorted(seqs)


async def test_what_a_view_does_not_show_is_no_gap_on_resume(
    autojump_clock: MockClock, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is read in steps; one that ends with what others see must not look like a hole."""
    monkeypatch.setattr(showing, "STEP", 3)
    view = {"tables": ["item"], "where": ["qty", ">", 5]}
    async with open_test_house(data) as house, house.v1("a") as till:
        async with house.v1("b") as screen:
            told = await subscribe(screen, **view)
        for n in range(20):
            await till.ask(insert(f"i{n}", n, qty=9 if n in (0, 8, 19) else 0))
        async with house.v1("b") as screen:
            await subscribe(screen, since=told["seq"], epoch=told["epoch"], **view)
            *deltas, _ = await until_synced(screen)
        assert [delta["data"]["id"] for delta in deltas] == ["i0", "i8", "i19"]
        assert [delta["prev"] for delta in deltas] == [
            told["seq"],
            *(d["seq"] for d in deltas[:-1]),
        ]


async def test_a_query_has_one_answer(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house.v1("a") as till, house.client() as seed:
        for n in range(5):
            await till.ask(insert(f"i{n}", n, qty=n))
        ask = {"type": "QUERY", "table": "item", "order": [["qty", "desc"]], "limit": 2, **SHOP}
        page = await till.ask({**ask, "ref": "q", "fields": ["id"]})
        assert (page["type"], page["seq"]) == ("RESULT", 6)
        assert page["rows"] == [{"id": "i4"}, {"id": "i3"}]
        more = await till.ask({**ask, "ref": "r", "after": page["next"], "where": ["qty", ">", 1]})
        assert [row["id"] for row in more["rows"]] == ["i2"]
        assert "next" not in more
        no = await till.ask({**ask, "ref": "s", "limit": 0})
        assert (no["code"], no["details"][0]["path"]) == ("INVALID", "/limit")
        await seed.send({**ask, "limit": 1})
        assert (await seed.expect("RESULT"))["rows"][0]["id"] == "i4"


async def test_a_query_sees_what_was_written_before_it(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.v1("a") as till:
        for n in range(20):
            await till.send(insert(f"i{n}"))
            count = {"aggregate": {"values": {"n": ["count"]}}, "ref": n}
            await till.send({"type": "QUERY", "table": "item", **SHOP, **count})
        assert [(await till.receive())["rows"] for _ in range(20)] == [
            [{"n": n}] for n in range(1, 21)
        ]
