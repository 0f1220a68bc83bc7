"""Connections whose peer reads late, or never."""

import json
from typing import Any

import trio

from support.frames import read_stream

HELLO = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def masked(message: object) -> bytes:
    """Return *message* as a client's text frame; a mask of zeros leaves it as it is."""
    payload = json.dumps(message).encode()
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else bytes((0x80 | 126,)) + size.to_bytes(2)
    return b"\x81" + length + bytes(4) + payload


class Stalled(trio.abc.HalfCloseableStream):
    """A server's end of a connection whose peer says hello and reads nothing until `reads`."""

    def __init__(self, hello: bytes, capacity: int = 50_000) -> None:
        self.closed = trio.Event()
        self.reads = trio.Event()
        self._said = hello
        self._says = trio.Event()
        self.taken = b""
        self.capacity = capacity

    async def send_all(self, data: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.taken += bytes(data)
        if len(self.taken) > self.capacity:
            await self.reads.wait()

    def messages(self) -> list[dict[str, Any]]:
        """Return what was received behind the handshake's answer."""
        return read_stream(self.taken.partition(b"\r\n\r\n")[2])

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        while not self._said:
            await self._says.wait()
            self._says = trio.Event()
            if self.closed.is_set():
                raise trio.ClosedResourceError
        said, self._said = self._said, b""
        return said

    def stop(self) -> None:
        """Read nothing more until `go_on`."""
        self.capacity, self.reads = len(self.taken), trio.Event()

    def go_on(self) -> None:
        """Read all there is, and what comes."""
        self.capacity = 10**9
        self.reads.set()

    def says(self, message: object) -> None:
        """Send one message more."""
        self._said += masked(message)
        self._says.set()

    async def aclose(self) -> None:
        self.closed.set()
        self._says.set()
        await trio.lowlevel.checkpoint()
