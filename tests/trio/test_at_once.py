"""Frames that go out at once while nothing waits for a client: in order, and never by halves."""

from collections.abc import Iterator
from itertools import repeat

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from support.frames import whole_frames

from mishkah import feed
from mishkah.core.frames import Watch, frame
from mishkah.core.ids import StoreId
from mishkah.http.guard import Guard
from mishkah.http.inlet import Inlet
from mishkah.http.outlet import Outlet
from mishkah.listener import Listener


def listener_of(outbox: feed.Outbox) -> Listener:
    listener = Listener(outbox, StoreId("b", "m"), seed=True)
    listener.live = True
    return listener


class Line:
    """A socket that takes at once all, a part or nothing, as *moods* say, and keeps the order."""

    def __init__(self, moods: Iterator[float]) -> None:
        self._moods = moods
        self._rest = b""
        self.sent = b""
        self.writes = 0

    def send_now(self, frames: bytes) -> int:
        if self._rest:
            return 0
        gone = round(len(frames) * next(self._moods, 0))
        self.sent, self._rest = self.sent + frames[:gone], frames[gone:] if gone else b""
        self.writes += gone > 0
        return gone

    async def empty(self, outbox: feed.Outbox) -> None:
        while (mail := await outbox.take()) is not None:
            for piece in mail.pieces:
                self.sent, self._rest = self.sent + self._rest + piece, b""
                await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()


@given(
    st.lists(st.sampled_from(["put", "answer", "batch", "snapshot", "wait"]), max_size=20),
    st.lists(st.sampled_from([0, 0.5, 1, 1]), max_size=20),
)
async def test_what_is_put_goes_out_in_its_order_now_or_later(
    puts: list[str], moods: list[float]
) -> None:
    outbox, line = feed.Outbox(), Line(iter(moods))
    outbox.now = line.send_now
    listener = listener_of(outbox)
    said: list[bytes] = []

    def next_frame() -> bytes:
        said.append(b"<%d>" % len(said))
        return said[-1]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.empty, outbox)
        for what in puts:
            match what:
                case "put":
                    outbox.put(listener, [feed.Piece(next_frame(), len(said))])
                    assert listener.cursor <= listener.told <= len(said)
                case "answer":
                    outbox.answer(next_frame())
                case "snapshot":
                    outbox.put_snapshot(listener, [next_frame(), next_frame()], len(said))
                case "batch":
                    outbox.gather()
                    outbox.put(listener, [feed.Piece(next_frame(), len(said))])
                    outbox.answer(next_frame())
                    outbox.flush()
                case "wait":
                    await trio.testing.wait_all_tasks_blocked()
        await trio.testing.wait_all_tasks_blocked()
        assert line.sent == b"".join(said)
        outbox.close(1000)
    assert outbox.size == 0


async def test_a_batch_is_one_write_for_each_client() -> None:
    outbox, line = feed.Outbox(), Line(repeat(1))
    outbox.now = line.send_now
    listener = listener_of(outbox)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.empty, outbox)
        await trio.testing.wait_all_tasks_blocked()
        outbox.gather()
        outbox.put(listener, [feed.Piece(b"delta", 1)])
        outbox.answer(b"ack")
        outbox.answer(b"ack")
        outbox.flush()
        assert (line.sent, line.writes, outbox.size) == (b"deltaackack", 1, 0)
        outbox.close(1000)


SHAKEN = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
PONG = frame(b"?", 0x0A)
BYE = frame(b"\x03\xe8", 0x08)


def guarding(stream: trio.abc.Stream) -> Guard:
    watch = Watch(1, 1)
    return Guard(stream, b"", Inlet(stream, b"", watch, 1), watch, 30, None)


async def connected() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Return both ends of a connection, the server's first."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        theirs = await trio.open_tcp_stream(*listener.socket.getsockname()[:2])
        return await listener.accept(), theirs


async def test_what_the_system_takes_in_part_is_finished_before_anything_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It should take all, as the outlet has asked how much it has room for; here it has not."""
    monkeypatch.setattr(Outlet, "_at_once", lambda outlet: 2**30)
    ours, theirs = await connected()
    async with ours, theirs:
        guard = guarding(ours)
        large = frame(b"x" * 2**24)
        assert 0 < guard.send_now(large) < len(large)
        read = await read_so_much(theirs, 1)
        assert guard.send_now(b"more") == 0, "though there is room again"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(guard.send_all, PONG)
            await trio.testing.wait_all_tasks_blocked()
            read += await read_so_much(theirs, 1)
            assert guard.send_now(b"more") == 0, "while another sends"
            read += await read_so_much(theirs, len(large + PONG) - len(read))
        frames, rest = whole_frames(read)
        assert frames == [(0x81, b"x" * 2**24), (0x8A, b"?")]
        assert rest == b""
        assert guard.send_now(PONG) == len(PONG)


async def read_so_much(stream: trio.abc.ReceiveStream, size: int) -> bytes:
    read = bytearray()
    while len(read) < size:
        read += await stream.receive_some()
    return bytes(read)


async def test_nothing_goes_at_once_to_who_has_no_room_or_has_gone() -> None:
    ours, theirs = await connected()
    async with ours, theirs:
        guard = guarding(ours)
        sent = 0
        while gone := guard.send_now(frame(b"x" * 1000)):
            assert gone == 1004, "all of it, or nothing"
            sent += gone
        assert len(await read_so_much(theirs, sent)) == sent
        assert guard.send_now(PONG) == len(PONG)
        await theirs.aclose()
        assert guard.send_now(PONG) == 0
        await ours.aclose()
        assert guard.send_now(PONG) == 0


async def test_nothing_goes_at_once_behind_a_close_frame() -> None:
    ours, theirs = await connected()
    async with ours, theirs:
        guard = guarding(ours)
        await guard.send_all(SHAKEN)
        assert guard.send_now(PONG) == len(PONG)
        await guard.send_all(BYE)
        assert guard.send_now(PONG) == 0
        assert await read_so_much(theirs, 1) == SHAKEN + PONG + BYE


async def test_where_there_is_no_socket_all_is_sent_by_who_may_wait() -> None:
    ours, _ = trio.testing.memory_stream_pair()
    assert guarding(ours).send_now(PONG) == 0


async def test_a_socket_that_is_not_of_the_network_sends_like_any_other() -> None:
    here, there = trio.socket.socketpair()
    with here, there:
        outlet = Outlet(trio.SocketStream(here), 5.0)
        await outlet.send(frame(b"one"))
        assert outlet.send_now(frame(b"two")) == len(frame(b"two"))
        assert await there.recv(100) == frame(b"one") + frame(b"two")
