"""A client that reads late."""

from collections.abc import Callable
from typing import Any

import pytest
from support.stalled import HELLO, Stalled, masked


@pytest.fixture
def late() -> Callable[..., Stalled]:
    """Return a function ``(messages, capacity)`` → a v1 client that says these and reads later."""

    def make(messages: list[Any], capacity: int) -> Stalled:
        hello = HELLO.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: mishkah.v1\r\n\r\n")
        return Stalled(hello + b"".join(map(masked, messages)), capacity)

    return make
