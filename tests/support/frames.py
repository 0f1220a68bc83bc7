"""Frames of RFC 6455: a client's put together, a server's taken apart, and not by our own code."""

import json
from typing import Any

TEXT = 0x81
"""The first byte of a frame that is a whole text message."""
CONTROL = 0x08

Frame = tuple[int, bytes]
"""(first byte, payload)"""


_MASK = b"\x01\x02\x03\x04"


def sent(payload: bytes, first: int = TEXT, *, mask: bool = True) -> bytes:
    """Return a client's frame whose first byte is *first*, in the shortest length that fits."""
    bit = 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65536:
        head = bytes([first, bit | 126]) + size.to_bytes(2)
    else:
        head = bytes([first, bit | 127]) + size.to_bytes(8)
    if not mask:
        return head + payload
    whole = _MASK * (size // 4 + 1)
    masked = int.from_bytes(payload) ^ int.from_bytes(whole[:size])
    return head + _MASK + masked.to_bytes(size)


def read_stream(stream: bytes) -> list[dict[str, Any]]:
    """Return the messages in a *stream* of whole messages, in one or more frames each."""
    frames, rest = whole_frames(stream)
    assert not rest, "half a frame"
    messages = []
    begun = b""
    for first, payload in frames:
        assert first in ((0x01, TEXT) if not begun else (0x00, 0x80)), "text and what continues it"
        begun += payload
        if first & 0x80:
            messages.append(json.loads(begun.decode(), parse_constant=_no_constant))
            begun = b""
    assert not begun, "a message has no end"
    return messages


def whole_frames(stream: bytes) -> tuple[list[Frame], bytes]:
    """Return the frames that begin *stream*, and what is not whole yet."""
    frames: list[Frame] = []
    while len(stream) >= 2:
        first, size, at = stream[0], stream[1], 2
        assert size < 128, "a server masks nothing"
        if size >= 126:
            width = {126: 2, 127: 8}[size]
            size, at = int.from_bytes(stream[2 : 2 + width]), 2 + width
        if len(stream) < at + size:
            break
        frames.append((first, stream[at : at + size]))
        stream = stream[at + size :]
    return frames, stream


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")
