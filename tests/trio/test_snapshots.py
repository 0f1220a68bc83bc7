"""Large snapshots: others are served between their parts, and share what was put together."""

import weakref
from collections.abc import AsyncIterator, Iterable
from itertools import zip_longest
from pathlib import Path

import pytest
from support.talking import SHOP, insert, subscribe, until_synced
from trio.testing import MockClock

from mishkah.catalog import Catalog
from mishkah.core import wire
from mishkah.core.commit import Commit
from mishkah.core.grants import everything
from mishkah.core.ids import StoreId
from mishkah.core.messages import Subscribe
from mishkah.core.state import Record, State
from mishkah.core.views import read_view
from mishkah.feed import Outbox
from mishkah.journal import MemoryJournal
from mishkah.listener import Listener
from mishkah.plugins import Plugins
from mishkah.showing import Showing
from mishkah.testing import TestHouse, open_test_house

ROWS = 6000


@pytest.fixture
async def house(data: Path, autojump_clock: MockClock) -> AsyncIterator[TestHouse]:
    """A shop with many items, on each of which stands a long name."""
    async with open_test_house(data) as house:
        async with house.v1("owner") as owner:
            for n in range(0, ROWS, 2000):
                ops = [
                    {"type": "INSERT", "table": "item", "data": {"id": f"i{k}", "name": "x" * 200}}
                    for k in range(n, n + 2000)
                ]
                await owner.ask({"type": "TRANSACTION", "ops": ops, "ref": n, **SHOP})
        yield house


async def test_others_are_served_between_the_parts_of_a_snapshot(house: TestHouse) -> None:
    """What is written meanwhile comes after it, once."""
    async with house.v1("a") as till, house.v1() as screen:
        told = await subscribe(screen)
        part = await screen.receive()
        assert (part["part"], part["last"]) == (0, False)
        for n in range(3):
            assert (await till.ask(insert(f"new{n}", n)))["type"] == "ACK"
        *parts, synced = await until_synced(screen)
        assert [p["part"] for p in parts] == list(range(1, len(parts) + 1))
        assert [p["last"] for p in parts] == [False] * (len(parts) - 1) + [True]
        assert {p["seq"] for p in parts} == {told["seq"]} == {synced["seq"]}
        assert sum(len(p["data"].get("item", ())) for p in [part, *parts]) == ROWS
        deltas = [await screen.receive() for _ in range(3)]
        assert [delta["data"]["id"] for delta in deltas] == ["new0", "new1", "new2"]


async def test_a_seed_socket_gets_one_message_and_is_heard_meanwhile(house: TestHouse) -> None:
    async with house.client(client="s") as seed, house.v1("a") as till:
        await seed.ws.ping(b"there?")
        await seed.send(insert("mine", 1))
        assert (await till.ask(insert("theirs", 1)))["type"] == "ACK"
        snapshot = await seed.receive()
        assert (snapshot["type"], len(snapshot["data"]["item"])) == ("SNAPSHOT", ROWS)
        assert list(snapshot["data"]) == ["item", "note"]
        kinds = [(await seed.receive())["type"] for _ in range(3)]
        assert sorted(kinds) == ["ACK", "DELTA", "DELTA"]


@pytest.mark.parametrize("seed", [True, False], ids=["seed", "v1"])
async def test_a_hundred_who_come_at_once_share_what_is_put_together(
    autojump_clock: MockClock, data: Path, seed: bool
) -> None:
    """Each byte that is sent to them all is one object; when all have it, it is forgotten."""
    recipe = Catalog(data, Plugins()).recipe(StoreId("shop", "m"))
    journal = MemoryJournal(recipe.rules.schema)
    state = State(recipe.rules.schema)
    showing = Showing(wire.Signature(recipe.id, "e"), recipe.rules.schema, state, journal)
    items = state.tables["item"].records
    items.update((f"i{n}", Record(1, b'{"id":"i%d","x":"%b"}' % (n, b"x" * 200)))
                 for n in range(ROWS))  # fmt: skip
    grant = everything(recipe.rules.schema)
    outboxes = [Outbox() for _ in range(100)]
    for outbox in outboxes:
        listener = Listener(outbox, recipe.id, seed=seed)
        await showing.subscribe(listener, Subscribe(), lambda: grant)
    sent = [iter(await _snapshot(outbox)) for outbox in outboxes]
    whole = read_view(grant, None, None)
    snapshot = weakref.ref(showing._dispatch.snapshot(whole, state))
    frames = 0
    for same in zip_longest(*sent):
        assert all(frame is same[0] for frame in same)
        frames += 1
    assert frames > 4
    showing.note(Commit(seq=1, at="", changes=()))
    del sent, same
    assert snapshot() is None


async def _snapshot(outbox: Outbox) -> Iterable[bytes]:
    while mail := await outbox.take():
        if not isinstance(mail.pieces, tuple):
            return mail.pieces
    raise AssertionError("no snapshot")
