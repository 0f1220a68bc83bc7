"""A client of a house with a gate: who it is, and what it sees while that changes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked
from trio_websocket import wrap_server_stream

from mishkah.client import Database, Refusal, Undone, Write, connect
from mishkah.testing import ALL, FakeGate, FaultyJournals, TestHouse, open_test_house

SEES_STOCK = {"do": ["read"], "tables": ["item"], "fields": ["qty"], "where": ["qty", ">", 2]}
SELLS = {"do": ["update", "insert"], "tables": ["item"], "fields": ["qty"]}


@pytest.fixture
def gate() -> FakeGate:
    gate = FakeGate()
    gate.role("clerk", ALL)
    gate.role("seller", SEES_STOCK, SELLS)
    gate.let_in("good", "clerk", user="amal")
    return gate


@pytest.fixture
async def house(data: Path, gate: FakeGate) -> AsyncIterator[TestHouse]:
    async with open_test_house(data, gate=gate) as house:
        yield house


async def test_a_token_lets_in_and_says_who_it_is(open_db: Any, autojump_clock: object) -> None:
    async with open_db("a", token="good") as till:
        assert (till.user, till.get("item", "tea")["qty"]) == ("amal", 5)


@pytest.mark.parametrize("token", [None, "bad"])
async def test_without_the_right_token_the_client_is_refused_at_once(
    open_db: Any, wire: Any, autojump_clock: object, token: str | None
) -> None:
    with pytest.raises(Refusal) as no:
        async with open_db("a", token=token, patience=100, lang="ar"):
            raise AssertionError("it opened")
    assert (no.value.code, no.value.error) == ("AUTH_REQUIRED", no.value.text["ar"])
    assert len(wire.dials) == 1


async def test_a_function_is_asked_once_more(
    open_db: Any, wire: Any, autojump_clock: object
) -> None:
    tokens = iter(["old", "good"])
    async with open_db("a", token=lambda: next(tokens)) as till:
        assert till.user == "amal"
        assert 0.1 <= wire.dials[1] - wire.dials[0] <= 0.25
    with pytest.raises(Refusal, match="AUTH_REQUIRED"):
        async with open_db("b", token=lambda: "bad"):
            raise AssertionError("it opened")
    assert len(wire.dials) == 4


async def test_a_token_that_runs_out_is_followed_by_the_next_and_no_write_is_lost(
    open_db: Any, gate: FakeGate, autojump_clock: object
) -> None:
    gate.let_in("short", "clerk", user="amal", seconds=60)
    tokens = iter(["short", "good"])
    async with open_db("a", token=lambda: next(tokens)) as till:
        gate.pass_time(60)
        write = till.update("item", "tea", add={"qty": 1})
        assert (await write)["qty"] == 6
        await wait_all_tasks_blocked()
        assert (till.status, till.user) == ("live", "amal")


async def test_a_client_that_is_turned_out_says_so_to_whoever_waits(
    open_db: Any, gate: FakeGate, autojump_clock: object
) -> None:
    async def be_turned_out(till: Database) -> Write:
        with till.subscribe("item") as changes:
            gate.turn_out("good")
            write = till.insert("item", {"id": "cup"})
            assert (await anext(changes)).id == "cup"
            with pytest.raises(Refusal, match="AUTH_EXPIRED"):
                await anext(changes)
        with pytest.raises(Refusal, match="AUTH_EXPIRED"):
            await till.sign_in("good")
        assert till.status == "refused"
        return write

    with pytest.raises(Undone) as undone:
        async with open_db("a", token="good") as till:
            write = await be_turned_out(till)
    assert undone.value.writes == [write]


async def test_another_token_is_taken_without_a_cut(
    open_db: Any, wire: Any, gate: FakeGate, autojump_clock: object
) -> None:
    gate.let_in("next", "clerk", user="mona")
    async with open_db("a", token="good") as till:
        cursor = till.cursor
        await till.sign_in("next")
        assert (till.user, till.status, till.cursor) == ("mona", "live", cursor)
        gate.turn_out("good")
        await till.update("item", "tea", {"qty": 6})
        assert len(wire.dials) == 1
        with pytest.raises(Refusal, match="AUTH_REQUIRED"):
            await till.sign_in("bad")


async def test_a_role_that_changes_changes_what_is_seen_and_what_is_told(
    open_db: Any, wire: Any, gate: FakeGate, autojump_clock: object
) -> None:
    async with open_db("a", token="good") as till:
        await till.insert("item", {"id": "cup", "qty": 1, "name": "cup"})
        with till.subscribe() as changes:
            gate.let_in("good", "seller", user="amal")
            three = [await anext(changes) for _ in range(3)]
        told = {one.id: (one.operation, one.new) for one in three}
        assert told == {
            "tea": ("UPDATE", {"id": "tea", "qty": 5}),
            "cup": ("DELETE", None),
            "A": ("DELETE", None),
        }
        assert till.list("item") == [{"id": "tea", "qty": 5}]
        with pytest.raises(LookupError):
            till.list("shelf")
        assert await till.update("item", "tea", {"qty": 4}) == {"id": "tea", "qty": 4}
        assert await till.insert("item", {"id": "pin", "qty": 1}) is None, "not to be read"
        assert [row["id"] for row in till.list("item")] == ["tea"]
        with pytest.raises(Refusal, match="FORBIDDEN"):
            await till.delete("item", "tea")


async def test_a_write_that_is_done_as_rights_change_is_shown_all_the_time(
    data: Path, gate: FakeGate, autojump_clock: object
) -> None:
    journals = FaultyJournals()
    async with (
        open_test_house(data, journals=journals, gate=gate) as house,
        connect("ws://localhost", "shop", "m", token="good", client="a", dial=house.dial) as till,
    ):
        journals.seconds = 10
        with till.subscribe("item") as changes:
            till.insert("item", {"id": "cup"})  # the disk is busy with it
            await trio.sleep(5)
            write = till.update("item", "tea", {"qty": 9})
            assert [(await anext(changes)).id for _ in range(2)] == ["cup", "tea"]
            await wait_all_tasks_blocked()
            gate.role("clerk", {**ALL, "fields": ["qty"]})
            seen = []
            while (change := await anext(changes)).new != {"id": "tea", "qty": 9}:
                seen.append(change)
            assert [one for one in seen if one.id == "tea"] == []
            assert write.done


@pytest.mark.parametrize(
    ("rule", "code"),
    [({"do": ["read"], "tables": ["item"], "except": ["name"]}, "INVALID"),
     ({"do": ["read"], "tables": ["shelf"]}, "UNKNOWN_TABLE"),
     ({"do": ["insert"], "tables": ["shelf"]}, "UNKNOWN_TABLE")],
)  # fmt: skip
async def test_a_view_that_can_not_be_shown_any_more_is_refused(
    open_db: Any, gate: FakeGate, autojump_clock: object, rule: Any, code: str
) -> None:
    where = ["name", "null", True]
    async with open_db("a", token="good", tables=["item"], where=where) as till:
        with till.subscribe() as changes:
            gate.role("clerk", rule)
            with pytest.raises(Refusal) as no:
                await anext(changes)
    assert no.value.code == code


async def test_rights_that_change_while_the_client_is_away_are_those_of_its_return(
    open_db: Any, wire: Any, gate: FakeGate, autojump_clock: object
) -> None:
    async with open_db("a", token="good") as till:
        wire.broken = True
        await wire.cut()
        write = till.update("item", "tea", {"qty": 7})
        gate.role("clerk", {"do": ["read", "update"], "tables": ["item"], "fields": ["qty"]})
        await trio.sleep(10)
        assert till.list("shelf") != [], "not known yet"
        wire.broken = False
        assert await write == {"id": "tea", "qty": 7}
        await wait_all_tasks_blocked()
        assert till.list("item") == [{"id": "tea", "qty": 7}]
        with pytest.raises(LookupError):
            till.list("shelf")


class Answering:
    """Dials to a server that does *how* with each stream."""

    def __init__(self, how: Callable[[Any], Awaitable[None]], nursery: trio.Nursery) -> None:
        self.dials = 0
        self._how = how
        self._nursery = nursery

    async def dial(self) -> Any:
        self.dials += 1
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self._how, theirs)
        return ours


async def turn_away(stream: Any, status: str) -> None:
    await stream.receive_some()
    await stream.send_all(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())


async def close_at_once(stream: Any) -> None:
    """Open a WebSocket, and close it with 4401 and no ERROR before."""
    async with trio.open_nursery() as nursery:
        request = await wrap_server_stream(nursery, stream)
        socket = await request.accept(subprotocol="mishkah.v1")
        await socket.aclose(4401, "AUTH_EXPIRED")


@pytest.mark.parametrize(
    ("how", "code"),
    [(partial(turn_away, status="401 Unauthorized"), "AUTH_REQUIRED"),
     (partial(turn_away, status="403 Forbidden"), "FORBIDDEN"), (close_at_once, "AUTH_EXPIRED")],
)  # fmt: skip
@pytest.mark.parametrize(("token", "dials"), [("text", 1), (lambda: "asked for", 2)])
async def test_a_status_or_a_close_code_is_a_no_too(
    autojump_clock: object, how: Any, code: str, token: Any, dials: int
) -> None:
    async with trio.open_nursery() as nursery:
        server = Answering(how, nursery)
        with pytest.raises(Refusal) as no:
            async with connect("ws://localhost", "shop", token=token, dial=server.dial, patience=9):
                raise AssertionError("it opened")
    assert (no.value.code, server.dials) == (code, dials)


@pytest.mark.parametrize("url", ["ws://me:s3cret@localhost", "ws://localhost/?token=s3cret",
                                 "ws://localhost/?token=", "http://s3cret@localhost"])  # fmt: skip
def test_a_url_with_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="URLs end up in logs") as no:
        connect(url, "shop")
    assert "s3cret" not in str(no.value)


async def test_a_store_where_one_has_no_role_any_more_is_refused(
    open_db: Any, gate: FakeGate, autojump_clock: object
) -> None:
    async with open_db("a", token="good") as till:
        with till.subscribe() as changes:
            gate.let_in("good", "clerk", branches=["elsewhere"])
            with pytest.raises(Refusal, match="UNKNOWN_MODULE"):
                await anext(changes)
    assert till.status == "refused"
