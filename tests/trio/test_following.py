"""Who is there for long is looked at when something changes, and when its time is over."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from support.talking import WITHOUT_NAMES, insert, subscribe, until_synced

from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.feed import Outbox
from mishkah.following import Following, catch_up, reseat
from mishkah.listener import Listener
from mishkah.requests import Request
from mishkah.rights import Rights
from mishkah.testing import ALL, FakeGate, open_test_house
from mishkah.who import Who

EMPTY = Schema(module="m", tables={})


def nothing(store: object) -> Schema:
    raise AssertionError(store)


@asynccontextmanager
async def following(gate: FakeGate, *followed: Rights) -> AsyncIterator[dict[Rights, float]]:
    """Follow each of these rights; yield when each was last to be looked at."""
    following, seen = Following(gate), {}

    def look(rights: Rights) -> None:
        seen[rights] = trio.current_time()
        rights.looking = True  # once, since nobody does

    async with trio.open_nursery() as nursery:
        nursery.start_soon(following.run)
        for rights in followed:
            following.add(rights, partial(look, rights))
        await trio.testing.wait_all_tasks_blocked()
        yield seen
        for rights in followed:
            following.remove(rights)
        following.close()


async def test_a_message_that_meets_a_change_first_does_not_keep_it_from_who_follows(
    gate: FakeGate, autojump_clock: object
) -> None:
    rights = Rights(gate, nothing)
    rights.show("a")
    async with following(gate, rights) as seen:
        assert not seen
        gate.role("clerk", WITHOUT_NAMES)
        rights.check()  # as a command does that comes in the same moment
        await trio.testing.wait_all_tasks_blocked()
        assert rights in seen


async def test_a_message_that_meets_the_end_of_a_shift_first_does_not_keep_it_either(
    gate: FakeGate, monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    """A till whose person's time is over is itself again: nothing of it is committed."""
    gate.let_in("a", "clerk", user="amal", seconds=60)
    rights = Rights(gate, nothing)
    rights.show("a")
    async with following(gate, rights) as seen:
        monkeypatch.setattr(gate, "now", lambda: 60.0)
        monkeypatch.setattr(gate, "again", lambda who: Who(device="till-1", session="s1"))
        rights.check()
        await trio.sleep(100)
        assert seen == {rights: 60.0}


async def test_what_has_changed_before_it_is_followed_is_looked_at_at_once(
    gate: FakeGate, autojump_clock: object
) -> None:
    rights = Rights(gate, nothing)
    rights.show("a")
    gate.turn_out("a")
    async with following(gate, rights) as seen:
        assert seen == {rights: 0.0}


async def test_of_many_each_is_looked_at_at_the_moment_when_its_time_is_over(
    timed: FakeGate, autojump_clock: object
) -> None:
    """Whoever comes later, and shows later what ends sooner; nobody is looked at before."""
    for n in range(100):
        timed.let_in(f"t{n}", "clerk", seconds=60.0 + (7 * n) % 100)
    many = [Rights(timed, nothing) for _ in range(100)]
    async with following(timed, *many) as seen:
        for n, rights in enumerate(many):
            rights.show(f"t{n}")
        await trio.sleep(59)
        assert not seen
        await trio.sleep(99.5)
        assert len(seen) == 99
        await trio.sleep(1)
        assert [seen[rights] for rights in many] == [60.0 + (7 * n) % 100 for n in range(100)]


async def test_a_time_that_was_made_longer_is_over_when_it_is_over(
    timed: FakeGate, autojump_clock: object
) -> None:
    timed.let_in("a", "clerk", seconds=60)
    rights = Rights(timed, nothing)
    rights.show("a")
    async with following(timed, rights) as seen:
        timed.let_in("b", "clerk", seconds=5000)
        rights.show("b")
        await trio.sleep(10_000)
        assert seen == {rights: 5000.0}


async def test_who_is_being_looked_at_when_somebody_else_s_time_is_over_has_an_end_too(
    timed: FakeGate, autojump_clock: object
) -> None:
    """A store may take its time; who is shown nothing else meanwhile is still looked at then."""
    timed.let_in("soon", "clerk", seconds=60)
    timed.let_in("later", "clerk", seconds=90)
    soon, later = Rights(timed, nothing), Rights(timed, nothing)
    soon.show("soon")
    later.show("later")
    async with following(timed, soon, later) as seen:
        later.looking = True
        await trio.sleep(70)
        assert seen == {soon: 60.0}
        later.looking = False
        await trio.sleep(100)
        assert seen == {soon: 60.0, later: 90.0}


async def test_what_every_store_is_told_last_is_of_who_was_shown_last(gate: FakeGate) -> None:
    """Another HELLO comes while a change of rights waits for room at the stores."""
    gate.role("guest", WITHOUT_NAMES)
    gate.let_in("b", "guest", user="badr")
    for _ in range(20):  # which of two tasks goes on first is left to chance
        rights, outbox = Rights(gate, lambda store: EMPTY), Outbox()
        rights.show("a")
        stores = [StoreId("shop", name) for name in "xyz"]
        inboxes, told = {}, {}
        for store in stores:
            Listener(outbox, store, seed=False)
            room = 0 if store == stores[0] else 9
            inboxes[store], told[store] = trio.open_memory_channel[Request](room)
        gate.role("clerk", ALL)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(catch_up, rights, outbox, inboxes.__getitem__)
            await trio.testing.wait_all_tasks_blocked()
            rights.show("b")
            nursery.start_soon(reseat, rights, outbox, inboxes.__getitem__)
            await trio.testing.wait_all_tasks_blocked()
            told[stores[0]].receive_nowait()
            last = {stores[0]: told[stores[0]].receive_nowait()}
        for store in stores[1:]:
            with suppress(trio.WouldBlock):
                while True:
                    last[store] = told[store].receive_nowait()
        assert {seat.standing for seat in last.values()} == {rights.standing(s) for s in stores}


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch, gate: FakeGate) -> FakeGate:
    """Return the gate, whose time is that of the clock."""
    monkeypatch.setattr(gate, "now", trio.current_time)
    again = gate.again

    def current(who: Who) -> Who:
        gate._time = trio.current_time()
        return again(who)

    monkeypatch.setattr(gate, "again", current)
    return gate


async def test_a_token_that_hello_has_shown_is_over_at_its_moment_though_nothing_happens(
    timed: FakeGate, data: Path, autojump_clock: object
) -> None:
    """Of each client for itself: who has another token, or a longer one, stays."""
    timed.let_in("b", "clerk", user="badr", seconds=90)
    timed.let_in("c", "clerk", user="celia", seconds=60)
    async with (
        open_test_house(data, gate=timed) as house,
        house.v1("x", token="a") as owner,
        house.v1("y", token="b") as longer,
        house.v1("z", token="c") as shorter,
    ):
        for client in (owner, longer, shorter):
            await subscribe(client)
            await until_synced(client)
        for client, code, ends in ((shorter, "AUTH_EXPIRED", 60), (longer, "AUTH_EXPIRED", 90)):
            assert (await client.receive())["code"] == code
            assert trio.current_time() == ends
            assert await client.close_code() == 4401
        assert (await owner.ask(insert("tea", 1)))["type"] == "ACK"


async def test_of_many_sockets_those_of_one_who_is_turned_out_are_closed_and_no_others(
    gate: FakeGate, data: Path, autojump_clock: object
) -> None:
    gate.let_in("b", "clerk", user="badr")
    async with open_test_house(data, gate=gate) as house, AsyncExitStack() as stack:
        clients = {
            token: [
                await stack.enter_async_context(house.v1(f"{token}{n}", token=token))
                for n in range(20)
            ]
            for token in "ab"
        }
        for client in (*clients["a"], *clients["b"]):
            await subscribe(client)
            await until_synced(client)
        gate.turn_out("b")
        for client in clients["b"]:
            assert (await client.receive())["code"] == "AUTH_EXPIRED"
            assert await client.close_code() == 4401
        await clients["a"][0].ask(insert("tea", 1))
        for client in clients["a"][1:]:
            assert (await client.expect("DELTA"))["data"]["id"] == "tea"
