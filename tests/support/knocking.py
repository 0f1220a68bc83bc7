"""A house on a real loopback port, and raw sockets to knock with."""

import base64
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trustme

from mishkah.catalog import Catalog
from mishkah.house import House, open_house
from mishkah.journal import MemoryJournals, OpenJournal
from mishkah.limits import Limits


@asynccontextmanager
async def listening(
    catalog: Catalog,
    journals: OpenJournal | None = None,
    limits: Limits | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve *catalog* on a free port; its stores are in memory without *journals*."""
    opened = open_house(catalog, journals or MemoryJournals(), limits=limits)
    async with opened as house, on_a_port(house, tls) as port:
        yield port


@asynccontextmanager
async def on_a_port(house: House, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Let clients into *house* by a free port."""
    tcp = await trio.open_tcp_listeners(0, host="127.0.0.1")
    listeners: list[Any] = [
        trio.SSLListener(one, tls, https_compatible=True) if tls else one for one in tcp
    ]
    async with trio.open_nursery() as doors:
        doors.start_soon(house.listen, listeners)
        yield tcp[0].socket.getsockname()[1]
        doors.cancel_scope.cancel()


class Tls:
    """A certificate of localhost, and who trusts it."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.certificate = authority.issue_cert("localhost", "127.0.0.1")
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.certificate.configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


class Raw:
    """A client that speaks bytes, as broken as a test wants them."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.heard = b""

    async def ask(self, path: str, headers: str = "") -> bytes:
        """Ask for *path* and return the body of the answer, which has a length."""
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
        await self.stream.send_all(head.encode())
        told = await self.head()
        length = int(told.lower().partition("content-length:")[2].split()[0])
        while len(self.heard) < length:
            await self.hear()
        body, self.heard = self.heard[:length], self.heard[length:]
        return body

    async def shake_hands(self, path: str = "/", headers: str = "", behind: bytes = b"") -> str:
        """Send a good handshake and what is *behind* it; return the head of the answer."""
        key = base64.b64encode(os.urandom(16)).decode()
        await self.stream.send_all(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\n{headers}\r\n".encode()
            + behind
        )
        return await self.head()

    async def head(self) -> str:
        """Return the head of the next answer."""
        while b"\r\n\r\n" not in self.heard:
            await self.hear()
        head, _, self.heard = self.heard.partition(b"\r\n\r\n")
        return head.decode()

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame: (opcode, payload). Raises EOFError where there is none."""
        while True:
            if len(self.heard) >= 2:
                size, at = self.heard[1], 2
                extended = {126: 2, 127: 8}.get(size, 0)
                if len(self.heard) >= at + extended:
                    if extended:
                        size = int.from_bytes(self.heard[2 : 2 + extended])
                    at += extended
                    if len(self.heard) >= at + size:
                        opcode, payload = self.heard[0] & 0x0F, self.heard[at : at + size]
                        self.heard = self.heard[at + size :]
                        return opcode, payload
            await self.hear()

    async def close_code(self) -> int | None:
        """Read to the close frame and return its code; None where the connection just ends."""
        return (await self.to_the_close())[1]

    async def to_the_close(self) -> tuple[list[bytes], int | None]:
        """Return what is said before the close frame, and its code."""
        said: list[bytes] = []
        try:
            while True:
                opcode, payload = await self.frame()
                if opcode == 8:
                    return said, int.from_bytes(payload[:2]) if payload else 1005
                said.append(payload)
        except (EOFError, trio.BrokenResourceError):
            return said, None

    async def rest(self) -> bytes:
        """Return everything until the server ends the connection."""
        try:
            while True:
                await self.hear()
        except (EOFError, trio.BrokenResourceError):
            return self.heard

    async def hear(self) -> None:
        """Take in more of what comes; it adds to `heard`. Raises EOFError at the end."""
        data = await self.stream.receive_some(65536)
        if not data:
            raise EOFError
        self.heard += data


@asynccontextmanager
async def open_raw(port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    with trio.fail_after(20):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            if tls is None:
                yield Raw(stream)
            else:
                yield Raw(trio.SSLStream(stream, tls, server_hostname="localhost"))
