"""A house in memory, for the tests of this project and of plugins: no sockets, no files, no wait.

With trio's `MockClock` and `MemoryJournals` everything runs on virtual time. Don't mix a virtual
clock with `SqliteJournals`: it does not wait for threads.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from mishkah.catalog import Catalog
from mishkah.core.access import Role, grant_of
from mishkah.core.commit import Commit
from mishkah.core.errors import AuthExpired, AuthRequired
from mishkah.core.grants import Grant
from mishkah.core.ids import StoreId
from mishkah.core.reach import ANY, Scope
from mishkah.core.schema import Schema
from mishkah.core.shapes import fit
from mishkah.gate import Changes, Gate
from mishkah.house import House, open_house
from mishkah.http.guests import Guests
from mishkah.http.handshake import SUBPROTOCOL
from mishkah.identity.hasher import Hasher
from mishkah.journal import Journal, MemoryJournals, OpenJournal
from mishkah.limits import Limits
from mishkah.plugins import Plugins
from mishkah.who import NOBODY, Who

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


class FaultyJournals(MemoryJournals):
    """Memory journals with a disk that can be slow, full, broken or unsure.

    Each append takes `seconds`; then `refusal` is raised in its place, or `doubt` after it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.refusal: Exception | None = None
        self.doubt: Exception | None = None

    @asynccontextmanager
    async def __call__(self, store: StoreId, schema: Schema) -> AsyncIterator[Journal]:
        async with super().__call__(store, schema) as journal:
            yield _Faulty(journal, self)


class _Faulty:
    def __init__(self, journal: Journal, faults: FaultyJournals) -> None:
        self.epoch = journal.epoch
        self.migrated = journal.migrated
        self.load = journal.load
        self.names = journal.names
        self.commits = journal.commits
        self.reader = journal.reader
        self._append = journal.append
        self._faults = faults

    async def append(self, commits: Sequence[Commit]) -> None:
        await trio.sleep(self._faults.seconds)
        if self._faults.refusal is not None:
            raise self._faults.refusal
        await self._append(commits)
        if self._faults.doubt is not None:
            doubt, self._faults.doubt = self._faults.doubt, None
            raise doubt


ALL = {"do": ["read", "insert", "update", "delete", "call"]}
"""The rule of who may do all."""


class FakeGate:
    """A gate that a test opens and shuts: who comes by which token, and what each role may do.

    What changes, changes for open sessions at once. The clock stands still but for `pass_time`.
    """

    def __init__(self) -> None:
        self.changes = Changes()
        self._roles: dict[str, Role] = {}
        self._in: dict[str | None, Who] = {}
        self._sessions = 0
        self._time = 0.0

    def role(self, name: str, *rules: Mapping[str, Any]) -> None:
        """Let the role *name* do from now on what *rules* say, as those of ``access.json``."""
        self._roles[name] = fit({"rules": list(rules)}, Role)
        self._change()

    def let_in(
        self,
        token: str | None,
        role: str,
        *,
        user: str | None = None,
        branches: Sequence[str] = (ANY,),
        modules: Sequence[str] = (ANY,),
        seconds: float | None = None,
    ) -> Who:
        """Let in from now on, for *seconds*, who shows *token* (None: who shows none); return it.

        *role* is what counts in these *branches* and *modules*. The names of writes belong to the
        *user*, or to the token where it is nobody's.
        """
        self._sessions += 1
        session = f"s{self._sessions}"
        who = Who(
            user=user,
            session=session,
            owner=f"user:{user}" if user else f"token:{session}",
            scopes=(Scope(role, tuple(branches), tuple(modules)),),
            expires=None if seconds is None else self._time + seconds,
        )
        self._in[token] = who
        self._change()
        return who

    def turn_out(self, token: str | None) -> None:
        """Let in nobody any more who shows *token*, and send away who did."""
        del self._in[token]
        self._change()

    def pass_time(self, seconds: float) -> None:
        self._time += seconds
        self._change()

    def now(self) -> float:
        return self._time

    def identify(self, token: str | None) -> Who:
        if token not in self._in:
            raise AuthRequired
        return self._current(self._in[token])

    def again(self, who: Who) -> Who:
        if who is not NOBODY and who not in self._in.values():
            raise AuthExpired
        return self._current(who)

    def may_enter(self, who: Who, store: StoreId) -> bool:
        return who.role_in(store) is not None

    def grant(self, who: Who, store: StoreId, schema: Schema) -> Grant:
        role = who.role_in(store)
        assert role is not None, "asked of who may not enter"
        return grant_of(self._roles[role], store, schema, who.user)

    def _current(self, who: Who) -> Who:
        if who.expires is not None and who.expires <= self._time:
            raise AuthExpired
        return who

    def _change(self) -> None:
        self.changes.note()


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
    gate: Gate | None = None,
    hasher: Hasher | None = None,
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
            gate=gate,
            hasher=hasher,
        ) as house,
    ):
        yield TestHouse(house, nursery)
