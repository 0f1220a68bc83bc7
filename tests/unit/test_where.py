"""Filters: what they hold is what a plain reading of them says, and hostile ones are refused."""

import json
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.errors import Refused
from mishkah.core.schema import Schema
from mishkah.core.soundness import read_schema
from mishkah.core.values import number
from mishkah.core.where import MAX_CONDITIONS, Where, read_where

FIELDS = {
    "id": {"type": "text", "primaryKey": True},
    "name": {"type": "text"},
    "n": {"type": "integer"},
    "price": {"type": "decimal"},
    "sold": {"type": "boolean"},
    "at": {"type": "timestamp"},
    "info": {"type": "json"},
}
SCHEMA, _ = read_schema("m", {"tables": {"t": {"fields": FIELDS}, "u": {"fields": {
    "id": {"type": "text", "primaryKey": True}, "n": {"type": "text"}}}}})  # fmt: skip
assert SCHEMA is not None
TABLE = SCHEMA.tables["t"]
ROW = {"id": "a", "name": "شاي", "n": 5, "price": Decimal("1.5"), "sold": True,
       "at": "2025-10-29T10:00:00.000Z", "info": None}  # fmt: skip


_decode = msgspec.json.Decoder(float_hook=number).decode


def read(where: Any, schema: Schema | None = None) -> Where:
    """Read *where* as it comes off the wire."""
    tables = schema.tables.values() if schema is not None else [TABLE]
    return read_where(_decode(json.dumps(where)), tables)


def holds(where: Any, **row: Any) -> bool:
    return read(where).holds({**ROW, **row})


@pytest.mark.parametrize(
    ("where", "no"),
    [
        (["n", "=", 5], {"n": 6}),
        (["n", "!=", 6], {"n": 6}),
        (["n", "<", 6], {"n": 6}),
        (["n", "<=", 5], {"n": 6}),
        (["n", ">", 4], {"n": 4}),
        (["n", ">=", 5], {"n": 4}),
        (["n", "in", [1, 5]], {"n": 2}),
        (["n", "between", [5, 7]], {"n": 8}),
        (["price", "=", 1.5], {"price": Decimal("1.51")}),
        (["sold", "=", True], {"sold": False}),
        (["name", "prefix", "شا"], {"name": "باشا"}),
        (["name", "contains", "ا"], {"name": "بن"}),
        (["info", "null", True], {"info": {}}),
        (["n", "null", False], {"n": None}),
        (["at", "=", "2025-10-29T12:00:00+02:00"], {"at": "2025-10-29T12:00:00.000Z"}),
        ({"and": [["n", "=", 5], ["sold", "=", True]]}, {"sold": False}),
        ({"or": [["n", "=", 4], ["sold", "=", True]]}, {"sold": False}),
        ({"not": ["n", "=", 4]}, {"n": 4}),
    ],
)
def test_a_filter_holds_what_it_says(where: Any, no: dict[str, Any]) -> None:
    assert holds(where)
    assert not holds(where, **no)


@pytest.mark.parametrize("operator", ["=", "<", "<=", ">", ">="])
def test_nothing_compares_with_an_empty_field(operator: str) -> None:
    assert not holds(["n", operator, 5], n=None)
    assert not holds(["n", "between", [0, 9]], n=None)
    assert not holds(["n", "in", [0, 9]], n=None)
    assert holds(["n", "!=", 5], n=None), "!= is the opposite of ="


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"and": [["n", "=", 1], ["sold", "=", True]]}, {"and": [["sold", "=", True],
          {"and": [["n", "=", 1]]}, ["n", "=", 1.0]]}),
        (["n", "in", [3, 1, 3]], ["n", "in", [1, 3]]),
        (["n", "in", [1]], ["n", "=", 1]),
        (["n", "!=", 1], {"not": ["n", "=", 1]}),
        ({"not": {"not": ["n", "<", 1]}}, ["n", "<", 1]),
        ({"not": ["n", "null", True]}, ["n", "null", False]),
        (["at", "<", "2025-01-01T00:00:00Z"], ["at", "<", "2025-01-01T02:00:00.000+02:00"]),
    ],
)  # fmt: skip
def test_the_same_in_other_words_is_the_same(one: Any, other: Any) -> None:
    assert read(one).canonical == read(other).canonical


def test_equalities_are_what_every_row_must_have() -> None:
    where = {"and": [["n", "in", [1, 2]], ["name", "=", "x"], ["price", ">", 1],
                     {"or": [["sold", "=", True], ["n", "=", 9]]}]}  # fmt: skip
    assert read(where).equalities == {"n": (1, 2), "name": ("x",)}
    either = {"or": [["n", "=", 1], {"and": [["n", "in", [2, 1]], ["sold", "=", True]]}]}
    assert read(either).equalities == {"n": (1, 2)}
    assert read({"or": [["n", "=", 1], ["name", "=", "x"]]}).equalities == {}
    many = [["n", "in", list(range(k, k + 600))] for k in (0, 600)]
    assert read({"or": many}).equalities == {}, "an index of so many values is none"
    assert read({"not": ["n", "=", 1]}).equalities == {}


DEEP: Any = ["n", "=", 1]
for _ in range(100):
    DEEP = {"not": DEEP}


@pytest.mark.parametrize(
    ("where", "place"),
    [
        (None, "/where"), ("n", "/where"), ({}, "/where"), ({"and": []}, "/where"),
        ({"and": [["n", "=", 1]], "or": []}, "/where"), ({"xor": [["n", "=", 1]]}, "/where"),
        ([], "/where"), (["n", "="], "/where"), (["n", "like", 1], "/where"),
        ([["n"], "=", 1], "/where"), (["x", "=", 1], "/where/0"),
        (["__class__", "=", 1], "/where/0"), (["n", "=", "1"], "/where/2"),
        (["n", "=", None], "/where/2"), (["n", "=", True], "/where/2"),
        (["n", "in", []], "/where/2"), (["n", "in", 1], "/where/2"),
        (["n", "in", [1, "x"]], "/where/2/1"), (["n", "in", list(range(1001))], "/where/2"),
        (["n", "between", [1]], "/where/2"), (["n", "null", 1], "/where/2"),
        (["info", "=", 1], "/where/1"), (["n", "prefix", "1"], "/where/1"),
        (["sold", "<", True], "/where/1"), ({"and": [["n", "=", 1], ["y", "=", 1]]},
         "/where/and/1/0"),
        ({"or": [["n", "=", i] for i in range(MAX_CONDITIONS + 1)]}, "/where/or/100"),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_with_its_place(where: Any, place: str) -> None:
    with pytest.raises(Refused) as refused:
        read(where)
    assert refused.value.details[0].path == place


def test_a_deep_filter_is_refused() -> None:
    with pytest.raises(Refused):
        read(DEEP)


def test_a_field_of_two_types_is_refused() -> None:
    with pytest.raises(Refused):
        read(["n", "=", 1], SCHEMA)
    read(["id", "=", "a"], SCHEMA)


VALUES = st.integers(0, 3)
CONDITIONS = st.one_of(
    st.tuples(
        st.sampled_from(["n", "m"]), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), VALUES
    ),
    st.tuples(st.sampled_from(["n", "m"]), st.just("in"), st.lists(VALUES, min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["n", "m"]), st.just("between"), st.tuples(VALUES, VALUES)),
    st.tuples(st.sampled_from(["n", "m"]), st.just("null"), st.booleans()),
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"or": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)
TWO, _ = read_schema("m", {"tables": {"t": {"fields": {
    "id": {"type": "text", "primaryKey": True}, "n": {"type": "integer"},
    "m": {"type": "integer"}}}}})  # fmt: skip
assert TWO is not None
ROWS = [{"id": "", "n": n, "m": m} for n in (None, 0, 1, 2, 3) for m in (None, 0, 2)]


PLAIN: dict[str, Any] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}


def naive(where: Any, row: Any) -> bool:
    """Say what the filter says, as plainly as can be."""
    match where:
        case {"and": parts}:
            return all(naive(part, row) for part in parts)
        case {"or": parts}:
            return any(naive(part, row) for part in parts)
        case {"not": part}:
            return not naive(part, row)
    field, operator, value = where
    kept = row[field]
    match operator:
        case "null":
            return (kept is None) == value
        case "!=":
            return bool(kept != value)
        case "in":
            return kept in value
        case "between":
            return kept is not None and value[0] <= kept <= value[1]
    return kept is not None and bool(
        eval(f"{kept} {operator.replace('=', '==') if operator == '=' else operator} {value}")
    )


@given(FILTERS, FILTERS)
def test_every_filter_holds_what_a_plain_reading_says(one: Any, other: Any) -> None:
    assert TWO is not None
    first, second = read(one, TWO), read(other, TWO)
    for row in ROWS:
        assert first.holds(row) == naive(one, row)
        if first.holds(row):
            assert all(row[field] in values for field, values in first.equalities.items())
        if first.canonical == second.canonical:
            assert first.holds(row) == second.holds(row)
