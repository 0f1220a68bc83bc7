"""The guide's schema format: everything that can be wrong in one is found, with its place."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from mishkah.core.schema import Index, with_unique
from mishkah.core.soundness import read_schema
from mishkah.sqlite.tables import ddl

KEY = {"type": "text", "primaryKey": True}


def one_table(fields: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"tables": {"t": {"fields": {"id": KEY, **(fields or {})}, **more}}}


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ([], "$", "object"),
        ({}, "$", "tables"),
        ({"tables": []}, "$.tables", "object"),
        ({"tables": {}}, "$.tables", "at least one table"),
        ({**one_table(), "tabels": {}}, "$", "tabels"),
        ({**one_table(), "version": 2}, "$.version", "not known"),
        ({**one_table(), "version": "1"}, "$.version", "int"),
        ({**one_table(), "moduleId": "other"}, "$.moduleId", "another module"),
        ({"tables": {"t": {}}}, "$.tables.t", "fields"),
        (one_table(indices=[]), "$.tables.t", "indices"),
        (one_table({"a": {}}), "$.tables.t.fields.a", "type"),
        (one_table({"a": {"type": "text", "requird": True}}), "$.tables.t.fields.a", "requi"),
        (
            one_table({"a": {"type": "text", "required": 1}}),
            "$.tables.t.fields.a.required",
            "bool",
        ),
        (one_table(indexes=[{"field": "id"}]), "$.tables.t.indexes[0]", "field"),
        ({"tables": {"1t": {"fields": {"id": KEY}}}}, "$.tables.1t", "a name has"),
        ({"tables": {"sqlite_x": {"fields": {"id": KEY}}}}, "$.tables.sqlite_x", "a name has"),
        ({"tables": {"_log": {"fields": {"id": KEY}}}}, "$.tables._log", "a name has"),
        ({"tables": {"": {"fields": {"id": KEY}}}}, "$.tables.", "a name has"),
        ({"tables": {"جدول": {"fields": {"id": KEY}}}}, "$.tables.جدول", "a name has"),
        ({"tables": {'t"; --': {"fields": {"id": KEY}}}}, '$.tables.t"; --', "a name has"),
        (
            {"tables": {"t": {"fields": {"id": KEY}}, "T": {"fields": {"id": KEY}}}},
            "$.tables.T",
            "does not tell this name from t",
        ),
        (one_table({"a-b": {"type": "text"}}), "$.tables.t.fields.a-b", "a name has"),
        (one_table({"x" * 64: {"type": "text"}}), f"$.tables.t.fields.{'x' * 64}", "a name has"),
        (one_table({"_seq": {"type": "integer"}}), "$.tables.t.fields._seq", "a name has"),
        (one_table({"ID": {"type": "text"}}), "$.tables.t.fields.ID", "SQL"),
        ({"tables": {"t": {"fields": {}}}}, "$.tables.t.fields", "has 0"),
        (one_table({"key": KEY}), "$.tables.t.fields", "has 2"),
        (one_table({"a": {"type": "string"}}), "$.tables.t.fields.a.type", "no type string"),
        (
            {"tables": {"t": {"fields": {"id": {"type": "integer", "primaryKey": True}}}}},
            "$.tables.t.fields.id.type",
            "a primary key is text",
        ),
        (
            one_table({"a": {"type": "json", "unique": True}}),
            "$.tables.t.fields.a.unique",
            "can't be unique",
        ),
        (
            one_table({"a": {"type": "integer", "enum": [1, "2"]}}),
            "$.tables.t.fields.a.enum[1]",
            "whole number",
        ),
        (
            one_table({"a": {"type": "boolean", "default": "yes"}}),
            "$.tables.t.fields.a.default",
            "true or false",
        ),
        (
            one_table({"a": {"type": "text", "enum": ["x"], "default": "y"}}),
            "$.tables.t.fields.a.default",
            "not one of the allowed values",
        ),
        (one_table(indexes=[{"fields": []}]), "$.tables.t.indexes[0]", "at least one field"),
        (one_table(indexes=[{"fields": ["id", "id"]}]), "$.tables.t.indexes[0]", "each once"),
        (one_table(indexes=[{"fields": ["b"]}]), "$.tables.t.indexes[0]", "there is no field b"),
        (
            one_table({"j": {"type": "json"}}, indexes=[{"fields": ["j"]}]),
            "$.tables.t.indexes[0]",
            "can't be indexed",
        ),
    ],
)
def test_what_is_wrong_is_found_at_its_place(raw: object, path: str, words: str) -> None:
    schema, problems = read_schema("m", raw)
    assert schema is None
    assert any(problem.path == path and words in problem.message for problem in problems), problems


def test_all_that_is_wrong_is_told_together() -> None:
    raw = one_table(
        {"a": {"type": "strin"}, "b": {"type": "date", "default": "never"}, "2": {"type": "text"}},
        indexes=[{"fields": ["nope"]}],
    )
    _, problems = read_schema("m", {**raw, "version": 3, "moduleId": "n"})
    assert {problem.path for problem in problems} == {
        "$.version",
        "$.moduleId",
        "$.tables.t.fields.2",
        "$.tables.t.fields.a.type",
        "$.tables.t.fields.b.default",
        "$.tables.t.indexes[0]",
    }


def test_a_schema_keeps_the_order_of_its_fields_and_the_one_form_of_its_values() -> None:
    schema, problems = read_schema(
        "m",
        {
            **one_table(
                {
                    "z": {"type": "decimal", "enum": [Decimal("1.50"), 2], "default": 2},
                    "a": {"type": "timestamp", "default": "2025-01-01T00:00:00+02:00"},
                },
                label={"en": "T"},
                description="t",
            ),
            "moduleId": "m",
            "version": 1,
        },
    )
    assert schema is not None, problems
    table = schema.tables["t"]
    assert list(table.fields) == ["id", "z", "a"]
    assert table.primary_key == "id"
    assert [str(value) for value in table.fields["z"].limits.enum] == ["1.5", "2"]
    assert type(table.fields["z"].default) is Decimal
    assert table.fields["a"].default == "2024-12-31T22:00:00.000Z"
    assert table.decimals == ("z",)


def test_a_unique_field_is_an_index_and_the_key_needs_none() -> None:
    fields = {"a": {"type": "text", "unique": True}, "b": {"type": "text"}}
    schema, _ = read_schema("m", one_table(fields, indexes=[{"fields": ["b"]}, {"fields": ["a"]}]))
    assert schema is not None
    assert set(schema.tables["t"].indexes) == {
        Index(fields=("a",), unique=True),
        Index(fields=("b",)),
    }
    assert schema.tables["t"].unique == (Index(fields=("a",), unique=True),)


def test_a_field_with_a_sequence_becomes_unique_and_nothing_is_indexed_twice() -> None:
    fields = {"a": {"type": "text"}, "b": {"type": "text", "unique": True}}
    schema, _ = read_schema("m", one_table(fields, indexes=[{"fields": ["a"]}]))
    assert schema is not None
    numbered = with_unique(schema, {"t": {"id", "a", "b"}}).tables["t"]
    assert sorted(index.fields for index in numbered.indexes) == [("a",), ("b",)]
    assert all(index.unique for index in numbered.indexes)
    assert schema.tables["t"].unique == (Index(fields=("b",), unique=True),), "the old is as it was"


def test_an_index_declared_again_without_unique_stays_unique() -> None:
    indexes = [{"fields": ["a"], "unique": True}, {"fields": ["a"]}]
    schema, _ = read_schema("m", one_table({"a": {"type": "text"}}, indexes=indexes))
    assert schema is None or schema.tables["t"].unique


def test_a_default_that_is_no_primary_key_is_found() -> None:
    fields = {"id": {**KEY, "default": ""}}
    assert read_schema("m", {"tables": {"t": {"fields": fields}}})[1]


def test_true_is_not_the_1_of_a_json_enum() -> None:
    schema, _ = read_schema("m", one_table({"a": {"type": "json", "enum": [1]}}))
    assert schema is not None
    with pytest.raises(Exception, match="allowed"):
        schema.tables["t"].fields["a"].read(True)


def test_a_lone_surrogate_in_a_description_is_a_problem_and_no_crash() -> None:
    _, problems = read_schema("m", {**one_table(), "description": "\ud800"})
    assert problems


def test_two_indexes_never_share_a_name() -> None:
    names = ["a", "b_c", "a_b", "c"]
    schema, _ = read_schema(
        "m",
        one_table(
            {name: {"type": "text"} for name in names},
            indexes=[{"fields": ["a", "b_c"]}, {"fields": ["a_b", "c"]}],
        ),
    )
    assert schema is not None
    made = [line for line in ddl(schema) if "INDEX" in line]
    assert len({line.split("\n")[0] for line in made}) == len(made) == 2
