"""A house in memory, for the tests of this project and of plugins: no sockets, no files, no wait.

With trio's `MockClock` and `MemoryJournals` everything runs on virtual time. Don't mix a virtual
clock with `SqliteJournals`: it does not wait for threads.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from mishkah.catalog import Catalog
from mishkah.fakes import ALL as ALL
from mishkah.fakes import FakeGate as FakeGate
from mishkah.fakes import FaultyJournals as FaultyJournals
from mishkah.gate import Gate
from mishkah.house import House, open_house
from mishkah.http.guests import Guests
from mishkah.http.handshake import SUBPROTOCOL
from mishkah.identity.hasher import Hasher
from mishkah.journal import MemoryJournals, OpenJournal
from mishkah.limits import Limits
from mishkah.plugins import Plugins

NOON = datetime(2025, 10, 29, 12, 0, tzinfo=UTC)


def ticking(start: datetime = NOON) -> Callable[[], datetime]:
    """Return a wall clock that begins at *start* and moves a second at each look."""
    looks = iter(range(10**9))
    return lambda: start + timedelta(seconds=next(looks))


def write_installation(
    folder: Path,
    tables: Mapping[str, Any],
    *,
    seeds: Mapping[str, Any] | None = None,
    rules: Mapping[str, Any] | None = None,
    branches: Mapping[str, Any] | None = None,
) -> Path:
    """Write a data folder with the branch ``shop``, whose module ``m`` has *tables*; return it.

    *rules* are the sequence rules of ``m`` (table → field → rule); *branches* adds keys to
    ``branches.config.json``.
    """
    module = folder / "branches" / "shop" / "modules" / "m"
    (module / "schema").mkdir(parents=True)
    listed = {"branches": {"shop": {"modules": ["m"]}}, **(branches or {})}
    write_json(folder / "branches.config.json", listed)
    write_json(folder / "sequence-rules.json", {"defaults": {"m": rules or {}}})
    write_json(module / "schema" / "definition.json", {"tables": tables})
    if seeds is not None:
        (module / "seeds").mkdir()
        write_json(module / "seeds" / "initial.json", {"tables": seeds})
    return folder


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


class Client:
    """A WebSocket client of a `TestHouse`."""

    def __init__(self, ws: WebSocketConnection) -> None:
        self.ws = ws

    async def send(self, message: object) -> None:
        """Send *message*: text and bytes as they are, anything else as JSON."""
        raw = message if isinstance(message, str | bytes) else json.dumps(message)
        await self.ws.send_message(raw)

    async def receive(self) -> dict[str, Any]:
        """Return the next message. Raises ConnectionClosed when there is none."""
        message = json.loads(await self.ws.get_message())
        assert isinstance(message, dict)
        return message

    async def expect(self, kind: str) -> dict[str, Any]:
        """Return the next message of type *kind*, passing over others."""
        while (message := await self.receive())["type"] != kind:
            pass
        return message

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send *message*, which has a ref, and return its ACK or ERROR."""
        await self.send(message)
        while (answer := await self.receive()).get("ref") != message["ref"]:
            pass
        return answer

    async def close_code(self) -> int | None:
        """Read to the end and return the code that the server closed with."""
        try:
            while True:
                await self.ws.get_message()
        except ConnectionClosed as closed:
            return closed.reason.code if closed.reason else None


class TestHouse:
    """An open house whose clients come by memory streams."""

    __test__ = False  # not a test, whatever pytest thinks of its name

    def __init__(self, house: House, nursery: trio.Nursery) -> None:
        self.house = house
        self._nursery = nursery

    def connect(self) -> Any:
        """Return the client's end of a new connection, before any handshake: a stapled stream."""
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self.house.serve, theirs)
        return ours

    async def dial(self) -> Any:
        """Open a stream for `mishkah.client.connect`, as its *dial*."""
        return self.connect()

    @asynccontextmanager
    async def client(self, token: str | None = None, **query: str) -> AsyncIterator[Client]:
        """Connect with these URL parameters; *token* goes into the Authorization header."""
        async with self._connected(f"/?{urlencode(query)}", token=token) as client:
            yield client

    @asynccontextmanager
    async def v1(
        self, name: str | None = None, *, token: str | None = None
    ) -> AsyncIterator[Client]:
        """Connect with the subprotocol `mishkah.v1`, and say HELLO as the client *name*."""
        async with self._connected("/", SUBPROTOCOL) as client:
            await client.send({"type": "HELLO", "v": 1, "client": name, "token": token})
            assert (await client.receive())["type"] == "WELCOME"
            yield client

    @asynccontextmanager
    async def _connected(
        self, path: str, *subprotocols: str, token: str | None = None
    ) -> AsyncIterator[Client]:
        bearer = [] if token is None else [(b"Authorization", f"Bearer {token}".encode())]
        async with trio.open_nursery() as nursery:
            ws = await wrap_client_stream(
                nursery,
                self.connect(),
                "localhost",
                path,
                subprotocols=subprotocols,
                extra_headers=bearer,
                max_message_size=2**28,  # a SNAPSHOT of a whole store is one message
            )
            try:
                yield Client(ws)
            finally:
                with trio.move_on_after(5, shield=True):
                    await ws.aclose()
                nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_test_house(
    data: Path,
    *,
    journals: OpenJournal | None = None,
    plugins: Plugins | None = None,
    clock: Callable[[], datetime] | None = None,
    limits: Limits | None = None,
    guests: Guests | None = None,
    hasher: Hasher | None = None,
    gate: Gate | None = None,
) -> AsyncIterator[TestHouse]:
    """Open the installation in *data* in memory; its stores open when they are first used.

    Everybody may do everything, unless a *gate* says otherwise, such as a `FakeGate`; with a
    *hasher* there is access control, and an identity store without anybody yet.

    Without *plugins* the module of `write_installation` is a package's too, for branches that
    patterns make.
    """
    package = data / "branches" / "shop" / "modules" / "m"
    catalog = Catalog(data, plugins or Plugins(modules={"m": package}))
    async with (
        trio.open_nursery() as nursery,
        open_house(
            catalog,
            journals or MemoryJournals(),
            clock=clock or ticking(),
            guests=guests,
            limits=limits,
            hasher=hasher,
            gate=gate,
        ) as house,
    ):
        yield TestHouse(house, nursery)
