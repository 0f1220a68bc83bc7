"""A house on a real loopback port, with its stores in memory, and raw sockets to knock with."""

import base64
import os
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

from mishkah.catalog import Catalog
from mishkah.house import open_house
from mishkah.http.door import Door
from mishkah.http.gateway import Application
from mishkah.http.guests import Guests
from mishkah.journal import MemoryJournals
from mishkah.limits import Limits
from mishkah.plugins import Plugins
from mishkah.rates import Rates


@asynccontextmanager
async def listening(
    data: Path, limits: Limits | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve *data* on a free port, for the block."""
    async with open_house(Catalog(data, Plugins()), MemoryJournals(), limits=limits) as house:
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


@pytest.fixture(scope="session")
def tls() -> Tls:
    return Tls()


@pytest.fixture(params=["first request", "second request", "TLS"])
async def way_in(request: Any, data: Path, tls: Tls) -> AsyncIterator[Callable[[], Any]]:
    """A `knock` whose WebSocket is asked for first, behind another request, or over TLS."""
    way = request.param
    async with listening(data, tls=tls.server if way == "TLS" else None) as port:

        @asynccontextmanager
        async def knock() -> AsyncIterator[Raw]:
            async with open_raw(port, tls.client if way == "TLS" else None) as raw:
                if way == "second request":
                    assert await raw.ask("/healthz") == b"ok\n"
                yield raw

        yield knock


@pytest.fixture
async def port(data: Path) -> AsyncIterator[int]:
    async with listening(data) as port:
        yield port


async def _no_sockets(*_: Any) -> None:
    raise AssertionError("a WebSocket was let in")


@pytest.fixture
def make_door() -> Callable[..., Door]:
    """Return a function (app, guests, limits) → a door to *app*, which lets in no WebSocket."""

    def make(app: Application, guests: Guests | None = None, **limits: Any) -> Door:
        limit = Limits(**limits)
        return Door(_no_sockets, app, guests or Guests(), limit, Rates(limit, Counter()))

    return make


@pytest.fixture
def at_door(make_door: Callable[..., Door]) -> Callable[..., Any]:
    """Return a function (app, guests, limits) → a context whose value is a `knock` at the door."""

    @asynccontextmanager
    async def doors(app: Application, **how: Any) -> AsyncIterator[Callable[[], Any]]:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, make_door(app, **how).serve, listeners)
            yield lambda: open_raw(listeners[0].socket.getsockname()[1])
            nursery.cancel_scope.cancel()

    return doors


class Raw:
    """A client that speaks bytes, as broken as a test wants them."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self._read = b""

    async def ask(self, path: str, headers: str = "") -> bytes:
        """Ask for *path* and return the body of the answer, which has a length."""
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
        await self.stream.send_all(head.encode())
        while b"\r\n\r\n" not in self._read:
            await self._more()
        told, _, self._read = self._read.partition(b"\r\n\r\n")
        length = int(told.lower().partition(b"content-length:")[2].split()[0])
        while len(self._read) < length:
            await self._more()
        body, self._read = self._read[:length], self._read[length:]
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
        while b"\r\n\r\n" not in self._read:
            await self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return head.decode()

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame: (opcode, payload). Raises EOFError where there is none."""
        while True:
            if len(self._read) >= 2:
                size, at = self._read[1], 2
                extended = {126: 2, 127: 8}.get(size, 0)
                if len(self._read) >= at + extended:
                    if extended:
                        size = int.from_bytes(self._read[2 : 2 + extended])
                    at += extended
                    if len(self._read) >= at + size:
                        opcode, payload = self._read[0] & 0x0F, self._read[at : at + size]
                        self._read = self._read[at + size :]
                        return opcode, payload
            await self._more()

    async def close_code(self) -> int | None:
        """Read to the close frame and return its code; None where the connection just ends."""
        try:
            while True:
                opcode, payload = await self.frame()
                if opcode == 8:
                    return int.from_bytes(payload[:2]) if payload else 1005
        except (EOFError, trio.BrokenResourceError):
            return None

    async def rest(self) -> bytes:
        """Return everything until the server ends the connection."""
        try:
            while True:
                await self._more()
        except (EOFError, trio.BrokenResourceError):
            return self._read

    async def _more(self) -> None:
        data = await self.stream.receive_some(65536)
        if not data:
            raise EOFError
        self._read += data


@asynccontextmanager
async def open_raw(port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    with trio.fail_after(20):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            if tls is None:
                yield Raw(stream)
            else:
                yield Raw(trio.SSLStream(stream, tls, server_hostname="localhost"))


@pytest.fixture
def knock(port: int) -> Callable[[], Any]:
    return lambda: open_raw(port)


@pytest.fixture
def knock_at(data: Path) -> Callable[..., Any]:
    """Return a function (limits) → a context whose value is a `knock` at a house with them."""

    @asynccontextmanager
    async def limited(**limits: Any) -> AsyncIterator[Callable[[], Any]]:
        async with listening(data, Limits(**limits)) as port:
            yield lambda: open_raw(port)

    return limited


async def let_in(knock: Callable[[], Any]) -> None:
    """An honest client is let in, and gets its snapshot."""
    async with knock() as raw:
        assert "101" in await raw.shake_hands()
        opcode, payload = await raw.frame()
        assert opcode == 1
        assert payload.startswith(b'{"type":"SNAPSHOT"')


@pytest.fixture
def still_serves(knock: Callable[[], Any]) -> Callable[[], Awaitable[None]]:
    return lambda: let_in(knock)


@pytest.fixture
def still_lets_in(way_in: Callable[[], Any]) -> Callable[[], Awaitable[None]]:
    return lambda: let_in(way_in)
