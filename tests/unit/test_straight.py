"""The straight code that reads inserts, held against the reader that judges everything."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.errors import Detail
from mishkah.core.filling import complete, occasion
from mishkah.core.schema import Table
from mishkah.core.soundness import read_schema
from mishkah.core.straight import read_insert

BY = occasion(datetime(2025, 10, 29, 10, 30, tzinfo=UTC), UTC, importing=False)
TEXT = {"type": "text"}
FIELDS: dict[str, Any] = {
    "id": {**TEXT, "primaryKey": True},
    "plain": TEXT,
    "must": {**TEXT, "required": True},
    "short": {**TEXT, "maxLength": 3},
    "one_of": {**TEXT, "enum": ["a", "b"], "default": "a"},
    "form": {**TEXT, "pattern": "^x"},
    "whole": {"type": "integer"},
    "few": {"type": "integer", "min": -2, "max": 5, "default": 1},
    "odd": {"type": "integer", "enum": [1, 3]},
    "money": {"type": "decimal"},
    "price": {"type": "decimal", "min": Decimal("0.5"), "max": 100},
    "rate": {"type": "decimal", "enum": [Decimal("0.5"), 1]},
    "yes": {"type": "boolean", "default": False},
    "always": {"type": "boolean", "enum": [True]},
    "day": {"type": "date", "min": "2020-01-01"},
    "moment": {"type": "timestamp"},
    "any": {"type": "json", "default": {"a": [1]}},
    "made_at": {"type": "timestamp", "default": "now", "readOnly": True},
    "made_on": {"type": "date", "default": "now", "max": "2025-10-29"},
}
DECIMALS = ["0.000000001", "1E-9", "1.50", "-0.5", "0.0", "99.5", "100.1", "1E+3", "5", "-0",
            "1.5E-7", "123456789.123456", "Infinity", "1234567.1234567"]  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 2, 3, 5, 6, -2, -3, 10**15 - 1, 10**15, 2**53, 2**53 + 1, -(10**15)]),
    st.sampled_from(DECIMALS).map(Decimal),
    st.sampled_from(["", "a", "b", "xyz", "xyzt", "x", "\x00", "\ud800", "\n", "سطر", "k" * 201]),
    st.sampled_from(["2025-10-29", "2019-01-01", "2025-10-29T10:30:00Z", "2025-10-29T12:30+02:00"]),
    st.just([1, {"k": "v"}]),
    st.floats(),
)


def table_of(fields: dict[str, Any]) -> Table:
    schema, problems = read_schema("m", {"tables": {"item": {"fields": fields}}})
    assert schema is not None, problems
    return schema.tables["item"]


TABLE = table_of(FIELDS)
STRAIGHT = read_insert(TABLE)


def spelled(row: dict[str, Any] | None) -> Any:
    """Return *row* so that 1, True, 1.0 and Decimal(1) differ, and the order counts."""
    return row and [(name, type(value).__name__, repr(value)) for name, value in row.items()]


@given(st.dictionaries(st.sampled_from([*FIELDS, "unknown"]), VALUES), st.booleans())
def test_a_row_is_read_as_the_judging_reader_does_or_left_to_it(
    data: dict[str, Any], whole: bool
) -> None:
    if whole:
        data = {"id": "1", "must": "m", **data}
    wrong: list[Detail] = []
    row = complete(TABLE, data, BY, wrong)
    read = STRAIGHT(data, BY.now, BY.today)
    assert read is None or (spelled(read), wrong) == (spelled(row), [])


PLAIN: dict[str, Any] = {
    "id": "1", "plain": "تجربة", "must": "m", "short": "abc", "one_of": "b", "form": "xy",
    "whole": -7, "few": 5, "odd": 3, "money": Decimal("4.97"), "price": 100, "rate": Decimal("0.5"),
    "yes": True, "always": True, "day": "2025-10-29", "moment": "2025-10-29T10:30:00Z",
    "any": {"k": [1]}, "made_on": "2025-10-28",
}  # fmt: skip


@pytest.mark.parametrize(
    "left_out", [None, *(name for name in PLAIN if name not in ("id", "must"))], ids=repr
)
def test_what_nearly_all_inserts_are_is_read_straight(left_out: str | None) -> None:
    data = {name: value for name, value in PLAIN.items() if name != left_out}
    assert STRAIGHT(data, BY.now, BY.today) is not None


@pytest.mark.parametrize("missing", ["id", "must"])
@pytest.mark.parametrize("how", ["left out", "empty"])
def test_a_row_without_what_is_required_is_left_to_be_judged(missing: str, how: str) -> None:
    data = {name: value for name, value in PLAIN.items() if name != missing}
    if how == "empty":
        data[missing] = None
    assert STRAIGHT(data, BY.now, BY.today) is None


def test_what_only_the_house_may_set_is_left_to_be_judged() -> None:
    assert STRAIGHT({**PLAIN, "made_at": "2025-10-29T10:30:00Z"}, BY.now, BY.today) is None


def test_a_moment_that_breaks_a_rule_is_left_to_be_judged() -> None:
    assert STRAIGHT({"id": "1", "must": "m"}, BY.now, "2025-10-30") is None
