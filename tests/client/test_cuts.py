"""Connections that are cut in every phase: a write exists once, and only what was missed comes."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from mishkah.client import Refusal, connect
from mishkah.journal import JournalFailed, MemoryJournals
from mishkah.limits import Limits
from mishkah.testing import FaultyJournals, TestHouse, open_test_house


class Cutting:
    """A stream to the house that is cut when so many bytes have passed, either way."""

    def __init__(self, stream: Any, sends: int, receives: int) -> None:
        self._stream = stream
        self._sends = sends
        self._receives = receives

    async def send_all(self, data: bytes) -> None:
        await self._stream.send_all(data[: self._sends])
        self._sends -= len(data)
        if self._sends <= 0:
            await trio.aclose_forcefully(self._stream)
            raise trio.BrokenResourceError

    async def receive_some(self, most: int | None = None) -> bytes:
        data = bytes(await self._stream.receive_some(most))
        self._receives -= len(data)
        if self._receives <= 0:
            await trio.aclose_forcefully(self._stream)
            raise trio.BrokenResourceError
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()


@pytest.mark.parametrize("seed", range(40))
async def test_a_write_exists_once_wherever_the_connection_is_cut(
    house: TestHouse, open_db: Any, seed: int, autojump_clock: object
) -> None:
    chance = random.Random(seed)
    cuts = 8

    async def dial() -> Any:
        nonlocal cuts
        cuts -= 1
        stream = await house.dial()
        if cuts < 0:
            return stream
        return Cutting(stream, chance.randrange(1, 3000), chance.randrange(1, 6000))

    async with open_db(f"till {seed}", dial=dial, patience=60) as till, open_db("b") as screen:
        writes = [till.update("item", "tea", add={"qty": 1})]
        for n in range(10):
            writes.append(till.insert("item", {"id": f"i{n}"}))
            writes.append(till.update("item", f"i{n}", add={"qty": 1}))
            await trio.sleep(chance.random())
        assert till.get("item", "tea")["qty"] == 6
        await till.flush()
        assert all(write.done for write in writes)
        assert [write.seq for write in writes] == sorted({write.seq for write in writes})
        await wait_all_tasks_blocked()
        rows = screen.list("item")
        assert [row["qty"] for row in rows] == [2] * 10 + [6]
        assert [row["code"] for row in rows[:-1]] == [f"C-{n:03d}" for n in range(2, 12)]
        await trio.sleep(60)
        assert till.list("item") == rows


async def test_who_comes_back_gets_what_was_missed_and_no_more(
    house: TestHouse, open_db: Any, wire: Any, autojump_clock: object
) -> None:
    async with open_db("k", dial=wire.dial) as kitchen:
        kitchens = wire.streams.copy()
        async with open_db("a", dial=house.dial) as till:
            for n in range(300):
                till.insert("item", {"id": f"old{n}"})
            await till.flush()
            heard: list[dict[str, Any]] = []
            wire.broken = True
            for stream in kitchens:
                await trio.aclose_forcefully(stream)
            await wait_all_tasks_blocked()
            assert kitchen.status == "waiting"
            assert kitchen.get("item", "old1")["qty"] == 1
            for n in range(50):
                till.insert("item", {"id": f"new{n}"})
            await till.flush()
            machine = kitchen._machine
            hear = machine.hear
            machine.hear = lambda message: (heard.append(json.loads(message)), hear(message))[1]
            wire.broken = False
            await trio.sleep(60)
            assert kitchen.status == "live"
            assert kitchen.list("item") == till.list("item")
    kinds = [message["type"] for message in heard if message["type"] != "PONG"]
    assert kinds == ["WELCOME", "SUBSCRIBED", *["DELTA"] * 50, "SYNCED"]
    assert sum(len(json.dumps(message)) for message in heard) < 20_000


async def test_offline_writes_are_shown_kept_and_done_in_order(
    open_db: Any, wire: Any, autojump_clock: object
) -> None:
    async with open_db("b") as screen, open_db("a") as till:
        wire.broken = True
        await wire.cut()
        await wait_all_tasks_blocked()
        first = till.insert("item", {"id": "cup", "qty": 3})
        till.update("item", "cup", add={"qty": -1})
        till.delete("item", "tea")
        assert (till.status, till.pending, till.get("item", "tea")) == ("waiting", 3, None)
        assert till.get("item", "cup")["qty"] == 2
        wire.broken = False
        assert (await first)["code"] == "C-002"
        await till.flush()
        await trio.sleep(60)
        assert [row["id"] for row in screen.list("item")] == ["cup"]
        assert screen.list("item") == till.list("item")


async def test_a_stale_write_is_refused_when_the_way_is_free_again(
    house: TestHouse, open_db: Any, wire: Any, autojump_clock: object
) -> None:
    async with open_db("a", dial=wire.dial) as till, open_db("b", dial=house.dial) as other:
        wire.broken = True
        await wire.cut()
        stale = till.update("item", "tea", {"name": "mine"}, base=True)
        merged = till.update("item", "tea", {"price": 9}, base=True)
        await other.update("item", "tea", {"name": "theirs"})
        wire.broken = False
        with pytest.raises(Refusal, match="CONFLICT"):
            await stale
        await merged
        await trio.sleep(1)
        row = till.get("item", "tea")
        assert (row["name"], row["price"]) == ("theirs", 9)


async def test_a_stopping_server_says_when_and_is_found_again(
    data: Path, autojump_clock: object
) -> None:
    journals = MemoryJournals()
    dials: list[float] = []
    async with trio.open_nursery() as nursery:
        houses: list[TestHouse] = []

        async def dial() -> Any:
            dials.append(trio.current_time())
            return await houses[-1].dial()

        async def serve(stop: trio.Event, *, task_status: Any) -> None:
            async with open_test_house(data, journals=journals) as house:
                houses.append(house)
                task_status.started()
                await stop.wait()

        first, second = trio.Event(), trio.Event()
        await nursery.start(serve, first)
        async with connect("ws://localhost", "shop", "m", client="a", dial=dial) as till:
            await till.insert("item", {"id": "cup"})
            first.set()
            await trio.sleep(0.5)
            assert till.status == "waiting"
            write = till.insert("item", {"id": "pot"})
            await nursery.start(serve, second)
            assert (await write)["code"] == "C-003"
            assert 1 <= dials[1] - dials[0] <= 2
            second.set()


async def test_a_silent_server_is_noticed_and_left(
    house: TestHouse, open_db: Any, autojump_clock: object
) -> None:
    deaf: list[Any] = []

    class Deaf:
        """A stream on which nothing comes any more once it is told so."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream
            self.silent = False
            deaf.append(self)

        async def send_all(self, data: bytes) -> None:
            if not self.silent:
                await self._stream.send_all(data)

        async def receive_some(self, most: int | None = None) -> bytes:
            data = bytes(await self._stream.receive_some(most))
            if self.silent:
                await trio.sleep_forever()
            return data

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def dial() -> Any:
        return Deaf(await house.dial())

    async with open_db("a", dial=dial) as till:
        await trio.sleep(300)
        assert len(deaf) == 1, "a server that answers is not left"
        deaf[0].silent = True
        write = till.insert("item", {"id": "cup"})
        before = trio.current_time()
        await write
        assert trio.current_time() - before < 40
        assert len(deaf) == 2


async def test_a_store_that_fails_is_waited_for(data: Path, autojump_clock: object) -> None:
    journals = FaultyJournals()
    async with (
        open_test_house(data, journals=journals) as house,
        connect("ws://localhost", "shop", "m", client="a", dial=house.dial) as till,
    ):
        journals.doubt = JournalFailed("is it there?")
        write = till.update("item", "tea", add={"qty": 1})
        assert (await write)["qty"] == 6
        assert write.dup, "it was"
        journals.refusal = JournalFailed("no")
        write = till.update("item", "tea", add={"qty": 1})
        await trio.sleep(5)
        assert (write.done, till.pending, till.get("item", "tea")["qty"]) == (False, 1, 7)
        journals.refusal = None
        assert (await write)["qty"] == 7
        await trio.sleep(60)
        assert (till.status, till.get("item", "tea")["qty"]) == ("live", 7)


async def test_an_own_write_does_not_flicker_while_a_slow_client_falls_behind(
    data: Path, autojump_clock: object
) -> None:
    reads = trio.Event()
    reads.set()

    class Slow:
        """A stream without room on the way: what is not read holds up its sender."""

        def __init__(self, stream: Any) -> None:
            self.send_all, self.aclose, self._stream = stream.send_all, stream.aclose, stream

        async def receive_some(self, most: int | None = None) -> bytes:
            await reads.wait()
            return bytes(await self._stream.receive_some(most))

    async with (
        open_test_house(data, limits=Limits(outbox=20_000)) as house,
        trio.open_nursery() as nursery,
    ):

        async def dial() -> Any:
            ours, theirs = trio.testing.lockstep_stream_pair()
            nursery.start_soon(house.house.serve, theirs)
            return Slow(ours)

        async with (
            connect("ws://localhost", "shop", "m", client="slow", dial=dial) as slow,
            connect("ws://localhost", "shop", "m", client="quick", dial=house.dial) as quick,
        ):
            shown: list[bool] = []
            kinds: list[str] = []
            hear = slow._machine.hear

            def listen(message: str | bytes) -> None:
                hear(message)
                kinds.append(json.loads(message)["type"])
                shown.append(slow.get("item", "mine") is not None)

            slow._machine.hear = listen  # type: ignore[method-assign]
            reads = trio.Event()
            for n in range(50):
                await quick.insert("item", {"id": f"a{n}", "name": "x" * 100})
            slow.insert("item", {"id": "mine"})
            shown.clear()
            for n in range(300):
                await quick.insert("item", {"id": f"b{n}", "name": "x" * 100})
            reads.set()
            await trio.sleep(1)
            assert kinds.count("RESYNC") == kinds.count("ACK") == 1
            assert all(shown)
            assert slow.list("item") == quick.list("item")
        nursery.cancel_scope.cancel()
