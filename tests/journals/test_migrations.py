"""A file and its next schema: applied when nothing is lost, refused with what would be."""

from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest

from mishkah.core.draft import Draft
from mishkah.core.judging import Rules
from mishkah.core.messages import Insert
from mishkah.core.schema import Schema
from mishkah.core.soundness import read_schema
from mishkah.core.transact import Asked, transact
from mishkah.journal import JournalDamaged
from mishkah.sqlite import SchemaBlocked, StoreFile

KEY = {"type": "text", "primaryKey": True}
NOON = datetime(2025, 10, 29, 12, tzinfo=UTC)
OLD: dict[str, Any] = {
    "name": {"type": "text"},
    "qty": {"type": "integer"},
    "day": {"type": "date"},
}
ROWS = [
    {"id": "one", "name": "tea", "qty": 3, "day": "2025-01-01"},
    {"id": "two", "name": "tea", "qty": None, "day": None},
]


def schema_of(fields: dict[str, Any], *indexes: Any, **tables: Any) -> Schema:
    table = {"fields": {"id": KEY, **fields}, "indexes": list(indexes)}
    schema, problems = read_schema("m", {"tables": {"item": table, **tables}})
    assert schema is not None, problems
    return schema


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of the old schema, with two rows and two commits."""
    path, schema = tmp_path / "store.sqlite3", schema_of(OLD)
    file = StoreFile(path, schema)
    state = file.load()
    for row in ROWS:
        asked = Asked(command=Insert(table="item", data=row))
        commit = transact(Draft(state), state.seq + 1, asked, Rules(schema=schema), NOON)
        file.append([commit])
        state.apply(commit)
    file.close()
    return path


def opened(path: Path, schema: Schema, **options: Any) -> tuple[list[dict[str, Any]], int]:
    """Open *path* with *schema*, and again; return its items and its seq."""
    for _ in range(2):
        with closing(StoreFile(path, schema, clock=lambda: NOON, **options)) as file:
            state = file.load()
            file.verify()
    table = schema.tables["item"]
    return [table.decode(r.json) for r in state.tables["item"].records.values()], state.seq


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        ({**OLD, "new": {"type": "text"}}, {"new": None}),
        ({**OLD, "new": {"type": "decimal", "default": Decimal("1.5")}}, {"new": Decimal("1.5")}),
        ({"new": {"type": "boolean"}, **OLD}, {"new": None}),
        ({"day": OLD["day"], "qty": OLD["qty"], "name": OLD["name"]}, {}),
        ({**OLD, "name": {"type": "text", "maxLength": 3}}, {}),
        ({**OLD, "name": {"type": "text", "required": True, "enum": ["tea"]}}, {}),
        ({**OLD, "qty": {"type": "decimal", "min": 1}}, {"qty": 3}),
        ({**OLD, "day": {"type": "text"}}, {}),
        ({**OLD, "label": {"type": "text", "label": "x"}}, {"label": None}),
    ],
)
def test_what_loses_nothing_is_applied_as_one_commit(path: Path, fields: Any, first: Any) -> None:
    rows, seq = opened(path, schema_of(fields))
    assert rows[0] == {**ROWS[0], **first}
    assert [row["id"] for row in rows] == ["one", "two"]
    assert list(rows[0]) == ["id", *fields]
    assert seq == 3


def test_the_log_remembers_the_migration_and_reads_back_what_was_before(path: Path) -> None:
    new = schema_of({**OLD, "new": {"type": "text"}})
    opened(path, new)
    with closing(StoreFile(path, new)) as file:
        one, two, migration = file.commits(0, 3)
    assert [c.new for c in (*one.changes, *two.changes)] == ROWS
    assert (migration.changes, migration.schema) == ((), new.source)
    assert migration.at == "2025-10-29T12:00:00.000Z"


def test_new_tables_and_indexes_are_made(path: Path) -> None:
    new = schema_of(OLD, {"fields": ["day"], "unique": True}, shelf={"fields": {"id": KEY}})
    assert opened(path, new) == (ROWS, 3)
    with closing(apsw.Connection(str(path))) as db:
        made = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
    assert {"shelf", "idx_item_day"} <= made


def test_labels_and_descriptions_are_no_migration(path: Path) -> None:
    said = {**OLD, "name": {"type": "text", "label": {"ar": "الاسم"}, "description": "x"}}
    assert opened(path, schema_of(said)) == (ROWS, 2)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": OLD["name"], "qty": OLD["qty"]}, "item.day: the field is gone"),
        ({**OLD, "name": {"type": "integer"}}, "item.name: text becomes integer"),
        ({**OLD, "name": {"type": "text", "maxLength": 2}}, "item.name: This has at most 2"),
        ({**OLD, "qty": {"type": "integer", "required": True}}, "item.qty: it is required"),
        ({**OLD, "qty": {"type": "integer", "min": 4}}, "item.qty: This is at least 4"),
        ({**OLD, "name": {"type": "text", "unique": True}}, "item: name must be unique"),
        ({**OLD, "new": {"type": "text", "required": True}}, "item.new: it is required"),
        ({**OLD, "name": {"type": "text", "references": {"table": "item"}}}, "item.name: it ref"),
    ],
)
def test_what_would_lose_or_break_something_is_refused_and_named(
    path: Path, fields: Any, words: str
) -> None:
    before = path.read_bytes()
    with pytest.raises(SchemaBlocked, match=words):
        StoreFile(path, schema_of(fields))
    assert path.read_bytes() == before
    assert opened(path, schema_of(OLD)) == (ROWS, 2)


def test_a_table_that_is_gone_is_refused(path: Path) -> None:
    schema, _ = read_schema("m", {"tables": {"other": {"fields": {"id": KEY}}}})
    assert schema is not None
    with pytest.raises(SchemaBlocked, match="item: the table is gone"):
        StoreFile(path, schema)


def test_on_the_operators_word_what_is_lost_is_lost(path: Path) -> None:
    new = schema_of({"name": OLD["name"], "qty": {"type": "text"}})
    rows, seq = opened(path, new, losing=True)
    assert rows == [{"id": row["id"], "name": "tea", "qty": None} for row in ROWS]
    assert seq == 3


def test_no_word_makes_rows_keep_a_rule_that_they_break(path: Path) -> None:
    with pytest.raises(SchemaBlocked, match="unique"):
        StoreFile(path, schema_of({**OLD, "name": {"type": "text", "unique": True}}), losing=True)


def test_a_plan_is_told_and_not_done(path: Path) -> None:
    with closing(StoreFile(path, schema_of(OLD), as_is=True)) as file:
        plan = file.plan_for(schema_of({"name": OLD["name"], "new": {"type": "text"}}))
        assert [(step.place, step.loses) for step in plan.steps] == [
            ("item.qty", True),
            ("item.day", True),
            ("item.new", False),
        ]
        assert file.load().seq == 2


def test_a_damaged_file_is_not_migrated(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("UPDATE item SET name = 'coffee' WHERE id = 'one'")
    with pytest.raises(JournalDamaged, match="is not what was written"):
        StoreFile(path, schema_of({**OLD, "new": {"type": "text"}}))


def test_a_store_without_a_history_takes_any_schema_and_stays_without(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    StoreFile(path, schema_of(OLD)).close()
    new = schema_of({"other": {"type": "text"}})
    with closing(StoreFile(path, new, losing=True)) as file:
        assert file.load().seq == 0


def test_a_file_that_gets_its_first_secret_is_for_its_owner_alone(path: Path) -> None:
    path.chmod(0o644)
    opened(path, schema_of({**OLD, "pin": {"type": "text", "secret": True}}))
    assert path.stat().st_mode & 0o777 == 0o600
