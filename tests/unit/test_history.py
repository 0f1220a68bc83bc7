"""What was done to one row, field by field, and what is not told of it."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from mishkah.core.commands import decode
from mishkah.core.commit import Commit, of_row
from mishkah.core.draft import Draft
from mishkah.core.history import SECRET, Done, Replaced, done
from mishkah.core.judging import Rules
from mishkah.core.schema import Table
from mishkah.core.soundness import read_schema
from mishkah.core.state import State
from mishkah.core.transact import Asked, transact

FIELDS: dict[str, Any] = {
    "id": {"type": "text", "primaryKey": True},
    "name": {"type": "text"},
    "price": {"type": "decimal"},
    "pin": {"type": "text", "secret": True},
}
NOW = datetime(2025, 10, 29, 12, tzinfo=UTC)


class Log:
    """The commits of one store, and what was done to the row ``a`` in them."""

    def __init__(self) -> None:
        schema, problems = read_schema("m", {"tables": {"t": {"fields": FIELDS}}})
        assert schema is not None, problems
        self.table: Table = schema.tables["t"]
        self._state = State(schema)
        self._rules = Rules(schema=schema)

    def write(self, message: Any) -> Commit:
        command = decode(json.dumps(message))
        asked = Asked(command=command, client="c", user="amal", device="till-1", session="k1")
        commit = transact(Draft(self._state), self._state.seq + 1, asked, self._rules, NOW)
        self._state.apply(commit)
        return commit

    def done(self, message: Any, shown: Table | None = None) -> list[Done]:
        commit = of_row(self.write(message), "t", "a")
        return [] if commit is None else list(done(commit, shown or self.table))


@pytest.fixture
def log() -> Log:
    return Log()


def insert(**row: Any) -> dict[str, Any]:
    return {"type": "INSERT", "table": "t", "data": {"id": "a", **row}}


def update(**changes: Any) -> dict[str, Any]:
    return {"type": "UPDATE", "table": "t", "id": "a", "changes": changes}


DELETE = {"type": "DELETE", "table": "t", "id": "a"}


def test_an_insert_tells_what_is_not_empty(log: Log) -> None:
    (one,) = log.done(insert(name="tea"))
    assert (one.seq, one.timestamp, one.operation) == (1, "2025-10-29T12:00:00.000Z", "INSERT")
    assert one.by == {"client": "c", "user": "amal", "device": "till-1"}
    assert one.fields["id"] == Replaced(None, "a")
    assert one.fields["name"] == Replaced(None, "tea")
    assert "price" not in one.fields


def test_an_update_tells_what_changed_and_a_deletion_what_went(log: Log) -> None:
    log.done(insert(name="tea"))
    (changed,) = log.done(update(name=None, price=1.5))
    assert changed.operation == "UPDATE"
    price = log.table.decode(b'{"price":1.5}')["price"]
    assert changed.fields == {"name": Replaced("tea", None), "price": Replaced(None, price)}
    (gone,) = log.done(DELETE)
    assert gone.operation == "DELETE"
    assert gone.fields["price"] == Replaced(price, None)
    assert "name" not in gone.fields


def test_each_change_of_a_transaction_is_told_and_no_other_row(log: Log) -> None:
    other = {"type": "INSERT", "table": "t", "data": {"id": "b"}}
    told = log.done({"type": "TRANSACTION", "ops": [insert(), other, update(name="tea"), DELETE]})
    assert [one.operation for one in told] == ["INSERT", "UPDATE", "DELETE"]
    assert log.done({**DELETE, "id": "b"}) == []


@pytest.mark.parametrize("pin", ["1234", None])
def test_of_a_secret_field_it_is_told_at_most_that_it_changed(log: Log, pin: str | None) -> None:
    """Nor whether it is empty, where a row comes or goes."""
    (made,) = log.done(insert(pin=pin))
    (left,) = log.done(update(name="tea"))
    (new,) = log.done(update(pin="9876"))
    (gone,) = log.done(DELETE)
    assert made.fields["pin"] == Replaced(None, SECRET)
    assert "pin" not in left.fields
    assert new.fields == {"pin": Replaced(SECRET, SECRET)}
    assert gone.fields["pin"] == Replaced(SECRET, None)
    told = msgspec.json.encode([made, left, new, gone])
    assert b"1234" not in told
    assert b"9876" not in told


def test_fields_that_a_table_does_not_show_are_not_told(log: Log) -> None:
    narrow = log.table.narrowed(["name"])
    (made,) = log.done(insert(name="tea", price=3), narrow)
    (left,) = log.done(update(price=4), narrow)
    assert set(made.fields) == {"id", "name"}
    assert left.fields == {}
