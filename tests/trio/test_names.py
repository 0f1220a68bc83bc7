"""Exactly once: the name of a write, (client, ref), names it for ever."""

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from mishkah.journal import MemoryJournals
from mishkah.testing import open_test_house

TEA = {"type": "INSERT", "table": "item", "data": {"name": "tea", "id": "a"}, "ref": "r1"}


async def test_the_same_again_changes_nothing_and_is_answered_the_same(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client(client="till") as till:
        first = await till.ask(TEA)
        again = await till.ask({**TEA, "data": {"id": "a", "name": "tea"}})
        assert again == {**first, "dup": True}
        assert (await till.ask({**TEA, "ref": "r2"}))["code"] == "DUPLICATE"


async def test_a_name_spans_sockets_and_restarts(autojump_clock: MockClock, data: Path) -> None:
    journals = MemoryJournals()
    async with open_test_house(data, journals=journals) as house:
        async with house.client(client="till") as till:
            first = await till.ask(TEA)
        async with house.client(client="till") as till:
            assert await till.ask(TEA) == {**first, "dup": True}
    async with open_test_house(data, journals=journals) as house:
        async with house.client(client="till") as till:
            assert await till.ask(TEA) == {**first, "dup": True}
        async with house.client(client="other till") as other:
            assert (await other.ask(TEA))["code"] == "DUPLICATE"


async def test_other_content_under_a_used_name_is_refused(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client(client="till") as till:
        await till.ask(TEA)
        error = await till.ask({**TEA, "data": {"id": "b"}})
        assert error["code"] == "REF_REUSED"


async def test_the_same_name_twice_in_one_batch_is_done_once(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client(client="till") as till:
        await till.receive()
        for _ in range(5):
            await till.send(TEA)
        answers = [await till.expect("ACK") for _ in range(5)]
        assert [answer.get("dup", False) for answer in answers] == [False] + [True] * 4
        assert len({answer["seq"] for answer in answers}) == 1
        async with house.client() as screen:
            assert len((await screen.receive())["data"]["item"]) == 1


async def test_a_refusal_is_not_remembered(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house.client(client="till") as till:
        bad = {**TEA, "data": {"id": "a", "qty": "many"}}
        assert (await till.ask(bad))["code"] == "INVALID"
        assert (await till.ask(TEA))["type"] == "ACK"


async def test_without_a_client_a_ref_only_correlates(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client() as till:
        await till.ask(TEA)
        assert (await till.ask(TEA))["code"] == "DUPLICATE"


async def test_a_repeated_transaction_update_and_delete_are_done_once(
    autojump_clock: MockClock, data: Path
) -> None:
    writes: list[dict[str, Any]] = [
        {"type": "TRANSACTION", "ops": [{k: v for k, v in TEA.items() if k != "ref"}], "ref": 1},
        {"type": "UPDATE", "table": "item", "id": "a", "changes": {"qty": 2}, "ref": 2},
        {"type": "DELETE", "table": "item", "id": "a", "ref": 3},
    ]
    async with open_test_house(data) as house, house.client(client="till") as till:
        first = [await till.ask(write) for write in writes]
        again = [await till.ask(write) for write in writes]
        assert again == [{**answer, "dup": True} for answer in first]


@pytest.mark.parametrize("client", ["", "x" * 129, "two\nlines"])
async def test_a_client_name_that_is_none_is_refused(
    autojump_clock: MockClock, data: Path, client: str
) -> None:
    async with open_test_house(data) as house, house.client(client=client) as till:
        assert (await till.receive())["code"] == "BAD_MESSAGE"
        assert await till.close_code() == 1008


@pytest.mark.parametrize("ref", ["", "x" * 129, "a\x00b", 1.5, True, ["r"], {"r": 1}])
async def test_a_ref_that_is_none_is_refused_and_not_echoed(
    autojump_clock: MockClock, data: Path, ref: object
) -> None:
    async with open_test_house(data) as house, house.client(client="till") as till:
        await till.receive()
        await till.send({**TEA, "ref": ref})
        error = await till.receive()
        assert error["code"] == "BAD_MESSAGE"
        assert "ref" not in error


WRITES: dict[str, dict[str, Any]] = {
    "INSERT": {"type": "INSERT", "table": "item", "data": {"id": "new"}},
    "UPDATE": {"type": "UPDATE", "table": "item", "id": "a", "changes": {"qty": 9}},
    "add": {"type": "UPDATE", "table": "item", "id": "a", "add": {"qty": 1}},
    "DELETE": {"type": "DELETE", "table": "item", "id": "a"},
    "TRANSACTION": {
        "type": "TRANSACTION",
        "ops": [
            {"type": "INSERT", "table": "item", "data": {"id": "new"}},
            {"type": "UPDATE", "table": "item", "id": "a", "add": {"qty": 2}},
        ],
    },
    "NEXT": {"type": "NEXT", "table": "item", "field": "code", "count": 2},
}
OTHERS: dict[str, dict[str, Any]] = {
    "INSERT": {"data": {"id": "other"}},
    "UPDATE": {"changes": {"qty": 8}},
    "add": {"add": {"qty": 2}},
    "DELETE": {"id": "b"},
    "TRANSACTION": {"ops": [{"type": "DELETE", "table": "item", "id": "a"}]},
    "NEXT": {"count": 1},
}


@pytest.mark.parametrize("kind", WRITES)
async def test_whatever_writes_is_done_once(
    autojump_clock: MockClock, data: Path, kind: str
) -> None:
    """Twice in one batch, on another socket, after a restart, with a number for a text."""
    journals = MemoryJournals()
    write = {**WRITES[kind], "ref": 7}
    async with open_test_house(data, journals=journals) as house, house.client(client="t") as till:
        for key in "ab":
            await till.ask({**TEA, "data": {"id": key}, "ref": f"made {key}"})
        await till.send(write)
        await till.send(write)
        first, again = await till.expect("ACK"), await till.expect("ACK")
        assert again == {**first, "dup": True}
        async with house.v1("t") as other:
            there = {**write, "branch": "shop", "module": "m"}
            assert await other.ask(there) == again
            assert await other.ask({**there, "ref": "7"}) == {**again, "ref": "7"}
            assert (await other.ask({**there, **OTHERS[kind]}))["code"] == "REF_REUSED"
            await other.send({**there, **OTHERS[kind], "ref": "x"})
            await other.send({**there, "ref": "x"})
            assert (await other.expect("ERROR"))["code"] == "REF_REUSED", "in one batch too"
    async with open_test_house(data, journals=journals) as house, house.client(client="t") as till:
        assert await till.ask(write) == again
        await till.send({**write, "ref": "new name"})
        assert "dup" not in await till.receive()


async def test_many_sockets_of_one_client_send_the_same_at_once(
    autojump_clock: MockClock, data: Path
) -> None:
    answers: list[Any] = []
    async with open_test_house(data) as house:

        async def send() -> None:
            async with house.v1("till") as socket:
                answers.append(await socket.ask({**TEA, "branch": "shop", "module": "m"}))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(send)
    assert sorted(answer.get("dup", False) for answer in answers) == [False] + [True] * 19
    assert len({answer["seq"] for answer in answers}) == 1


async def test_a_name_belongs_to_one_store(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data) as house, house.v1("till") as till:
        for branch in ("shop", "shop:2"):
            ack = await till.ask({**TEA, "branch": branch, "module": "m"})
            assert (ack["type"], "dup" in ack) == ("ACK", False)


async def test_a_name_is_looked_up_before_the_rules(autojump_clock: MockClock, data: Path) -> None:
    """What was right once need not be right again: the row is there now."""
    async with open_test_house(data) as house, house.client(client="till") as till:
        await till.ask(TEA)
        gone = {"type": "DELETE", "table": "item", "id": "a", "ref": "r2"}
        await till.ask(gone)
        assert (await till.ask(gone))["dup"] is True
        assert (await till.ask({**gone, "ref": "r3"}))["code"] == "NOT_FOUND"
