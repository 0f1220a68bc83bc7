"""The older list format: the same values as the guide's, notes for the rest, and what is wrong."""

from typing import Any

import pytest
from support.oldshop import NOTES, SAME, SHOP, field, key

from mishkah.core.migration import steps
from mishkah.core.schema import Schema
from mishkah.core.soundness import read_schema


def read(raw: Any) -> Schema:
    schema, problems = read_schema("m", raw)
    assert problems == []
    assert schema is not None
    return schema


def shop(*fields: Any, **more: Any) -> dict[str, Any]:
    """Return an old schema with the table ``t``: its key, *fields*, and *more* of the table."""
    return {"schema": {"tables": [{"name": "t", "fields": [key("id", "t_id"), *fields], **more}]}}


def notes(raw: Any) -> list[tuple[str, str]]:
    """Return the notes of *raw*, without that on its format and that on its names."""
    told = [(note.path, note.message) for note in read(raw).notes]
    return [note for note in told if note[0] != "$" and "name is the name" not in note[1]]


def test_it_means_the_same_as_the_same_in_the_guides_format() -> None:
    old, new = read(SHOP), read(SAME)
    for name, table in new.tables.items():
        assert old.tables[name].fields == table.fields
        assert old.tables[name] == table
    assert (old.tables, old.referrers) == (new.tables, new.referrers)
    assert old.description == new.description
    assert steps(old, new) == steps(new, old) == []


def test_what_is_not_enforced_is_told_each_with_its_place() -> None:
    told = read(SHOP).notes
    assert {note.path for note in told} == set(NOTES)
    for note in told:
        assert NOTES[note.path] in note.message or "sale.soldAt" in note.message
    assert len(told) == len(NOTES) + 1


def test_a_plain_schema_has_only_the_note_that_says_what_it_is() -> None:
    plain = shop(field("a", nullable=True, index=False, comment="", check=None, extra=[]))
    plain["schema"]["tables"][0]["fields"][0]["columnName"] = "id"
    assert [note.path for note in read(plain).notes] == ["$"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("string", "text"), ("TEXT", "text"), ("varchar", "text"), ("NVARCHAR(60)", "text"),
        ("char ( 2 )", "text"), ("int", "integer"), ("BigInt", "integer"), ("number", "decimal"),
        ("double", "decimal"), ("Numeric(10, 2)", "decimal"), ("bool", "boolean"),
        ("bit", "boolean"), ("date", "date"), ("DATETIME", "timestamp"), ("jsonb", "json"),
        ("array", "json"),
    ],
)  # fmt: skip
def test_types_go_by_many_names(written: str, kept: str) -> None:
    assert read(shop(field("a", written))).tables["t"].fields["a"].type == kept


def test_a_size_in_the_type_is_a_length_unless_one_is_given() -> None:
    fields = read(shop(field("a", "varchar(5)"), field("b", "varchar(5)", maxLength=3))).tables["t"]
    assert [fields.fields[name].limits.max_length for name in "ab"] == [5, 3]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        ("string", "open", "open"), ("string", "now", "now"), ("string", 7, "7"),
        ("string", None, None), ("int", "0", 0), ("boolean", "FALSE", False), ("boolean", 1, True),
        ("json", "[1]", [1]), ("json", {"a": 1}, {"a": 1}), ("json", "word", "word"),
        ("int", "", None), ("date", "2024-01-02", "2024-01-02"),
    ],
)  # fmt: skip
def test_a_default_is_a_value_of_the_type(kind: str, written: Any, kept: Any) -> None:
    made = read(shop(field("a", kind, defaultValue=written))).tables["t"].fields["a"]
    assert (made.default, made.default_now) == (kept, False)
    assert type(made.default) is type(kept)


@pytest.mark.parametrize(
    "written", ["now()", "NOW", "CURRENT_TIMESTAMP", "current_timestamp(3)", "getdate()",
                "datetime('now')"],
)  # fmt: skip
def test_a_default_may_be_the_moment(written: str) -> None:
    assert (
        read(shop(field("a", "timestamp", defaultValue=written)))
        .tables["t"]
        .fields["a"]
        .default_now
    )


@pytest.mark.parametrize("written", ["uuid()", "AUTOINCREMENT", "nextval('n')", "CURRENT_USER"])
def test_a_default_that_a_database_works_out_is_noted(written: str) -> None:
    raw = shop(field("a", defaultValue=written))
    assert notes(raw)[0][0] == "$.schema.tables[0].fields[1].defaultValue"
    assert read(raw).tables["t"].fields["a"].default is None


@pytest.mark.parametrize(
    ("written", "kept"),
    [("CASCADE", "cascade"), ("SET NULL", "set-null"), ("set_null", "set-null"),
     ("Restrict", "restrict"), ("NO ACTION", "restrict"), (None, "restrict")],
)  # fmt: skip
def test_deletions_have_the_words_of_sql(written: str | None, kept: str) -> None:
    raw = shop(field("a", references={"table": "t", "column": "t_id", "onDelete": written}))
    reference = read(raw).tables["t"].fields["a"].references
    assert reference is not None
    assert (reference.field, reference.on_delete) == ("id", kept)
    assert notes(raw) == []


@pytest.mark.parametrize(
    ("references", "rule", "words"),
    [
        ({"table": "x"}, "table", "no table x"),
        ({"table": "t", "column": "x"}, "column", "no column x"),
        ({"table": "t", "field": "b"}, "field", "does not tell"),
        ({"table": "t", "column": "n"}, "column", "another type"),
        ({"table": "t", "onDelete": "SET DEFAULT"}, "onDelete", "SET DEFAULT is not known"),
        ({"table": "t", "onDelete": "SET NULL"}, "onDelete", "can't be emptied"),
        ({"table": "t", "column": "u", "onUpdate": "CASCADE"}, "onUpdate", "nothing follows"),
        ({"table": "t", "deferrable": True}, "deferrable", "not known"),
    ],
)
def test_a_reference_that_is_not_enforced_is_noted(references: Any, rule: str, words: str) -> None:
    others = [field("b"), field("n", "int", unique=True), field("u", unique=True)]
    [(path, message)] = notes(shop(*others, field("a", nullable=False, references=references)))
    assert path == f"$.schema.tables[0].fields[4].references.{rule}"
    assert words in message


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ({"columns": []}, "at least one column"),
        ({"columns": ["a", "A_column"]}, "each once"),
        ({"columns": ["x"]}, "no column x: it is not made"),
        ({"columns": ["x"], "unique": True}, "no column x: uniqueness"),
        ({"columns": ["j"]}, "json"),
        ({"columns": ["a"], "unique": True, "where": "a > 1"}, "some rows"),
    ],
)
def test_an_index_that_is_not_made_is_noted(index: Any, words: str) -> None:
    fields = [field("a", columnName="A_column"), field("j", "json")]
    [(path, message)] = notes(shop(*fields, indexes=[index]))
    assert path.startswith("$.schema.tables[0].indexes[0]")
    assert words in message


def test_a_table_without_a_marked_key_has_its_id() -> None:
    raw = {"schema": {"tables": [{"name": "t", "fields": [field("id"), field("a")]}]}}
    assert read(raw).tables["t"].primary_key == "id"
    assert notes(raw)[0][0] == "$.schema.tables[0].fields"


T, A = "$.schema.tables[0]", "$.schema.tables[0].fields[1]"


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ({"schema": None}, "$.schema", "object"),
        ({"schema": {}}, "$.schema", "tables"),
        ({"schema": {"tables": {}}}, "$.schema.tables", "array"),
        ({"schema": {"tables": []}}, "$.schema.tables", "at least one table"),
        ({"schema": {"tables": [{"name": "t"}]}}, T, "fields"),
        ({**shop(), "moduleId": "other"}, "$.moduleId", "another module"),
        (shop({"name": "a"}), A, "type"),
        (shop(field("a", "blob")), f"{A}.type", "no type blob"),
        (shop(field("a", nullable="no")), f"{A}.nullable", "bool"),
        (shop(field("a", maxLength="9")), f"{A}.maxLength", "int"),
        (shop(field("a", maxLength=-1)), f"{A}.maxLength", "1 or more"),
        (shop(field("a", references="t.id")), f"{A}.references", "object"),
        (shop(field("a", "int", defaultValue="many")), f"{A}.defaultValue", "whole number"),
        (shop(field("a", maxLength=1, defaultValue="ab")), f"{A}.defaultValue", "breaks a rule"),
        (shop(field("a", enum=["x", {}])), f"{A}.enum[1]", "text"),
        (shop(field("a", pattern="(")), f"{A}.pattern", "regular expression"),
        (shop(field("a-b")), A, "a name has"),
        (shop(field("a"), field("A")), "$.schema.tables[0].fields[2]", "does not tell"),
        (shop(field("a"), field("a")), "$.schema.tables[0].fields[2].name", "twice"),
        (
            shop(field("a", columnName="x"), field("b", columnName="x")),
            "$.schema.tables[0].fields[2].columnName",
            "column of a",
        ),
        (shop(field("a", primaryKey=True)), f"{T}.fields", "has 2"),
        (shop(field("a"), primaryKey=["t_id", "a"]), f"{T}.fields", "has 2"),
        (shop(primaryKey="x"), f"{T}.primaryKey", "no field x"),
        (
            {"schema": {"tables": [{"name": "t", "fields": [field("a")]}]}},
            f"{T}.fields",
            "has 0",
        ),
        (
            {"schema": {"tables": [{"name": "t", "fields": [key("id", "id", type="int")]}]}},
            f"{T}.fields[0].type",
            "a primary key is text",
        ),
        (
            {"schema": {"tables": [*shop()["schema"]["tables"] * 2]}},
            "$.schema.tables[1].name",
            "twice",
        ),
        (shop(indexes=[{"name": "i"}]), f"{T}.indexes[0]", "columns"),
        ({**shop(), "title": "\ud800"}, "$", "surrogate"),
    ],
)
def test_what_can_not_be_used_is_wrong_and_has_its_place(raw: Any, path: str, words: str) -> None:
    schema, problems = read_schema("m", raw)
    assert schema is None
    assert path in [problem.path for problem in problems]
    assert any(words in problem.message for problem in problems), problems
