"""Two houses that differ only in what one client may not see, and its sockets in both."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
import trio.testing

from mishkah.clock import Clock
from mishkah.limits import Limits
from mishkah.testing import ALL, FakeGate, TestHouse, open_test_house, write_json
from support.stalled import masked

KEY = {"type": "text", "primaryKey": True}
TEXT: dict[str, Any] = {"type": "text"}


def leads(table: str, deletion: str) -> dict[str, Any]:
    return {**TEXT, "references": {"table": table, "onDelete": deletion}}


TABLES: dict[str, Any] = {
    "shelf": {"fields": {"id": KEY, "label": TEXT, "hcode": {**TEXT, "unique": True}}},
    "item": {
        "fields": {
            "id": KEY,
            "code": TEXT,
            "name": {**TEXT, "required": True, "maxLength": 9},
            "area": {**TEXT, "enum": ["n", "s"], "default": "n"},
            "qty": {"type": "integer", "min": 0, "default": 1},
            "price": {"type": "decimal"},
            "info": {"type": "json"},
            "shelf": leads("shelf", "set-null"),
            "at": {"type": "timestamp", "default": "now", "onUpdate": "now"},
            "owner": TEXT,
            "hcost": {"type": "integer", "min": 0, "max": 1000},
            "hprice": {"type": "decimal"},
            "hnum": TEXT,
            "hshelf": leads("shelf", "set-null"),
            "pin": {**TEXT, "secret": True},
        },
        "indexes": [
            {"fields": ["name", "area", "qty"], "unique": True},
            {"fields": ["owner"]},
            {"fields": ["hcost"]},
        ],
    },
    "note": {
        "fields": {
            "id": KEY,
            "item": leads("item", "cascade"),
            "by": TEXT,
            "text": TEXT,
            "hmood": {"type": "integer"},
        },
        "indexes": [{"fields": ["by"]}],
    },
    "box": {"fields": {"id": KEY, "n": {"type": "integer"}, "hnote": leads("note", "restrict")}},
    "hush": {"fields": {"id": KEY, "item": leads("item", "cascade"), "word": TEXT}},
}
RULES = {
    "item": {
        "code": {"prefix": "C", "start": 1, "format": "{prefix}-{number:03d}"},
        "hnum": {"prefix": "H", "start": 1, "format": "{prefix}-{number:03d}"},
    }
}

HIDDEN = ["owner", "hcost", "hprice", "hnum", "hshelf", "hmood", "hcode", "pin", "hnote"]
_NO_HUSH = {"do": ["read", "insert", "update", "delete"], "tables": ["hush"], "allow": False}
_MINE = {"or": [["owner", "=", "$user"], ["owner", "in", ["all", "$branch"]]]}
_NOTES = {
    "do": ["read", "update", "delete"],
    "tables": ["note"],
    "except": HIDDEN,
    "where": ["by", "in", ["$user", "all"]],
}
_PLAIN = {**_NOTES, "where": {"not": ["by", "in", ["omar", "zaid"]]}}
ROLES: dict[str, list[Any]] = {
    "writer": [
        _NO_HUSH,
        {"do": ["read"], "tables": ["item"], "except": HIDDEN, "where": _MINE},
        {"do": ["insert"], "tables": ["item"], "except": [*HIDDEN[1:]]},
        {"do": ["update"], "tables": ["item"], "fields": ["name", "qty", "price", "shelf"]},
        {"do": ["delete"], "tables": ["item"], "where": ["qty", "<", 40]},
        _NOTES,
        {"do": ["insert"], "tables": ["box"]},
        {
            "do": ["read", "insert", "update", "delete"],
            "tables": ["shelf", "note"],
            "except": HIDDEN,
        },
    ],
    "blind": [
        {"do": ["read"], "tables": ["item"], "fields": ["name", "area"], "where": _MINE},
        {
            "do": ["insert", "update"],
            "tables": ["item"],
            "fields": ["name", "area", "hcost", "hshelf"],
        },
        {"do": ["insert"], "tables": ["note", "box"]},
    ],
    "reader": [
        _NO_HUSH,
        {"do": ["read"], "tables": ["box"], "allow": False},
        _PLAIN,
        {"do": ["read"], "except": HIDDEN, "where": ["id", ">", ""]},
    ],
    "sweeper": [
        _PLAIN,
        {"do": ["read", "delete"], "tables": ["shelf"], "except": HIDDEN},
        {"do": ["read"], "tables": ["item"], "where": _MINE, "except": HIDDEN},
    ],
}


def rows(world: int, *, crowd: bool) -> dict[str, Any]:
    """Return the seeds of *world*, 0 or 1: with a *crowd*, one of them hides a lot more."""
    theirs = ("omar", "zaid")[world]
    items = [
        {
            "id": f"i{n}",
            "name": f"n{n}",
            "qty": n,
            "price": n / 4,
            "info": {"n": n},
            "shelf": f"s{n % 3}",
            "owner": ("amal", "all", theirs)[n % 3],
            "hcost": (n, 100 - n)[world],
            "hprice": (n / 8, n * 3)[world],
            "hshelf": f"s{n % 2}",
            "pin": ("1234", "9876")[world],
        }
        for n in range(9)
    ]
    notes = [
        {
            "id": f"o{n}",
            "item": f"i{n % 9}",
            "by": ("amal", theirs, "all")[n % 3],
            "text": "t",
            "hmood": (n, -n)[world],
        }
        for n in range(9)
    ]
    more = (1, 1200 if crowd else 4)[world]
    notes += [
        {"id": f"zz{n}", "item": f"i{n % 9}", "by": theirs, "text": f"zz{n}"} for n in range(more)
    ]
    return {
        "shelf": [{"id": f"s{n}", "label": f"l{n}", "hcode": f"c{n}"} for n in range(3)],
        "item": items,
        "note": notes,
        "box": [{"id": "b0", "n": (1, 2)[world]}],
        "hush": [{"id": f"zh{n}", "item": f"i{n}", "word": f"w{world}"} for n in range(3 + world)],
    }


def install(folder: Path, world: int, *, crowd: bool) -> Path:
    both = {"shop": {"modules": ["m"]}, "far": {"modules": ["m"]}}
    for branch in both:
        module = folder / "branches" / branch / "modules" / "m"
        (module / "schema").mkdir(parents=True)
        (module / "seeds").mkdir()
        write_json(module / "schema" / "definition.json", {"tables": TABLES})
        seeds = rows(world, crowd=crowd)
        if branch == "far":
            seeds["item"] = seeds["item"][: 2 + world]
            seeds["note"] = seeds["hush"] = []
        write_json(module / "seeds" / "initial.json", {"tables": seeds})
    write_json(folder / "branches.config.json", {"branches": both})
    write_json(folder / "sequence-rules.json", {"defaults": {"m": RULES}})
    return folder


class Ear:
    """A connection whose peer says what it is told to, and keeps every byte that comes."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.heard = b""
        self.ended = trio.Event()

    async def listen(self) -> None:
        try:
            while data := await self.stream.receive_some():
                self.heard += bytes(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self.ended.set()

    async def say(self, data: bytes) -> None:
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.ended.set()

    def take(self) -> bytes:
        heard, self.heard = self.heard, b""
        return re.sub(rb"\r\ndate: [^\r]*", b"", heard)


_UPGRADE = (
    "GET /{} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{}\r\n\r\n"
)
V1 = _UPGRADE.format("", "Sec-WebSocket-Protocol: mishkah.v1")


def seed_socket(query: str) -> str:
    return _UPGRADE.format(f"?branch=shop&module=m{query}", "Authorization: Bearer low")


class World:
    """One of the two houses, with its low client's sockets and its owner."""

    def __init__(self, house: TestHouse, nursery: trio.Nursery) -> None:
        self._house = house
        self._nursery = nursery
        self._sockets: dict[str, Ear] = {}
        self.owner: Any = None

    async def say(
        self, name: str, handshake: str, first: list[Any], said: Any, *, anew: bool = False
    ) -> None:
        """Say it on the socket *name*, which begins with *handshake* and *first*, maybe *anew*."""
        ear = self._sockets.get(name)
        if ear is None or anew or ear.ended.is_set():
            if ear is not None:
                await ear.stream.aclose()
            ear = self._sockets[name] = await self._dial(handshake.encode())
            for message in first:
                await ear.say(masked(message))
        await ear.say(masked(said))

    async def _dial(self, first: bytes) -> Ear:
        ear = Ear(self._house.connect())
        self._nursery.start_soon(ear.listen)
        await ear.say(first)
        return ear

    async def http(self, request: bytes) -> bytes:
        """Return the response, as far as it comes by itself."""
        ear = await self._dial(request)
        await trio.testing.wait_all_tasks_blocked()
        await ear.stream.aclose()
        return ear.take()

    async def quiet(self) -> dict[str, bytes]:
        """Return what every socket has heard by when nothing more happens."""
        await trio.testing.wait_all_tasks_blocked()
        return {name: ear.take() for name, ear in self._sockets.items()}


@asynccontextmanager
async def world(
    folder: Path, number: int, role: str, clock: Clock, *, crowd: bool
) -> AsyncIterator[World]:
    gate = FakeGate()
    gate.role("owner", ALL)
    gate.role("low", *ROLES[role])
    gate.let_in("own", "owner", user="omar")
    gate.let_in("low", "low", user="amal", branches=["shop"])
    data = install(folder / str(number), number, crowd=crowd)
    limits = Limits(rate=1e6, address_rate=1e6, user_rate=1e6)
    async with (
        open_test_house(data, gate=gate, clock=clock, limits=limits) as house,
        trio.open_nursery() as nursery,
        house.v1("o", token="own") as owner,
    ):
        made = World(house, nursery)
        made.owner = owner
        yield made
        nursery.cancel_scope.cancel()
