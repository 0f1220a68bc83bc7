"""What takes too long, what breaks off, and what a stop does: on the virtual clock."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from support.answers import BIG, Answers
from support.responses import read_responses
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair

from mishkah.http.door import Door

GET = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
HELLO = (200, b"hello")


def get(path: str) -> bytes:
    return GET.replace(b"/hello", path.encode())


POST = get("/echo").replace(b"GET", b"POST")[:-2]


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[Any]:
    """Connect to *door*, for the block; the value is our end. Its task ends when we hang up."""
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery, ours:
        nursery.start_soon(door.serve, theirs)
        yield ours


async def rest(stream: Any) -> bytes:
    return b"".join([bytes(part) async for part in stream])


@pytest.mark.parametrize(
    ("first", "seconds"),
    [(b"", 10), (b"GET /he", 10), (GET, 60), (GET + b"GET", 10), (b"\r\n" * 5, 10)],
    ids=["nothing", "half a head", "a request", "one and a half", "empty lines"],
)
async def test_the_next_request_may_come_so_late(
    autojump_clock: MockClock, make_door: Callable[..., Door], first: bytes, seconds: float
) -> None:
    async with served(make_door(Answers())) as client:
        await client.send_all(first)
        begun = trio.current_time()
        data = await rest(client)
        assert trio.current_time() - begun == pytest.approx(seconds)
        assert read_responses(data) == [HELLO] * first.startswith(GET)


async def test_a_head_that_drips_has_ten_seconds_in_all(
    autojump_clock: MockClock, make_door: Callable[..., Door]
) -> None:
    async with served(make_door(Answers())) as client, trio.open_nursery() as nursery:
        await client.send_all(GET)
        await trio.sleep(55)
        begun = trio.current_time()
        nursery.start_soon(_drip, client)
        assert read_responses(await rest(client)) == [HELLO]
        assert trio.current_time() - begun == pytest.approx(5)
        nursery.cancel_scope.cancel()
    async with served(make_door(Answers())) as client, trio.open_nursery() as nursery:
        begun = trio.current_time()
        nursery.start_soon(_drip, client)
        assert await rest(client) == b""
        assert trio.current_time() - begun == pytest.approx(10)
        nursery.cancel_scope.cancel()


async def _drip(client: Any) -> None:
    for byte in b"GET / HTTP/1.1\r\nX: " + b"y" * 100:
        await client.send_all(bytes([byte]))
        await trio.sleep(1)


async def test_a_body_has_thirty_seconds(
    autojump_clock: MockClock, make_door: Callable[..., Door]
) -> None:
    async with served(make_door(Answers())) as client:
        await client.send_all(POST + b"Content-Length: 100\r\n\r\nhalf")
        begun = trio.current_time()
        assert read_responses(await rest(client)) == [(408, b"The body did not come in time.\n")]
        assert trio.current_time() - begun == pytest.approx(30)


async def test_a_body_that_nobody_reads_is_not_waited_for_longer(
    autojump_clock: MockClock, make_door: Callable[..., Door]
) -> None:
    async with served(make_door(Answers())) as client:
        await client.send_all(POST.replace(b"echo", b"hello") + b"Content-Length: 100\r\n\r\nhalf")
        begun = trio.current_time()
        assert read_responses(await rest(client)) == [HELLO]
        assert trio.current_time() - begun == pytest.approx(30)


async def test_a_client_that_leaves_in_its_body_is_told_to_the_app_and_nobody_else(
    autojump_clock: MockClock, make_door: Callable[..., Door], caplog: pytest.LogCaptureFixture
) -> None:
    app = Answers()
    async with served(make_door(app)) as client:
        await client.send_all(POST + b"Content-Length: 100\r\n\r\nhalf")
        await client.send_eof()
        assert await rest(client) == b""
    assert app.told == ["left in the middle"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_client_that_reads_nothing_of_a_big_response_is_given_up(
    autojump_clock: MockClock, make_door: Callable[..., Door], caplog: pytest.LogCaptureFixture
) -> None:
    app = Answers()
    client, theirs = lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(make_door(app).serve, theirs)
        await client.send_all(get("/big"))
        begun = trio.current_time()
    assert trio.current_time() - begun == pytest.approx(30)
    assert app.told == ["the big one was not taken"]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_client_that_reads_slowly_gets_all_of_it(
    autojump_clock: MockClock, make_door: Callable[..., Door]
) -> None:
    client, theirs = lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(make_door(Answers()).serve, theirs)
        await client.send_all(get("/big"))
        size = 0
        while size < BIG:
            await trio.sleep(20)
            size += len(await client.receive_some(64 * 1024))
        assert trio.current_time() > 1000
        nursery.cancel_scope.cancel()


async def test_a_client_that_hangs_up_is_told_to_what_streams_to_it(
    autojump_clock: MockClock, make_door: Callable[..., Door], caplog: pytest.LogCaptureFixture
) -> None:
    app = Answers()
    async with served(make_door(app)) as client:
        await client.send_all(get("/stream"))
        await app.under_way.wait()
        await client.aclose()
    assert app.told == ["http.disconnect"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_what_is_asked_behind_a_stream_is_answered_behind_it(
    autojump_clock: MockClock, make_door: Callable[..., Door]
) -> None:
    app = Answers()
    async with served(make_door(app)) as client:
        await client.send_all(get("/stream"))
        await app.under_way.wait()
        await client.send_all(GET + GET[:9])
        await trio.sleep(100)
        app.go_on.set()
        await client.send_all(GET[9:])
        await client.send_eof()
        assert read_responses(await rest(client)) == [(200, b"begun ended"), HELLO, HELLO]


async def test_a_stop_ends_idle_connections_at_once_and_finishes_what_is_under_way(
    autojump_clock: MockClock, make_door: Callable[..., Door]
) -> None:
    app = Answers()
    door = make_door(app)
    async with served(door) as idle, served(door) as half, served(door) as busy:
        await idle.send_all(GET)
        await half.send_all(GET[:20])
        await busy.send_all(get("/waits") + GET)
        await app.under_way.wait()
        await trio.sleep(1)
        begun = trio.current_time()
        door.close()
        assert read_responses(await rest(idle)) == [HELLO]
        assert await rest(half) == b""
        async with served(door) as late:
            assert await rest(late) == b""
        assert trio.current_time() == begun
        await trio.sleep(3)
        app.go_on.set()
        data = await rest(busy)
        assert read_responses(data) == [(200, b"waited")]
        assert b"connection: close" in data.lower()
        assert app.asked == 2


async def test_a_stop_ends_what_streams(
    autojump_clock: MockClock, make_door: Callable[..., Door]
) -> None:
    app = Answers()
    door = make_door(app)
    async with served(door) as client:
        await client.send_all(get("/stream"))
        await app.under_way.wait()
        door.close()
        app.go_on.set()
        assert read_responses(await rest(client)) == [(200, b"begun ended")]
        assert app.told == []
