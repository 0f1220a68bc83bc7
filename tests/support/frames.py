"""What a server has sent, taken apart by RFC 6455, and not by our own code."""

import json
from typing import Any

CONTROL = 0x08


def read_stream(stream: bytes) -> list[dict[str, Any]]:
    """Return the messages in a *stream* of whole text frames."""
    payloads, rest = whole_frames(stream)
    assert not rest, "half a frame"
    return [json.loads(payload.decode(), parse_constant=_no_constant) for payload in payloads]


def whole_frames(stream: bytes) -> tuple[list[bytes], bytes]:
    """Return the payloads of the text frames that begin *stream*, and what is not whole yet."""
    payloads = []
    while len(stream) >= 2:
        first, size, at = stream[0], stream[1], 2
        assert size < 128, "a server masks nothing"
        if size >= 126:
            width = {126: 2, 127: 8}[size]
            size, at = int.from_bytes(stream[2 : 2 + width]), 2 + width
        if len(stream) < at + size:
            break
        payload, stream = stream[at : at + size], stream[at + size :]
        if not first & CONTROL:
            assert first == 0x81, "one final text frame"
            payloads.append(payload)
    return payloads, stream


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")
