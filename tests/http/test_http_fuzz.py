"""Requests of any bytes: each is refused or served, in bounded time, and the door stays whole."""

import re
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.answers import Answers
from support.responses import read_responses
from trio.testing import MockClock, memory_stream_pair

GOOD = (
    b"POST /echo?a=b HTTP/1.1\r\nHost: localhost:8080\r\nOrigin: http://localhost\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
)
PIECES = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b"%", b"%00", b"\xff", b"//[", b"#",
     b"?", b"http://", b"Content-Length: 3\r\n", b"Content-Length: 99999999\r\n", b"Host: x\r\n",
     b"Transfer-Encoding: chunked\r\n", b"Upgrade: websocket\r\n", b"Connection: upgrade\r\n",
     b"Sec-WebSocket-Version: 13\r\n", b"Expect: 100-continue\r\n", b"HEAD /hello HTTP/1.1\r\n",
     b"CONNECT a:1 HTTP/1.1\r\n", b" HTTP/2.0", b" HTTP/1.0", b"\r\n\r\n", b"0\r\n\r\n",
     b"fffffff\r\n"]
)  # fmt: skip
JUNK = st.one_of(st.binary(max_size=40), st.lists(PIECES, max_size=4).map(b"".join))
EDITS = st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 30), JUNK), max_size=4)


async def answered(door: Any, sent: bytes, cuts: list[int]) -> bytes:
    """Send *sent* in pieces and wait; return all that comes back by the time the door lets go."""
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(door.serve, theirs)
        for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
            await ours.send_all(sent[begin:end])
        return b"".join([bytes(part) async for part in ours])
    raise AssertionError("the door let go of it")


def statuses(sent: bytes, data: bytes) -> list[int]:
    """Return the status of each response in *data*, which has no body behind any HEAD."""
    if b"HEAD " in sent:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]
    return [status for status, _ in read_responses(data)]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=EDITS, cut=st.integers(0, len(GOOD)))
def test_any_bytes_are_refused_or_served_and_the_door_stays_whole(
    make_door: Any, caplog: pytest.LogCaptureFixture, edits: list[Any], cut: int
) -> None:
    sent = GOOD
    for at, size, junk in edits:
        sent = sent[:at] + junk + sent[at + size :]

    async def main() -> None:
        door = make_door(Answers(), body=4096)
        begun = trio.current_time()
        data = await answered(door, sent, [min(cut, len(sent))])
        assert trio.current_time() - begun <= 60 + 30 + 10 + 2, "it hangs"
        for status in statuses(sent, data):
            assert status in (200, 501, 505) or 400 <= status < 500, data
        fine = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert read_responses(await answered(door, fine, [])) == [(200, b"hello")]

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert not caplog.records


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sent=st.binary(max_size=400))
def test_noise_is_refused_or_left(
    make_door: Any, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    async def main() -> bytes:
        return await answered(make_door(Answers()), sent, [])

    data = trio.run(main, clock=MockClock(autojump_threshold=0))
    assert data == b"" or 400 <= read_responses(data)[0][0] < 600
    assert not caplog.records
