"""Frames that an honest client may send, around those of tests/hostile, which none does."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support.frames import sent as frame


@pytest.fixture(params=[True, False], ids=["direct", "by trio-websocket"])
async def knock(knock_at: Callable[..., Any], request: Any) -> AsyncIterator[Callable[[], Any]]:
    async with knock_at(direct=request.param) as knock:
        yield knock


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_what_came_whole_before_a_broken_frame_is_still_answered(
    knock: Any, size: int
) -> None:
    good = frame(b'{"type":"INSERT","table":"note","data":{"id":"n2"},"ref":"1"}')
    sent = good + frame(b"x" * 5_000_000)[:20]
    async with knock() as raw:
        await raw.shake_hands()
        await raw.frame()
        for i in range(0, len(good), size):
            await raw.stream.send_all(sent[i : i + size])
        assert b'"DELTA"' in (await raw.frame())[1]
        assert b'"ACK"' in (await raw.frame())[1]
        await raw.stream.send_all(sent[len(good) + (-len(good) % size) :])
        assert await raw.close_code() == 1009


async def test_pings_are_answered_between_fragments(knock: Any) -> None:
    async with knock() as raw:
        await raw.shake_hands()
        await raw.frame()
        message = b'{"type":"INSERT","table":"note","data":{"id":"n2"},"ref":"1"}'
        await raw.stream.send_all(frame(message[:9], 0x01) + frame(b"hello", 0x89))
        assert await raw.frame() == (10, b"hello")
        await raw.stream.send_all(frame(message[9:], 0x80))
        assert b'"DELTA"' in (await raw.frame())[1]


async def test_a_normal_close_is_answered_and_the_connection_ended(knock: Any) -> None:
    async with knock() as raw:
        await raw.shake_hands()
        await raw.frame()
        await raw.stream.send_all(frame((1000).to_bytes(2) + b"bye", 0x88))
        assert await raw.close_code() == 1000
        assert await raw.rest() == b""


async def test_a_close_without_a_code_is_answered(knock: Any) -> None:
    async with knock() as raw:
        await raw.shake_hands()
        await raw.frame()
        await raw.stream.send_all(frame(b"", 0x88))
        assert await raw.close_code() in (1000, 1005)
