"""Frames that no honest client sends: each ends as RFC 6455 says, and nobody else notices."""

import contextlib
from typing import Any

import pytest
import trio

MASK = b"\x01\x02\x03\x04"


def masked(payload: bytes) -> bytes:
    return bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


def frame(payload: bytes, first: int = 0x81, *, mask: bool = True) -> bytes:
    """Return a frame whose first byte is *first*, in the shortest length that fits."""
    bit = 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65536:
        head = bytes([first, bit | 126]) + size.to_bytes(2)
    else:
        head = bytes([first, bit | 127]) + size.to_bytes(8)
    return head + (MASK + masked(payload) if mask else payload)


CLOSED = {
    "unmasked text": (frame(b"{}", mask=False), 1002),
    "unmasked ping": (frame(b"", 0x89, mask=False), 1002),
    "reserved bit 1": (frame(b"{}", 0xC1), 1002),
    "reserved bit 2": (frame(b"{}", 0xA1), 1002),
    "reserved bit 3": (frame(b"{}", 0x91), 1002),
    "all reserved bits": (frame(b"{}", 0xF1), 1002),
    **{f"opcode {n:#x}": (frame(b"", 0x80 | n), 1002) for n in (*range(3, 8), *range(11, 16))},
    "a ping in fragments": (frame(b"", 0x09), 1002),
    "a close in fragments": (frame(b"", 0x08), 1002),
    "a ping of 126 bytes": (frame(b"x" * 126, 0x89), 1002),
    "a pong of 65536 bytes": (frame(b"x" * 65536, 0x8A), 1002),
    "a close of 1 byte": (frame(b"\x03", 0x88), 1002),
    **{
        f"close code {code}": (frame(code.to_bytes(2), 0x88), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "a close reason that is not UTF-8": (frame(b"\x03\xe8\xff\xfe", 0x88), 1007),
    "a continuation of nothing": (frame(b"{}", 0x80), 1002),
    "text inside a message": (frame(b"{", 0x01) + frame(b"}", 0x81), 1002),
    "a length not minimal, 16 bits": (b"\x81\xfe\x00\x05" + MASK + masked(b"hello"), 1002),
    "a length not minimal, 64 bits": (b"\x81\xff" + bytes(7) + b"\x05" + MASK, 1002),
    "a length of 2^63": (b"\x81\xff\x80" + bytes(7) + MASK, 1009),
    "a length of 2^63 - 1": (b"\x81\xff\x7f" + b"\xff" * 7 + MASK, 1009),
    "a length of 4 GiB": (b"\x81\xff" + (1 << 32).to_bytes(8) + MASK, 1009),
    "5 MB of text": (frame(b"x" * 5_000_000), 1009),
    "5 MB of bytes": (frame(b"x" * 5_000_000, 0x82), 1009),
    "2 MB in fragments": (
        frame(b"x" * 700_000, 0x01) + frame(b"x" * 700_000, 0x00) + frame(b"x" * 700_000, 0x80),
        1009,
    ),
    "129 fragments": (frame(b" ", 0x01) + frame(b" ", 0x00) * 128, 1008),
    "10,000 empty fragments": (frame(b"", 0x01) + frame(b"", 0x00) * 10_000, 1008),
    "text that is not UTF-8": (frame(b'{"type":"\xff"}'), 1007),
    "UTF-8 of a surrogate": (frame(b'"\xed\xa0\x80"'), 1007),
    "UTF-8 cut off": (frame('"م'.encode()[:-1]), 1007),
    "UTF-8 beyond Unicode": (frame(b'"\xf4\x90\x80\x80"'), 1007),
    "UTF-8 overlong": (frame(b'"\xc0\xaf"'), 1007),
    "noise": (bytes(range(256)) * 4, 1002),
}


@pytest.mark.parametrize("name", CLOSED)
async def test_a_broken_frame_is_answered_with_its_close_code(
    way_in: Any, still_lets_in: Any, name: str
) -> None:
    sent, code = CLOSED[name]
    async with way_in() as raw:
        await raw.shake_hands()
        await raw.frame()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send, raw, sent)
            assert await raw.close_code() == code
            assert await raw.rest() == b""  # nothing follows a close frame
            nursery.cancel_scope.cancel()
    await still_lets_in()


@pytest.mark.parametrize("name", ["noise", "unmasked text", "opcode 0x3", "a length of 4 GiB"])
async def test_a_frame_sent_with_the_handshake_is_judged_behind_its_answer(
    way_in: Any, still_lets_in: Any, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    sent, code = CLOSED[name]
    for _ in range(10):
        async with way_in() as raw:
            assert (await raw.shake_hands(behind=sent)).startswith("HTTP/1.1 101 ")
            assert await raw.close_code() == code
            assert await raw.rest() == b""
    await still_lets_in()
    assert "Traceback" not in caplog.text


async def _send(raw: Any, sent: bytes) -> None:
    with contextlib.suppress(trio.BrokenResourceError):
        await raw.stream.send_all(sent)


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
