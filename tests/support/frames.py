"""What a server has sent, taken apart by RFC 6455, and not by our own code."""

import json
from collections.abc import Iterator
from typing import Any


def read_stream(stream: bytes) -> list[dict[str, Any]]:
    """Return the messages in a *stream* of whole messages, in one or more frames each."""
    messages = []
    begun = b""
    for first, payload in frames_of(stream):
        assert first in ((0x01, 0x81) if not begun else (0x00, 0x80)), "text and what continues it"
        begun += payload
        if first & 0x80:
            messages.append(json.loads(begun.decode(), parse_constant=_no_constant))
            begun = b""
    assert not begun, "a message has no end"
    return messages


def frames_of(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the first byte and the payload of each frame in a *stream* of whole frames."""
    at = 0
    while at < len(stream):
        first, size = stream[at], stream[at + 1]
        at += 2
        assert size < 128, "a server masks nothing"
        if size >= 126:
            width = {126: 2, 127: 8}[size]
            size, at = int.from_bytes(stream[at : at + width]), at + width
        payload = stream[at : at + size]
        at += size
        assert len(payload) == size
        yield first, payload


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")
