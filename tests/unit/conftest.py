"""A store without a task, a file or a clock: commands in, commits out. And a reader of frames."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

import pytest
from hypothesis import settings
from support.frames import read_stream

from mishkah.core.commands import decode
from mishkah.core.commit import Commit
from mishkah.core.draft import Draft
from mishkah.core.errors import Refused
from mishkah.core.grants import Grant
from mishkah.core.judging import Law, Rules, Validator
from mishkah.core.schema import Schema, with_unique
from mishkah.core.sequences import Rule, make_sequence
from mishkah.core.soundness import read_schema
from mishkah.core.state import State
from mishkah.core.transact import Asked, transact

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

NOON = datetime(2025, 10, 29, 12, tzinfo=UTC)

TABLES: dict[str, Any] = {
    "item": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "name": {"type": "text", "required": True},
            "email": {"type": "text", "unique": True},
            "shelf": {"type": "text"},
            "slot": {"type": "integer"},
            "kind": {"type": "text", "enum": ["food", "drink"], "default": "food"},
            "price": {"type": "decimal"},
            "sold": {"type": "boolean", "default": False},
            "made_on": {"type": "date"},
            "seen_at": {"type": "timestamp"},
            "info": {"type": "json"},
        },
        "indexes": [{"fields": ["shelf", "slot"], "unique": True}, {"fields": ["kind"]}],
    },
    "bill": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "code": {"type": "text"},
            "note": {"type": "text"},
        }
    },
}


def schema_of(tables: Mapping[str, Any], module: str = "m") -> Schema:
    schema, problems = read_schema(module, {"tables": tables})
    assert schema is not None, problems
    return schema


class Shop:
    """One store in memory. *rules* are table → field → `Rule`."""

    def __init__(
        self,
        rules: Mapping[str, Mapping[str, Rule]] | None = None,
        validators: Mapping[str, tuple[Validator, ...]] | None = None,
        laws: Mapping[str, tuple[Law, ...]] | None = None,
        zone: tzinfo = UTC,
        tables: Mapping[str, Any] = TABLES,
    ) -> None:
        schema = schema_of(tables)
        rules = rules or {}
        sequences = {
            table: tuple(
                make_sequence(
                    table, f, rule, "b", {}, strict=not schema.tables[table].fields[f].primary_key
                )
                for f, rule in fields.items()
            )
            for table, fields in rules.items()
        }
        self.rules = Rules(
            schema=with_unique(schema, {table: set(fields) for table, fields in rules.items()}),
            sequences=sequences,
            validators=validators or {},
            laws=laws or {},
            zone=zone,
        )
        self.state = State(self.rules.schema)
        self.history: list[Commit] = []

    def run(
        self,
        message: Any,
        at: datetime = NOON,
        importing: bool = False,
        grant: Grant | None = None,
    ) -> Commit:
        """Commit what the JSON *message* asks for, or raise `Refused`."""
        asked = Asked(command=decode(json.dumps(message)), importing=importing, grant=grant)
        commit = transact(Draft(self.state), self.state.seq + 1, asked, self.rules, at)
        self.state.apply(commit)
        self.history.append(commit)
        return commit

    def insert(self, table: str, data: Mapping[str, Any], **how: Any) -> Any:
        """Insert *data*; return the row as it is kept."""
        return self.run({"type": "INSERT", "table": table, "data": data}, **how).changes[0].new

    def update(self, table: str, key: str, changes: Mapping[str, Any], **how: Any) -> Commit:
        return self.run({"type": "UPDATE", "table": table, "id": key, "changes": changes}, **how)

    def delete(self, table: str, key: str) -> Commit:
        return self.run({"type": "DELETE", "table": table, "id": key})

    def together(self, *ops: Any) -> Commit:
        return self.run({"type": "TRANSACTION", "ops": list(ops)})

    def refusal(self, message: Any, **how: Any) -> Refused:
        """Return how *message* is refused, having seen that nothing of it happened."""
        before = self.rows("item"), self.rows("bill"), dict(self.state.counters), self.state.seq
        with pytest.raises(Refused) as caught:
            self.run(message, **how)
        after = self.rows("item"), self.rows("bill"), dict(self.state.counters), self.state.seq
        assert after == before
        return caught.value

    def row(self, table: str, key: str) -> Any:
        record = self.state.record(table, key)
        return None if record is None else self.rules.schema.tables[table].decode(record.json)

    def rows(self, table: str) -> list[Any]:
        if table not in self.state.tables:
            return []
        return [self.row(table, key) for key in self.state.ids(table)]


@pytest.fixture(scope="session")
def open_shop() -> Callable[..., Shop]:
    """Return a function ``(rules, validators, zone, tables) -> Shop``."""
    return Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def tables() -> dict[str, Any]:
    """The tables of a `Shop`, the test's own copy."""
    copy: dict[str, Any] = json.loads(json.dumps(TABLES))
    return copy


@pytest.fixture(scope="session")
def read_frames() -> Callable[[bytes], list[Any]]:
    """Return a function that decodes unmasked final text frames, by RFC 6455 and not by us."""

    return read_stream
