"""Frames that go out at once while nothing waits for a client: in order, and never by halves."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, nullcontext
from itertools import repeat
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from support.frames import whole_frames
from support.stalled import HELLO

from mishkah import feed
from mishkah.core.frames import Watch, frame
from mishkah.core.ids import StoreId
from mishkah.http.guard import Guard
from mishkah.http.inlet import Inlet
from mishkah.http.outlet import Outlet
from mishkah.http.receiving import Receiving
from mishkah.letters import Piece
from mishkah.listener import Listener
from mishkah.testing import open_test_house


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
                    outbox.put(listener, [Piece(next_frame(), len(said))])
                    assert listener.cursor <= listener.told <= len(said)
                case "answer":
                    outbox.answer(next_frame())
                case "snapshot":
                    outbox.put_snapshot(listener, [next_frame(), next_frame()], len(said))
                case "batch":
                    outbox.gather()
                    outbox.put(listener, [Piece(next_frame(), len(said))])
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
        outbox.put(listener, [Piece(b"delta", 1)])
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
    return Guard(stream, Inlet(stream, b"", b"", watch, 1), watch, 30, None)


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


class Held(trio.abc.HalfCloseableStream):
    """A stream whose sender waits until it is let go, and which takes no two at once."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.free = trio.Event()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))
        await self.free.wait()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None: ...
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        raise NotImplementedError

    async def aclose(self) -> None: ...


async def test_who_gives_up_waiting_for_its_turn_takes_it_from_nobody() -> None:
    """In the moment when one has sent and another begins, a third, who waited, goes."""
    for _ in range(20):  # who goes on first is left to chance
        stream, begin, waiting = Held(), trio.Event(), trio.CancelScope()
        outlet = Outlet(stream, 5.0)

        async def give_up(outlet: Outlet = outlet, waiting: trio.CancelScope = waiting) -> None:
            with waiting:
                await outlet.send(b"never")

        async def another(outlet: Outlet = outlet, begin: trio.Event = begin) -> None:
            await begin.wait()
            await outlet.send(b"second")

        async with trio.open_nursery() as nursery:
            for sender in (lambda outlet=outlet: outlet.send(b"first"), give_up, another):
                nursery.start_soon(sender)
                await trio.testing.wait_all_tasks_blocked()
            held, stream.free = stream.free, trio.Event()
            held.set()
            begin.set()
            waiting.cancel()
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(outlet.send, b"third")
            await trio.testing.wait_all_tasks_blocked()
            assert stream.sent in ([b"first", b"second"], [b"first", b"never"])
            stream.free.set()
        assert stream.sent[-1] == b"third"


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


async def test_an_idle_client_is_two_tasks_ours_and_that_of_the_library(data: Path) -> None:
    """Whatever was needed to let it in, and to send it a snapshot, is gone."""
    async with (
        open_test_house(data) as house,
        trio.open_nursery() as nursery,
        AsyncExitStack() as clients,
    ):
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(house.house.listen, listeners)
        tasks = []
        for _ in range(3):
            client = await trio.testing.open_stream_to_socket_listener(listeners[0])
            await clients.enter_async_context(client)
            await client.send_all(HELLO)
            read = b""
            while b"SNAPSHOT" not in read or b"]}" not in read:
                read += await client.receive_some()
            await trio.testing.wait_all_tasks_blocked()
            tasks.append(trio.lowlevel.current_statistics().tasks_living)
        assert [tasks[1] - tasks[0], tasks[2] - tasks[1]] == [2, 2]
        nursery.cancel_scope.cancel()


async def test_from_a_socket_comes_what_would_come_from_a_stream() -> None:
    ours, theirs = await connected()
    async with ours, theirs, trio.open_nursery() as nursery:
        receiving = Receiving(ours)
        await theirs.send_all(b"more than that")
        assert [await receiving.some(4), await receiving.some(None)] == [b"more", b" than that"]

        async def close_when_waiting() -> None:
            await trio.testing.wait_all_tasks_blocked()
            assert receiving.active
            await ours.aclose()

        nursery.start_soon(close_when_waiting)
        for _ in "while it waits", "and when it is closed already":
            with pytest.raises(trio.ClosedResourceError):
                await receiving.some(4)
        assert not receiving.active


@pytest.mark.parametrize("rude", [False, True])
async def test_the_end_of_a_socket_is_an_end_or_a_break(rude: bool) -> None:
    ours, theirs = await connected()
    async with ours, theirs:
        await ours.send_all(b"unread" if rude else b"")
        await theirs.wait_send_all_might_not_block()
        await trio.aclose_forcefully(theirs)  # a reset, where something is unread
        with pytest.raises(trio.BrokenResourceError) if rude else nullcontext():
            assert await Receiving(ours).some(4) == b""
