"""Seeds of the older list format: flat, under the names of columns, and values in other words."""

from decimal import Decimal
from typing import Any

import pytest
from support.oldshop import SEEDS, SHOP

from mishkah.core.legacy.values import as_typed, read_row
from mishkah.core.seeding import read_seeds
from mishkah.core.shapes import Misfit
from mishkah.core.soundness import read_schema

OLD, _ = read_schema("m", SHOP)
KEY = {"type": "text", "primaryKey": True}
NEW, _ = read_schema("m", {"tables": {"goods": {"fields": {"id": KEY}}}})


def seeds(raw: Any, schema: Any = OLD) -> Any:
    return read_seeds(raw, schema)


def test_flat_seeds_are_read_under_the_names_of_fields() -> None:
    lines = seeds(SEEDS)
    assert [line[:2] for line in lines] == [
        ("$.shelf[0]", "shelf"), ("$.goods[0]", "goods"), ("$.goods[1]", "goods"),
        ("$.sale[0]", "sale"),
    ]  # fmt: skip
    assert lines[0][2] == {"id": "1", "code": "A", "label": {"ar": "رف", "en": "Shelf"}}
    assert lines[1][2]["price"] == Decimal("12.5")
    assert lines[2][2] == {"id": "salt", "name": "Salt", "price": 3, "weight": None, "sold": False}


def test_the_guides_form_is_read_the_same_way() -> None:
    wrapped = {"version": 1, "tables": {k: v for k, v in SEEDS.items() if isinstance(v, list)}}
    assert [line[1:] for line in seeds(wrapped)] == [line[1:] for line in seeds(SEEDS)]
    assert seeds(wrapped)[0][0] == "$.tables.shelf[0]"


def test_flat_seeds_go_with_the_guides_schemas_too_and_their_values_are_left_alone() -> None:
    assert seeds({"goods": [{"id": 1}]}, NEW) == [("$.goods[0]", "goods", {"id": 1})]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ([], "$"), ({}, "$"), ({"version": 1}, "$"), ({"tables": []}, "$.tables"),
        ({"goods": [], "shelf": 7}, "$.shelf"), ({"goods": [7]}, "$.goods[0]"),
        ({"goods": [], "x": None}, "$.x"), ({"events": []}, "$.events"),
    ],
)  # fmt: skip
def test_what_is_no_seeds_file_has_its_place(raw: Any, path: str) -> None:
    with pytest.raises(Misfit) as misfit:
        seeds(raw)
    assert misfit.value.path == path


@pytest.mark.parametrize("name", ["tables", "version", "meta"])
def test_a_table_may_have_the_name_of_a_key(name: str) -> None:
    schema, _ = read_schema("m", {"tables": {name: {"fields": {"id": KEY}}}})
    assert seeds({name: [{"id": "a"}]}, schema) == [(f"$.{name}[0]", name, {"id": "a"})]


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ({"b_col": "x"}, {"b": "x"}),
        ({"b": "x", "b_col": "x"}, {"b": "x"}),
        ({"b": "", "b_col": "x"}, {"b": "", "b_col": "x"}),
        ({"b": None, "b_col": "x"}, {"b": "x"}),
        ({"b": "x", "b_col": None}, {"b": "x"}),
        ({"b": "x", "b_col": "y"}, {"b": "x", "b_col": "y"}),
        ({"c": 1}, {"c": 1}),
    ],
)
def test_the_fields_own_name_comes_first_and_nothing_is_lost(row: Any, read: Any) -> None:
    assert read_row(row, {"b_col": "b"}, {"b": "text"}) == read


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("text", 12, "12"), ("text", True, True), ("text", "", ""),
        ("text", Decimal("1.5"), Decimal("1.5")),
        ("integer", "12", 12), ("integer", " 12 ", 12), ("integer", "12.5", Decimal("12.5")),
        ("integer", "012", "012"), ("integer", "12a", "12a"), ("integer", "", None),
        ("integer", "١٢", "١٢"), ("decimal", "1e2", 100), ("decimal", "-0.5", Decimal("-0.5")),
        ("boolean", "TRUE", True), ("boolean", 0, False), ("boolean", 2, 2), ("boolean", "", None),
        ("json", '{"a": 1.50}', {"a": Decimal("1.5")}), ("json", "{", "{"), ("json", " ", None),
        ("json", "[" * 9000, "[" * 9000), ("json", "12", "12"), ("date", "", None),
        ("timestamp", "yesterday", "yesterday"), ("integer", None, None),
    ],
)  # fmt: skip
def test_values_in_other_words_are_taken_and_nothing_is_guessed(
    kind: str, written: Any, value: Any
) -> None:
    typed = as_typed(kind, written)
    assert typed == value
    assert type(typed) is type(value)
