"""Clients that read slowly or not at all: nobody waits for them, and memory stays bounded."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import trio
from support.stalled import HELLO, Stalled
from trio.testing import MockClock

from mishkah import feed
from mishkah.core.frames import GOING_AWAY
from mishkah.core.ids import StoreId
from mishkah.core.query import SLICE
from mishkah.following import Following
from mishkah.gate import OpenGate
from mishkah.letters import CHUNK, Mail, Piece
from mishkah.limits import Limits
from mishkah.listener import Listener
from mishkah.rates import Rates
from mishkah.rights import Rights
from mishkah.session import Session
from mishkah.talk import TalkV1
from mishkah.testing import open_test_house, ticking
from mishkah.turns import Turns


async def test_a_client_that_reads_nothing_is_sent_away_and_nobody_waits(
    autojump_clock: MockClock, data: Path
) -> None:
    stalled, small = Stalled(HELLO), Limits(outbox=100_000)
    async with open_test_house(data, limits=small) as house, house.client() as till:
        await till.receive()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.house.serve, stalled)
            await trio.sleep(1)
            before = trio.current_time()
            for n in range(500):
                row = {"id": f"i{n}", "name": "x" * 1000}
                await till.ask({"type": "INSERT", "table": "item", "data": row, "ref": n})
            assert trio.current_time() - before < 1
            await stalled.closed.wait()
        assert 30 <= trio.current_time() - before < 40


async def test_a_client_that_reads_late_gets_all_of_it_in_order(
    autojump_clock: MockClock, data: Path
) -> None:
    """What it could not take in time comes from the log; so the server has kept little of it."""
    late, small = Stalled(HELLO), Limits(outbox=20_000)
    async with (
        open_test_house(data, limits=small) as house,
        house.client() as till,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(house.house.serve, late)
        for n in range(2000):
            row = {"id": f"i{n}", "name": "x" * 100}
            await till.ask({"type": "INSERT", "table": "item", "data": row, "ref": n})
        late.reads.set()
        await trio.sleep(1)
        await till.ask({"type": "DELETE", "table": "item", "id": "i0", "ref": "end"})
        await trio.sleep(1)
        snapshot, *deltas = late.messages()
        nursery.cancel_scope.cancel()
    assert snapshot["type"] == "SNAPSHOT"
    assert [delta["seq"] for delta in deltas] == list(range(snapshot["seq"] + 1, 2003))
    assert [d["prev"] for d in deltas] == list(range(snapshot["seq"], 2002))
    assert deltas[-1]["data"]["operation"] == "DELETE"


async def test_a_client_that_stops_in_its_snapshot_is_given_up(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client() as till:
        for n in range(100):
            row = {"id": f"i{n}", "name": "x" * 1000}
            await till.ask({"type": "INSERT", "table": "item", "data": row, "ref": n})
        before, stalled = trio.current_time(), Stalled(HELLO)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.house.serve, stalled)
            await stalled.closed.wait()
        assert 30 <= trio.current_time() - before < 40


async def test_much_at_once_sends_nobody_away_who_reads(
    autojump_clock: MockClock, data: Path
) -> None:
    """A transaction whose deltas are many times what may wait for a client."""
    ops = [
        {"type": "INSERT", "table": "item", "data": {"id": f"i{n}", "name": "x" * 300}}
        for n in range(1000)
    ]
    async with (
        open_test_house(data, limits=Limits(outbox=20_000)) as house,
        house.client(client="c" * 128) as till,
        house.client() as screen,
    ):
        for ref in ("1", "2"):
            ack = await till.ask({"type": "TRANSACTION", "ops": ops, "ref": ref})
            assert (ack["type"], len(ack["rows"])) == ("ACK", 1000)
            for n in range(1000):
                assert (await screen.expect("DELTA"))["data"]["id"] == f"i{n}"
            ops = [{"type": "DELETE", "table": "item", "id": f"i{n}"} for n in range(1000)]


def listener_of(outbox: feed.Outbox) -> Listener:
    listener = Listener(outbox, StoreId("b", "m"), seed=True)
    listener.live = True
    return listener


async def mail(outbox: feed.Outbox) -> bytes | None:
    taken = await outbox.take()
    return None if taken is None else b"".join(taken.pieces)


async def test_in_an_outbox_over_its_limit_views_fall_behind_and_answers_stay(
    autojump_clock: MockClock,
) -> None:
    outbox = feed.Outbox(limit=100)
    listener = listener_of(outbox)
    outbox.put(listener, [Piece(b"a", 1)])
    assert await mail(outbox) == b"a"
    outbox.put(listener, [Piece(b"x" * 60, 2), Piece(b"x" * 60, 3)])
    outbox.answer(b"an answer stays")
    assert listener.live
    outbox.put(listener, [Piece(b"y", 4)])
    assert (listener.live, outbox.open) == (False, True)
    outbox.put(listener, [Piece(b"z", 5)])
    assert await mail(outbox) == b"an answer stays"
    taken = await outbox.take()
    assert taken == Mail((), [listener], slow=True)
    assert listener.cursor == 1


async def test_a_snapshot_and_answers_are_never_dropped(autojump_clock: MockClock) -> None:
    outbox = feed.Outbox(limit=100)
    listener = listener_of(outbox)
    outbox.put_snapshot(listener, [b"s"] * 1000, 7)
    outbox.put(listener, [Piece(b"d" * 90, 8)])
    outbox.answer(b"a" * 90)
    assert await mail(outbox) == b"s" * 1000
    assert listener.cursor == 7
    assert await mail(outbox) == b"d" * 90 + b"a" * 90
    assert listener.cursor == 8


async def test_reading_stops_at_a_thousand_unread_answers(autojump_clock: MockClock) -> None:
    outbox = feed.Outbox()
    for _ in range(feed.MAX_ANSWERS):
        await outbox.room()
        outbox.answer(b"ack")
    with trio.move_on_after(1000) as waited:
        await outbox.room()
    assert waited.cancelled_caught
    assert len(await mail(outbox) or b"") == 3 * feed.MAX_ANSWERS
    await outbox.room()


async def test_large_mail_is_taken_in_chunks_and_in_order(autojump_clock: MockClock) -> None:
    outbox = feed.Outbox()
    listener = listener_of(outbox)
    sent = [bytes([n]) * 100_000 for n in range(10)]
    for seq, frame in enumerate(sent):
        outbox.put(listener, [Piece(frame, seq)])
    outbox.close(1000)
    taken = []
    while (part := await mail(outbox)) is not None:
        assert len(part) <= CHUNK
        taken.append(part)
    assert b"".join(taken) == b"".join(sent)


class Babbler:
    """A socket whose client says rubbish for ever, and reads nothing."""

    direct = False

    def __init__(self) -> None:
        self.said = 0

    async def message(self) -> str:
        await trio.lowlevel.checkpoint()
        self.said += 1
        assert self.said < 5000, "it is read without end"
        return "{}"

    async def send_frames(self, pieces: Iterable[bytes]) -> None:
        await trio.sleep_forever()

    def send_now(self, frames: bytes) -> int:
        return 0

    async def aclose(self, code: int, reason: str) -> None:
        await trio.lowlevel.checkpoint()


def session_of(client: Any, open_room: Any) -> Session:
    gate = OpenGate()
    talk = TalkV1(feed.Outbox(), ticking(), Limits(), Rights(gate, open_room), open_room)
    pacing = Rates(Limits(), Counter()).socket(None)
    return Session(client, client, talk, pacing, Turns(), Following(gate))


async def test_who_says_no_hello_and_reads_nothing_is_read_no_further(
    autojump_clock: MockClock,
) -> None:
    client: Any = Babbler()

    def nowhere(*asked: Any) -> Any:
        raise AssertionError("no store is asked for")

    session = session_of(client, nowhere)
    with trio.move_on_after(60) as waited:
        async with trio.open_nursery() as nursery:
            await session.run(nursery, set())
    assert waited.cancelled_caught
    assert client.said < 2 * feed.MAX_ANSWERS


async def test_however_many_ask_much_the_loop_goes_round_between_their_slices(
    autojump_clock: MockClock, data: Path
) -> None:
    """So a client that asks little waits for one slice at each step, and not for everybody's."""
    asking, rows = 10, 3000
    ops = [{"type": "INSERT", "table": "item", "data": {"id": f"i{n}"}} for n in range(rows)]
    total = {"type": "QUERY", "table": "item", "aggregate": {"values": {"n": ["count"]}}, "ref": 1}
    rounds = answers = 0
    async with open_test_house(data) as house, trio.open_nursery() as nursery:

        async def ask() -> None:
            nonlocal answers
            async with house.client() as client:
                await ready.wait()
                assert (await client.ask(total))["rows"] == [{"n": rows}]
                answers += 1

        ready = trio.Event()
        async with house.client() as till:
            await till.ask({"type": "TRANSACTION", "ops": ops, "ref": 0})
            for _ in range(asking):
                nursery.start_soon(ask)
            await trio.sleep(1)
            ready.set()
            while answers < asking:
                await trio.lowlevel.checkpoint()
                rounds += 1
    assert rounds >= asking * rows / SLICE


class Listening(Babbler):
    """A socket whose client says nothing, and reads."""

    def __init__(self) -> None:
        super().__init__()
        self.code = 0

    async def message(self) -> str:
        await trio.sleep_forever()
        raise AssertionError("it waits")

    async def send_frames(self, pieces: Iterable[bytes]) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self, code: int, reason: str) -> None:
        self.code = code
        await trio.lowlevel.checkpoint()


async def test_who_comes_in_while_the_server_stops_is_sent_away_as_the_others(
    autojump_clock: MockClock,
) -> None:
    client: Any = Listening()

    def nowhere(*asked: Any) -> Any:
        raise AssertionError("no store is asked for")

    session = session_of(client, nowhere)
    session.leave()
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            await session.run(nursery, set())
    assert client.code == GOING_AWAY
    session.leave()  # it is over, and stays so
