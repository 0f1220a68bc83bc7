"""What a server has sent, taken apart by RFC 6455, and not by our own code."""

import json
from typing import Any


def read_stream(stream: bytes) -> list[dict[str, Any]]:
    """Return the messages in a *stream* of whole text frames."""
    messages = []
    while stream:
        first, size, at = stream[0], stream[1], 2
        assert first == 0x81, "one final text frame"
        assert size < 128, "a server masks nothing"
        if size >= 126:
            width = {126: 2, 127: 8}[size]
            size, at = int.from_bytes(stream[2 : 2 + width]), 2 + width
        payload, stream = stream[at : at + size], stream[at + size :]
        assert len(payload) == size
        messages.append(json.loads(payload.decode(), parse_constant=_no_constant))
    return messages


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")
