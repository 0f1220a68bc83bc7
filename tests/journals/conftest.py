"""One suite for every journal: a schema, a writer of commits, and each way to keep them."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from mishkah.core.commands import decode, digest
from mishkah.core.commit import Commit, Name
from mishkah.core.draft import Draft
from mishkah.core.ids import StoreId
from mishkah.core.judging import Rules
from mishkah.core.schema import Schema, with_unique
from mishkah.core.sequences import Rule, make_sequence
from mishkah.core.soundness import read_schema
from mishkah.core.state import State
from mishkah.core.transact import Asked, transact
from mishkah.journal import Journal, MemoryJournals, OpenJournal
from mishkah.sqlite import SqliteJournals

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

STORE = StoreId("shop", "m")
KEY = {"type": "text", "primaryKey": True}
TABLES: dict[str, Any] = {
    "item": {
        "fields": {
            "id": KEY,
            "name": {"type": "text"},
            "email": {"type": "text", "unique": True},
            "qty": {"type": "integer"},
            "price": {"type": "decimal"},
            "sold": {"type": "boolean"},
            "made_on": {"type": "date"},
            "seen_at": {"type": "timestamp"},
            "info": {"type": "json"},
            "select": {"type": "text"},
        },
        "indexes": [{"fields": ["name"]}, {"fields": ["qty", "sold"], "unique": True}],
    },
    "bill": {"fields": {"id": KEY, "code": {"type": "text"}}},
}


def read(tables: Mapping[str, Any]) -> Schema:
    schema, problems = read_schema("m", {"tables": tables})
    assert schema is not None, problems
    return with_unique(schema, {"bill": {"code"}} if "bill" in tables else {})


class Writer:
    """Makes commits that follow one another, and knows the state after them."""

    def __init__(self, schema: Schema, state: State | None = None) -> None:
        sequences = {
            "bill": (make_sequence("bill", "code", Rule(format="B{number}"), "shop", {}),)
        } if "bill" in schema.tables else {}  # fmt: skip
        self.rules = Rules(schema=schema, sequences=sequences)
        self.state = state or State(schema)
        self.by: Mapping[str, Any] = {}
        self.history: list[Commit] = []

    def write(self, message: Mapping[str, Any], name: tuple[str, str] | None = None) -> Commit:
        """Return the next commit: what *message* asks for, under *name* (client, ref)."""
        command = decode(json.dumps({**message, "ref": name[1]} if name else message))
        asked = Asked(
            command=command,
            name=Name(*name, digest(command)) if name else None,
            client=name and name[0],
            **self.by,
        )
        at = datetime(2025, 10, 29, 12, 0, self.state.seq % 60, tzinfo=UTC)
        commit = transact(Draft(self.state), self.state.seq + 1, asked, self.rules, at)
        self.state.apply(commit)
        self.history.append(commit)
        return commit

    def insert(self, key: str, name: tuple[str, str] | None = None, /, **data: Any) -> Commit:
        row = {"id": key, **data}
        return self.write({"type": "INSERT", "table": "item", "data": row}, name)

    def update(self, key: str, **changes: Any) -> Commit:
        return self.write({"type": "UPDATE", "table": "item", "id": key, "changes": changes})

    def delete(self, key: str) -> Commit:
        return self.write({"type": "DELETE", "table": "item", "id": key})

    def bill(self, key: str, name: tuple[str, str] | None = None) -> Commit:
        return self.write({"type": "INSERT", "table": "bill", "data": {"id": key}}, name)

    def full(self) -> list[Commit]:
        """Return five commits with every type, a change, a delete, a counter and a name.

        The first is by a person, at a device, by a token; of the others nobody is known.
        """
        self.by = {"user": "amal", "device": "till-1", "session": "k1"}
        first = self.insert(
            "a", ("till", "1"), name="شاي", email="a@x", qty=2**53, price=0.000000001,
            sold=True, made_on="2025-01-02", seen_at="2025-01-02T03:04:05Z",
            info={"n": [1, 2.5, None, True, "😀"]}, select="x",
        )  # fmt: skip
        self.by = {}
        return [
            first,
            self.insert("b", name=None, price=-12345.6789, sold=False, qty=1),
            self.update("a", name="coffee", info=None),
            self.bill("1", ("till", "2")),
            self.delete("b"),
        ]


def look(state: State) -> Any:
    """Return all that *state* holds, in its order."""
    return (
        state.seq,
        {name: list(rows.records.items()) for name, rows in state.tables.items()},
        {name: deepcopy(rows.indexes) for name, rows in state.tables.items()},
        dict(state.counters),
    )


@pytest.fixture(scope="session")
def schema() -> Schema:
    return read(TABLES)


@pytest.fixture(scope="session")
def schema_of() -> Callable[[Mapping[str, Any]], Schema]:
    """Return the function that reads tables as the schema of a module ``m``."""
    return read


@pytest.fixture(scope="session")
def tables() -> Mapping[str, Any]:
    return TABLES


@pytest.fixture
def writer(schema: Schema) -> Writer:
    return Writer(schema)


@pytest.fixture(scope="session")
def new_writer() -> Callable[..., Writer]:
    """Return the function ``(schema, state) -> Writer``."""
    return Writer


@pytest.fixture(scope="session")
def looked_at() -> Callable[[State], Any]:
    """Return the function that tells all that a state holds."""
    return look


@pytest.fixture(scope="session")
def store() -> StoreId:
    return STORE


@pytest.fixture(scope="session", params=["memory", "sqlite"])
def new_journals(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], OpenJournal]:
    """Return a function that returns a way to open journals, with none kept yet."""
    if request.param == "memory":
        return MemoryJournals

    def sqlite() -> OpenJournal:
        folder = tmp_path_factory.mktemp("stores")
        return SqliteJournals(lambda store: folder / store.branch / "store.sqlite3", "NORMAL")

    return sqlite


@pytest.fixture
def journals(new_journals: Callable[[], OpenJournal]) -> OpenJournal:
    """A way to open journals that are loaded at once, as a store's keeper does it."""
    open_journal = new_journals()

    @asynccontextmanager
    async def open_and_load(store: StoreId, schema: Schema) -> AsyncIterator[Journal]:
        async with open_journal(store, schema) as journal:
            await journal.load()
            yield journal

    return open_and_load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store's file may lie."""
    return tmp_path / "live" / "store.sqlite3"
