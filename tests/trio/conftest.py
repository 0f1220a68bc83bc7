"""A client that reads late, and a gate that lets a clerk in."""

from collections.abc import Callable
from typing import Any

import pytest
from support.stalled import HELLO, Stalled, masked

from mishkah.testing import ALL, FakeGate


@pytest.fixture
def late() -> Callable[..., Stalled]:
    """Return a function ``(messages, capacity)`` → a client that says these and reads later."""

    def make(messages: list[Any], capacity: int, v1: bool = True) -> Stalled:
        hello = HELLO
        if v1:
            hello = hello[:-2] + b"Sec-WebSocket-Protocol: mishkah.v1\r\n\r\n"
        return Stalled(hello + b"".join(map(masked, messages)), capacity)

    return make


@pytest.fixture
def gate() -> FakeGate:
    gate = FakeGate()
    gate.role("clerk", ALL)
    gate.let_in("a", "clerk", user="amal")
    return gate
