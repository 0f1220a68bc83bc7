"""A client with a live replica of what it subscribes to. This is the face that programs see."""

import random
from collections.abc import Sequence
from itertools import count
from typing import Any

from mishkah.client.connection import Connection
from mishkah.client.database import Database, Page
from mishkah.client.errors import OutboxFull, Refusal, Undone, Unreachable
from mishkah.client.feed import Feed
from mishkah.client.greeting import Token
from mishkah.client.link import Address, Dial
from mishkah.client.machine import Machine
from mishkah.client.replica import Cursor
from mishkah.client.screen import Change
from mishkah.client.writes import Write
from mishkah.core.messages import Delete, Insert, Subscribe, Update

__all__ = [
    "Change",
    "Cursor",
    "Database",
    "Delete",
    "Feed",
    "Insert",
    "OutboxFull",
    "Page",
    "Refusal",
    "Token",
    "Undone",
    "Unreachable",
    "Update",
    "Write",
    "connect",
]


def connect(
    url: str,
    branch: str,
    module: str | None = None,
    *,
    token: Token | None = None,
    client: str | None = None,
    tables: Sequence[str] | None = None,
    where: Any = None,
    lang: str = "",
    patience: float = 0.0,
    linger: float = 10.0,
    dial: Dial | None = None,
    rng: random.Random | None = None,
) -> Connection:
    """Open a store for an ``async with``, which gives a `Database` as soon as its rows are there.

    *module* is the branch's first unless given. *token* lets us in where not everybody is: text, or
    a function that is asked for it before each HELLO. *client* is the stable name of this device;
    without one, a random name serves for the life of this client. *tables* and *where* choose what
    is shown: all of the store, or nothing (no tables) for who only writes and asks. For *patience*
    seconds the first connection is tried again, then Unreachable is raised; later ones are tried
    for ever. *linger* is how long leaving waits for answers; then it raises Undone. *dial* opens
    the stream in another way than by *url*; *rng* makes names and spreads retries.

    Raises ValueError for a URL that is none, or holds a secret; entering raises Refusal and
    Unreachable.
    """
    chance = rng or random.SystemRandom()
    life = f"{chance.getrandbits(64):016x}"
    asked = Subscribe(
        branch=branch,
        module=module,
        tables=None if tables is None else [*tables],
        where=where,
    )
    refs = (f"{life}-{n}" for n in count(1))
    machine = Machine(asked, client or f"py-{life}", refs, lang=lang, token=token)
    address = Address(url)
    return Connection(Database(machine, chance, address, dial or address.dial), patience, linger)
