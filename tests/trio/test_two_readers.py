"""Plain texts read directly, all else by trio-websocket: what a client meets is the same."""

import contextlib
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from support.frames import Frame, sent, whole_frames
from support.stalled import HELLO
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked
from trio_websocket import ConnectionClosed

from mishkah.http.door import Door
from mishkah.http.guests import Guests
from mishkah.limits import Limits
from mishkah.rates import Rates

MOST, FRAGMENTS = 3000, 4
BINARY, PING, PONG, CLOSE = 0x82, 0x89, 0x8A, 0x88
PLAIN = st.one_of(
    st.sampled_from([b"", b"{}", b"\x00", "شاي".encode(), b"x" * 125, b"y" * 126, b"z" * MOST]),
    st.text(max_size=40).map(str.encode),
).map(sent)


def wide(payload: bytes, width: int) -> bytes:
    """Return a text frame whose length is written in more bytes than it needs."""
    head = bytes((0x81, 0x80 | {2: 126, 8: 127}[width])) + len(payload).to_bytes(width)
    return head + bytes(4) + payload


def split(message: bytes, first: int, between: list[bytes]) -> bytes:
    """Return *message* in a fragment at each of its bytes, with these frames *between* them."""
    parts = [message[i : i + 1] for i in range(len(message))]
    frames = []
    for i, part in enumerate(parts):
        end = 0x80 * (i == len(parts) - 1)
        frames += [sent(part, (0 if i else first) | end), *between]
    return b"".join(frames)


CONTROL = st.sampled_from([sent(b"", PING), sent(b"hello", PING), sent(b"x", PONG)])
ODD = st.one_of(
    CONTROL,
    st.builds(
        split, st.sampled_from([b"ab", "شا".encode(), b"\xd8x", b"abcde"]),
        st.sampled_from([1, 2]), st.lists(CONTROL, max_size=1),
    ),
    st.sampled_from(
        [
            sent(b"\x00\xff", BINARY),
            sent(b"1", BINARY) + sent(b"2", BINARY),
            sent(b"begun", 0x01),
            sent(b"", 0x01),
            sent(b"more", 0x00),
            sent(b"end", 0x80),
        ]
    ),
)  # fmt: skip
# Each is wrong in one way: of two, the cuts decide which is found first, read by whomever.
FATAL = st.sampled_from(
    [
        sent(b"\xff"),
        sent(b"ok\xd8"),
        sent(b"\xed\xa0\x80"),
        sent(b"unmasked", mask=False),
        sent(b"x" * (MOST + 1)),
        sent(b"rsv", 0xC1),
        sent(b"what", 0x83),
        sent(b"x" * 126, PING),
        wide(b"short", 2),
        wide(b"x" * 200, 8),
        b"\x81\xff" + (2**62).to_bytes(8) + b"mask",
        sent((1000).to_bytes(2) + b"bye", CLOSE),
        sent(b"", CLOSE),
        sent(b"\x03", CLOSE),
        sent((1005).to_bytes(2), CLOSE),
        sent((1000).to_bytes(2) + b"\xff", CLOSE),
    ]
)  # fmt: skip
STREAMS = st.lists(st.one_of(PLAIN, PLAIN, ODD, FATAL), max_size=7).map(b"".join)

Met = tuple[list[str | bytes], list[Frame], list[str | bytes], list[Frame]]
"""Messages heard and frames received: before the client's end, and in all."""


async def meet(pieces: list[bytes], *, direct: bool, behind: bool, late: bool = False) -> Met:
    """Return what comes of *pieces*, each sent when all before it are dealt with.

    With *behind* the first comes right behind the handshake. Who is *late* hears nothing before all
    are sent, and then slowly.
    """
    heard: list[str | bytes] = []
    listening = trio.Event()

    async def listen(ws: Any, guard: Any, *_: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                if late:
                    await listening.wait()
                    for _ in range(9):
                        await trio.lowlevel.checkpoint()
                heard.append(await guard.message())

    door = door_to(listen, direct=direct)
    ours, theirs = memory_stream_pair()
    taken = b""

    async def read() -> None:
        nonlocal taken
        async for some in ours:
            taken += some

    async with trio.open_nursery() as nursery:
        nursery.start_soon(door.serve, theirs)
        nursery.start_soon(read)
        for piece in [HELLO + pieces[0], *pieces[1:]] if behind else [HELLO, *pieces]:
            with contextlib.suppress(trio.BrokenResourceError):
                await ours.send_all(piece)
            await wait_all_tasks_blocked()
        before = list(heard), [] if late else told(taken)
        listening.set()
        with contextlib.suppress(trio.BrokenResourceError):
            await ours.send_eof()
    return *before, heard, told(taken)


def door_to(answer: Any, *, direct: bool) -> Door:
    async def nothing(*asked: Any) -> None:
        raise AssertionError("no request is made")

    limits = Limits(message=MOST, fragments=FRAGMENTS, direct=direct)
    return Door(answer, nothing, Guests(), limits, Rates(limits, Counter()))


def told(taken: bytes) -> list[Frame]:
    """Return the frames behind a handshake's answer: pongs, and perhaps a close frame, the last."""
    frames, rest = whole_frames(taken.partition(b"\r\n\r\n")[2])
    assert not rest
    assert all(first == PONG for first, _ in frames[:-1])
    return frames


@settings(deadline=None)
@given(STREAMS, st.data(), st.booleans(), st.booleans())
async def test_however_frames_are_cut_both_ways_of_reading_make_the_same_of_them(
    stream: bytes, data: st.DataObject, behind: bool, late: bool
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[begin:end] for begin, end in pairwise([0, *cuts, len(stream)])]
    directly = await meet(pieces, direct=True, behind=behind, late=late)
    assert directly == await meet(pieces, direct=False, behind=behind, late=late)


@settings(deadline=None)
@given(st.lists(st.one_of(PLAIN, ODD, FATAL), max_size=3).map(b"".join))
async def test_dripping_bytes_are_cuts_like_any_other(stream: bytes) -> None:
    pieces = [stream[i : i + 1] for i in range(min(len(stream), 400))] or [b""]
    directly = await meet(pieces, direct=True, behind=False)
    assert directly == await meet(pieces, direct=False, behind=False)


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("direct", [True, False])
async def test_messages_are_heard_in_order_whoever_reads_them(direct: bool, late: bool) -> None:
    odd = b"".join(sent(bytes([n]), BINARY) for n in range(3))
    stream = sent(b"a") + odd + sent(b"b") + sent(b"?", PING) + sent(b"c")
    heard = (await meet([stream], direct=direct, behind=False, late=late))[2]
    assert heard == ["a", b"\x00", b"\x01", b"\x02", "b", "c"]


@pytest.mark.parametrize("direct", [True, False])
async def test_nothing_is_heard_behind_a_broken_frame(direct: bool) -> None:
    stream = sent(b"1", BINARY) + sent(b"2", BINARY) + sent(b"\x03", CLOSE) + sent(b"late")
    heard = (await meet([stream], direct=direct, behind=False, late=True))[2]
    assert heard == [b"1", b"2"]


@pytest.mark.parametrize(
    ("direct", "said"),
    [
        (True, b""),
        (True, sent(b"{}")),
        (True, sent(b"{}") + sent(b"?", PING)),
        (False, b""),
        (False, sent(b"{}")),
    ],
    ids=repr,
)
async def test_what_answers_a_close_frame_is_heard_at_once_whatever_is_before_it(
    autojump_clock: MockClock, direct: bool, said: bytes
) -> None:
    async def close(ws: Any, guard: Any, *_: Any) -> None:
        if said:
            await guard.message()
        await ws.aclose(4000)

    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(door_to(close, direct=direct).serve, theirs)
        await ours.send_all(HELLO + said)
        await wait_all_tasks_blocked()
        assert (await ours.receive_some()).endswith(b"\x88\x02\x0f\xa0")
        await ours.send_all(sent(b"?", PING) + sent(b"{}") + sent((4000).to_bytes(2), CLOSE))
        await ours.send_eof()
        assert await ours.receive_some() == b""
    assert trio.current_time() < 0.5
