"""Who takes what waits in an outbox: nobody, while all goes at once; one task, while it can't."""

from typing import Any

import trio
import trio.testing

from mishkah.core.ids import StoreId
from mishkah.feed import Outbox
from mishkah.letters import Mail, Piece
from mishkah.listener import Listener


class Wire:
    """What has gone out of *outbox* at once, as long as there is *room*; and who was started."""

    def __init__(self, *, room: int = 10**6, stays: bool = False) -> None:
        self.outbox = Outbox()
        self.listener = Listener(self.outbox, StoreId("b", "m"), seed=True)
        self.listener.live = True
        self.room = room
        self.sent: list[bytes] = []
        self.started = 0
        self.outbox.serve(self.now, self.start, stays=stays)

    def now(self, frames: bytes) -> int:
        gone = min(len(frames), self.room)
        self.room -= gone
        if gone:
            self.sent.append(frames[:gone])
        return gone

    def start(self) -> None:
        self.started += 1

    def put(self, frames: bytes, upto: int) -> None:
        self.outbox.put(self.listener, [Piece(frames, upto)])

    async def take(self) -> bytes | None:
        mail = await self.outbox.take()
        return None if mail is None else b"".join(mail.pieces)


async def test_what_can_go_at_once_needs_nobody_who_takes() -> None:
    wire = Wire()
    wire.outbox.answer(b"welcome")
    wire.put(b"delta", 1)
    wire.outbox.gather()
    wire.put(b"d", 2)
    wire.outbox.answer(b"ack")
    wire.outbox.flush()
    assert (wire.sent, wire.started, wire.listener.cursor) == (
        [b"welcome", b"delta", b"dack"],
        0,
        2,
    )


async def test_what_can_not_go_is_taken_by_one_who_is_started_and_nothing_overtakes_it() -> None:
    wire = Wire(room=0)
    wire.outbox.answer(b"1")
    wire.room = 10**6
    wire.put(b"2", 1)
    wire.outbox.gather()
    wire.outbox.answer(b"3")
    wire.outbox.flush()
    assert (wire.sent, wire.started) == ([], 1)
    assert await wire.take() == b"123"
    wire.put(b"4", 2)
    assert (wire.sent, wire.started) == ([], 1), "123 is still being sent"
    assert await wire.take() == b"4"
    assert await wire.take() is None
    wire.outbox.rest()
    wire.put(b"5", 3)
    assert (wire.sent, wire.started) == ([b"5"], 1)


async def test_of_half_a_frame_the_rest_goes_before_anything_else() -> None:
    """The socket keeps the rest; who takes begins with nothing, which sends it."""
    wire = Wire(room=3)
    wire.outbox.answer(b"half")
    assert (wire.sent, wire.started) == ([b"hal"], 1)
    wire.outbox.answer(b"next")
    assert await wire.take() == b"next"


async def test_one_is_started_to_find_that_all_is_over_and_none_for_who_has_gone() -> None:
    wire = Wire()
    wire.outbox.close(1000)
    assert wire.started == 1
    assert await wire.take() is None
    ended = trio.Event()

    async def wait() -> None:
        await wire.outbox.finished()
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert not ended.is_set()
        wire.outbox.rest()
        await ended.wait()
    gone = Wire()
    gone.outbox.hang_up()
    await gone.outbox.finished()
    assert gone.started == 0


async def test_what_waits_before_anybody_serves_is_taken_too() -> None:
    outbox, started = Outbox(), []
    outbox.answer(b"early")
    outbox.serve(lambda frames: 0, lambda: started.append(1), stays=False)
    assert started
    assert await outbox.take() == Mail((b"early",))


async def test_where_nothing_goes_at_once_who_was_started_stays() -> None:
    wire, taken = Wire(room=0, stays=True), []

    async def take() -> None:
        while (mail := await wire.take()) is not None:
            taken.append(mail)
        wire.outbox.rest()

    async with trio.open_nursery() as nursery:
        for said in (b"1", b"2"):
            wire.outbox.answer(said)
            if said == b"1":
                nursery.start_soon(take)
            await trio.testing.wait_all_tasks_blocked()
        wire.outbox.close(1000)
        await wire.outbox.finished()
    assert (taken, wire.started) == ([b"1", b"2"], 1)


async def test_a_batch_that_closes_keeps_its_order(autojump_clock: Any) -> None:
    wire = Wire()
    wire.outbox.gather()
    wire.put(b"1", 1)
    wire.outbox.close(1000)
    wire.outbox.flush()
    assert (wire.sent, wire.started) == ([], 1)
    assert (await wire.take(), await wire.take()) == (b"1", None)


async def test_what_is_said_before_all_that_is_left_is_not_overtaken_by_what_can_go_at_once() -> (
    None
):
    wire = Wire()
    wire.outbox.forget(wire.listener, b"RESYNC")
    wire.outbox.answer(b"SUBSCRIBED")
    assert (wire.sent, wire.started) == ([], 1)
    assert await wire.take() == b"RESYNCSUBSCRIBED"


async def test_what_is_said_before_all_that_is_left_needs_nothing_behind_it_to_go() -> None:
    wire = Wire()
    wire.outbox.forget(wire.listener, b"RESYNC")
    assert wire.started == 1
    assert await wire.take() == b"RESYNC"
