"""Messages and their fields, where no rule of the protocol has its own page of tests."""

from pathlib import Path
from typing import Any

import trio
from support.talking import SHOP, beside, insert, subscribe, until_synced
from trio.testing import MockClock

from mishkah.limits import Limits
from mishkah.testing import open_test_house

NOTES = {"tables": ["note"]}


async def test_after_unsubscribe_nothing_more_comes_of_the_view(
    autojump_clock: MockClock, data: Path, late: Any
) -> None:
    """Nor of what was waiting for the client; another view of the store goes on."""
    said = [{"type": "HELLO", "v": 1, "client": "l"}, {"type": "SUBSCRIBE", **SHOP, **NOTES},
            {"type": "SUBSCRIBE", **SHOP}, {"type": "UNSUBSCRIBE", **SHOP}]  # fmt: skip
    client = late(said[:3], capacity=1500)
    async with beside(client, data) as (_, till):
        await trio.sleep(1)
        for n in range(50):
            await till.ask(insert(f"i{n}", n, name="x" * 200))
        client.says(said[3])
        await trio.sleep(1)
        client.reads.set()
        await trio.sleep(1)
        await till.ask(insert("late", "late"))
        await till.ask({**insert("n2", "n2"), "table": "note", "data": {"id": "n2"}})
        await trio.sleep(1)
        messages = client.messages()
    deltas = [m["data"]["id"] for m in messages if m["type"] == "DELTA"]
    assert deltas[-1] == "n2"
    assert "late" not in deltas
    assert len(deltas) < 20, "what waited was dropped"


async def test_who_subscribes_again_takes_over_from_its_cursor(
    autojump_clock: MockClock, data: Path
) -> None:
    """No DELTA of the first subscription comes behind the answer to the second."""
    async with open_test_house(data) as house, house.v1("a") as till, house.v1("b") as screen:
        first = await subscribe(screen)
        await until_synced(screen)
        for n in range(20):
            await till.ask(insert(f"i{n}", n))
        cursor = {"since": first["seq"] + 5, "epoch": first["epoch"]}
        await screen.send({"type": "SUBSCRIBE", **SHOP, **cursor, "ref": "again"})
        while (message := await screen.receive())["type"] != "SUBSCRIBED":
            assert message["type"] == "DELTA"
        assert (message["resumed"], message["ref"]) == (True, "again")
        *deltas, synced = await until_synced(screen)
        assert [delta["seq"] for delta in deltas] == list(
            range(first["seq"] + 6, synced["seq"] + 1)
        )
        await till.ask(insert("more", "more"))
        assert (await screen.receive())["prev"] == synced["seq"]


async def test_a_socket_that_is_full_may_take_a_view_again(
    autojump_clock: MockClock, data: Path
) -> None:
    async with (
        open_test_house(data, limits=Limits(subscriptions=2)) as house,
        house.v1("a") as till,
    ):
        for asked in ({}, NOTES, {}, NOTES):
            assert (await subscribe(till, **asked))["type"] == "SUBSCRIBED"
            await until_synced(till)
        assert (await subscribe(till, tables=["item"]))["code"] == "TOO_LARGE"
        await till.send({"type": "UNSUBSCRIBE", **SHOP})
        assert (await subscribe(till, tables=["item"]))["type"] == "SUBSCRIBED"


async def test_to_leave_a_store_opens_none(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house.v1("a") as till:
        for where in ({}, SHOP, {"branch": "shop:9", "module": "m"}, {"branch": "nowhere"}):
            await till.send({"type": "UNSUBSCRIBE", **where})
        await till.send({"type": "PING"})
        assert (await till.receive())["type"] == "PONG"
        assert house.house.keepers == {}


async def test_a_delta_says_by_whom_as_far_as_that_is_known(
    autojump_clock: MockClock, data: Path
) -> None:
    async with (
        open_test_house(data) as house,
        house.v1("a") as named,
        house.v1() as nameless,
        house.client() as seed,
    ):
        first = (await seed.receive())["seq"]
        for socket, message in (
            (named, insert("1", 7)),
            (named, insert("2")),
            (nameless, insert("3", 7)),
            (nameless, insert("4")),
        ):
            await socket.send(message)
            delta = await seed.receive()
            assert delta["seq"] == (first := first + 1)
            by = {"client": "a"} if socket is named else {}
            if "ref" in message:
                by["ref"] = 7
            assert delta.get("by", {}) == by


async def test_an_ack_has_rows_or_numbers(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house.v1("a") as till:
        row = await till.ask(insert("a", 1, price=1.50))
        assert row == {"type": "ACK", "ref": 1, "seq": 2, "rows": [
            {"id": "a", "name": None, "code": "C-001", "email": None, "qty": 1, "price": 1.5,
             "info": None}]}  # fmt: skip
        take = {"type": "NEXT", "table": "item", "field": "code", "ref": 2, **SHOP}
        assert await till.ask(take) == {"type": "ACK", "ref": 2, "seq": 3, "numbers": ["C-002"]}
        gone = {"type": "DELETE", "table": "item", "id": "a", "ref": 3, **SHOP}
        assert await till.ask(gone) == {"type": "ACK", "ref": 3, "seq": 4, "rows": [None]}


async def test_a_seed_socket_gets_no_message_that_the_guide_does_not_show(
    autojump_clock: MockClock, data: Path, late: Any
) -> None:
    """Slow, refused, and sent away by a stopping server."""
    client = late([{**insert("bad"), "data": {"id": ""}}], capacity=3000, v1=False)
    async with beside(client, data, Limits(outbox=5000)) as (house, till):
        for n in range(100):
            await till.ask(insert(f"i{n}", n, name="x" * 100))
        client.reads.set()
        await trio.sleep(1)
        await till.ask(insert("end", "end"))
        await trio.sleep(1)
        messages = client.messages()
        client.taken = b"\r\n\r\n"
        house.house.stop()
        await trio.sleep(1)
        goodbye = client.taken
    assert {message["type"] for message in messages} == {"SNAPSHOT", "DELTA", "ERROR"}
    assert [m["type"] for m in messages].count("SNAPSHOT") == 1
    assert messages[-1]["data"]["id"] == "end"
    assert goodbye[4:6] == b"\x88\x18", "nothing but a close frame"


async def test_a_ping_is_answered_with_the_servers_time(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.v1() as till, house.client() as seed:
        await seed.receive()
        for socket in (till, seed):
            await socket.send({"type": "PING", "now": "1999-01-01T00:00:00Z"})
            pong = await socket.receive()
            assert set(pong) == {"type", "now"}
            assert pong["now"] > "2025"
