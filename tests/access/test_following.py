"""Rights that change in the middle of something: what is sent from then on shows no more than they.

Clients read late, so that what was put together under the old rights still waits.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from support.frames import whole_frames
from support.stalled import HELLO, Stalled, masked
from support.talking import SHOP, insert, subscribe, until_synced

from mishkah.letters import CHUNK
from mishkah.testing import ALL, FakeGate, FaultyJournals, open_test_house, write_installation

MANY = 6_000
TEXT = {"type": "text"}
FIELDS = {
    "id": {"type": "text", "primaryKey": True},
    "name": TEXT,
    "n": {"type": "integer"},
    "code": TEXT,
}
NAMELESS = {"do": ["read"], "except": ["name"]}
FEW = {"do": ["read"], "except": ["name"], "where": ["n", "<", 2]}
ROWS = [{"id": f"i{n}", "name": "hush" + "x" * 200, "n": n} for n in range(MANY)]
MODULE = "/api/v1/branches/shop/modules/m"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return write_installation(tmp_path / "many", {"item": {"fields": FIELDS}}, seeds={"item": ROWS})


@pytest.fixture
def gate() -> FakeGate:
    gate = FakeGate()
    gate.role("clerk", ALL)
    gate.role("owner", ALL)
    gate.let_in("a", "clerk", user="amal")
    gate.let_in("o", "owner", user="omar")
    return gate


def v1(*messages: Any) -> Stalled:
    """Return a client that says these behind its HELLO, and reads 100 kB and no more for now."""
    hello = HELLO[:-2] + b"Sec-WebSocket-Protocol: mishkah.v1\r\n\r\n"
    first = {"type": "HELLO", "v": 1, "client": "c", "token": "a"}
    return Stalled(hello + b"".join(map(masked, (first, *messages))), 100_000)


def seed(*messages: Any) -> Stalled:
    hello = HELLO[:-2] + b"Authorization: Bearer a\r\n\r\n"
    return Stalled(hello + b"".join(map(masked, messages)), 100_000)


def request(target: str, *headers: str) -> Stalled:
    lines = [f"GET {MODULE}{target} HTTP/1.1", "Host: localhost", "Authorization: Bearer a"]
    return Stalled("\r\n".join([*lines, *headers, "", ""]).encode(), 100_000)


def messages(stream: bytes) -> tuple[list[Any], list[bytes]]:
    """Return the messages in *stream*, and the payloads of its close frames."""
    frames, rest = whole_frames(stream)
    assert not rest
    closes = [payload for first, payload in frames if first == 0x88]
    return [json.loads(payload) for first, payload in frames if first == 0x81], closes


async def later(client: Stalled) -> bytes:
    """Let *client* read all that comes; return what comes after what it has taken."""
    await trio.testing.wait_all_tasks_blocked()
    taken = len(client.taken)
    client.reads.set()
    await trio.sleep(20)
    return client.taken[taken:]


SUBSCRIBE = {"type": "SUBSCRIBE", **SHOP}
QUERY = {"type": "QUERY", "table": "item", "limit": 2, "ref": "q", **SHOP}


@pytest.mark.parametrize("rule", [NAMELESS, FEW])
async def test_half_a_snapshot_and_a_question_end_with_the_role_that_they_began_with(
    many: Path, gate: FakeGate, autojump_clock: object, rule: Any
) -> None:
    client = v1(SUBSCRIBE, QUERY)
    async with open_test_house(many, gate=gate) as house, trio.open_nursery() as nursery:
        nursery.start_soon(house.house.serve, client)
        await trio.sleep(5)
        assert b"hush" in client.taken
        gate.role("clerk", rule)
        told, _ = messages(await later(client))
        nursery.cancel_scope.cancel()
    assert b"hush" not in json.dumps(told).encode()
    (result,) = (one for one in told if one["type"] == "RESULT")
    assert result["rows"] == [
        {"id": "i0", "n": 0, "code": None},
        {"id": "i1", "n": 1, "code": None},
    ]
    kinds = [one["type"] for one in told if one["type"] != "RESULT"]
    parts = kinds.count("SNAPSHOT")
    assert kinds == ["RESYNC", "SUBSCRIBED", *["SNAPSHOT"] * parts, "SYNCED"]
    rows = [row for one in told if one["type"] == "SNAPSHOT" for row in one["data"].get("item", ())]
    most = MANY if rule is NAMELESS else 2
    assert rows == [{"id": f"i{n}", "n": n, "code": None} for n in range(most)]


@pytest.mark.parametrize("make", [v1, seed])
@pytest.mark.parametrize("end", ["turned out", "expired"])
async def test_who_is_turned_out_in_the_middle_of_a_snapshot_gets_no_more_of_it(
    many: Path, gate: FakeGate, autojump_clock: object, make: Any, end: str
) -> None:
    gate.let_in("a", "clerk", user="amal", seconds=60)
    question = {key: QUERY[key] for key in ("type", "table", "limit", "ref")}
    client = make(SUBSCRIBE, QUERY) if make is v1 else make(question)
    async with open_test_house(many, gate=gate) as house, trio.open_nursery() as nursery:
        nursery.start_soon(house.house.serve, client)
        await trio.sleep(5)
        gate.turn_out("a") if end == "turned out" else gate.pass_time(60)
        more = await later(client)
        nursery.cancel_scope.cancel()
    told, (close,) = messages(more)
    assert b"hush" not in more
    assert int.from_bytes(close[:2]) == 4401
    assert {one["code"] for one in told} == ({"AUTH_EXPIRED"} if make is v1 else set())


async def test_half_a_message_is_followed_by_nothing_but_the_close(
    many: Path, gate: FakeGate, autojump_clock: object
) -> None:
    client = seed({"type": "QUERY", "table": "item", "limit": 1, "ref": "q"})
    async with open_test_house(many, gate=gate) as house, trio.open_nursery() as nursery:
        nursery.start_soon(house.house.serve, client)
        await trio.sleep(5)
        gate.role("clerk", NAMELESS)
        more = await later(client)
        nursery.cancel_scope.cancel()
    frames, _ = whole_frames(more)
    assert [(first, int.from_bytes(payload[:2])) for first, payload in frames] == [(0x88, 1012)]


@pytest.mark.parametrize("target", ["/snapshot", "/changes"])
async def test_half_a_response_is_cut_short(
    many: Path, gate: FakeGate, autojump_clock: object, target: str
) -> None:
    client = request(target, "Accept: text/event-stream")
    async with open_test_house(many, gate=gate) as house, trio.open_nursery() as nursery:
        nursery.start_soon(house.house.serve, client)
        await trio.sleep(5)
        assert b"hush" in client.taken
        gate.role("clerk", FEW)
        more = await later(client)
        nursery.cancel_scope.cancel()
    assert b"hush" not in more[CHUNK:], "what is being sent is sent to its end"
    assert not more.endswith(b"0\r\n\r\n"), "it must not look whole"
    assert (b'"reason":"rules"' in more) is (target == "/changes")


async def test_the_last_of_two_changes_counts(
    many: Path, gate: FakeGate, autojump_clock: object
) -> None:
    """The store is busy with a commit meanwhile."""
    journals = FaultyJournals()
    async with (
        open_test_house(many, gate=gate, journals=journals) as house,
        house.v1("c", token="a") as client,
        house.v1("o", token="o") as owner,
    ):
        await subscribe(client, where=["n", "<", 4])
        await until_synced(client)
        journals.seconds = 10
        await owner.send(insert("z", "z", n=1))
        await trio.sleep(1)
        gate.role("clerk", NAMELESS)
        await trio.sleep(1)
        gate.role("clerk", FEW)
        told = [await client.receive(), *await until_synced(client)]
        while told[-2]["type"] != "SNAPSHOT" or len(told[-2]["data"]["item"]) > 3:
            told += await until_synced(client)
        assert b"hush" not in json.dumps(told).encode()
        assert [row["id"] for row in told[-2]["data"]["item"]] == ["i0", "i1", "z"]
        await owner.ask(insert("hush", "y", n=3))
        await owner.ask(insert("y", "x", n=1))
        assert (await client.receive())["data"]["id"] == "y"


async def test_what_waits_for_its_store_goes_by_the_rights_of_then(
    many: Path, gate: FakeGate, autojump_clock: object
) -> None:
    journals = FaultyJournals()
    async with (
        open_test_house(many, gate=gate, journals=journals) as house,
        house.v1("c", token="a") as client,
        house.v1("o", token="o") as owner,
    ):
        assert (await owner.ask(insert("w", "w", n=1)))["type"] == "ACK"
        journals.seconds = 10
        await client.send(insert("mine", "m", name="hush"))
        await trio.sleep(1)
        await client.send(QUERY)
        await client.send({**SUBSCRIBE, "ref": "s"})
        await client.send(insert("late", "l", name="hush"))
        await trio.sleep(1)
        gate.role("clerk", NAMELESS)
        told = [await client.receive()]
        while told[-1].get("ref") != "l":
            told.append(await client.receive())
        assert b"hush" not in json.dumps(told).encode()
        ack = next(one for one in told if one.get("ref") == "m")
        assert ack["rows"] == [{"id": "mine", "n": None, "code": None}]
        assert next(one for one in told if one.get("ref") == "l")["code"] == "FORBIDDEN"


async def test_a_change_is_followed_whatever_is_heard_at_the_same_moment(
    many: Path, gate: FakeGate, autojump_clock: object
) -> None:
    client = Stalled(v1({**SUBSCRIBE, "where": ["n", "<", 4]})._said, 10**9)
    async with open_test_house(many, gate=gate) as house, trio.open_nursery() as nursery:
        nursery.start_soon(house.house.serve, client)
        await trio.sleep(5)
        for n in range(20):
            seen = len(client.taken)
            gate.role("clerk", [NAMELESS, FEW][n % 2])
            client.says({"type": "QUERY", "table": "item", "limit": 1, "ref": n, **SHOP})
            await trio.sleep(1)
            told, _ = messages(client.taken[seen:])
            assert "RESYNC" in [one["type"] for one in told]
        nursery.cancel_scope.cancel()


async def test_another_token_that_has_no_role_here_shows_nothing_more(
    many: Path, gate: FakeGate, autojump_clock: object
) -> None:
    gate.let_in("b", "clerk", branches=["elsewhere"])
    async with (
        open_test_house(many, gate=gate) as house,
        house.v1("c", token="a") as client,
        house.v1("o", token="o") as owner,
    ):
        await subscribe(client, where=["n", "<", 4])
        await until_synced(client)
        await client.send({"type": "HELLO", "v": 1, "token": "b"})
        assert (await client.receive())["type"] == "WELCOME"
        assert (await client.receive())["code"] == "UNKNOWN_MODULE"
        await owner.ask(insert("y", "x", n=1))
        assert await client.close_code() == 1012
