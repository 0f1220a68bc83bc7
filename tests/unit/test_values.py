"""What each type takes, in which one form it is kept, and what it refuses."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.values import READERS, Wrong, number, read_key, stamp

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=None).map(str).map(number)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("text", "", ""),
        ("text", "قهوة\n\t😀", "قهوة\n\t😀"),
        ("integer", 2**53, 2**53),
        ("integer", -(2**53), -(2**53)),
        ("integer", number("5.0"), 5),
        ("integer", number("1e3"), 1000),
        ("decimal", 7, Decimal(7)),
        ("decimal", number("1.50"), Decimal("1.5")),
        ("decimal", number("-0.0"), Decimal(0)),
        ("decimal", number("0.000000001"), Decimal("0.000000001")),
        ("decimal", 999_999_999_999_999, Decimal(999_999_999_999_999)),
        ("decimal", number("123456.123456789"), Decimal("123456.123456789")),
        ("decimal", number("1e14"), Decimal(10**14)),
        ("boolean", True, True),
        ("boolean", False, False),
        ("date", "2024-02-29", "2024-02-29"),
        ("timestamp", "2025-10-29T10:30:00Z", "2025-10-29T10:30:00.000Z"),
        ("timestamp", "2025-10-29t10:30:00z", "2025-10-29T10:30:00.000Z"),
        ("timestamp", "2025-10-29 10:30:00.1239+03:00", "2025-10-29T07:30:00.123Z"),
        ("timestamp", "0001-01-01T00:00:00.5Z", "0001-01-01T00:00:00.500Z"),
        ("json", {"ar": ["أ", 1, None, True]}, {"ar": ["أ", 1, None, True]}),
        ("json", number("0.1"), Decimal("0.1")),
        ("json", number("0.1000000000000000055511151231257827"), Decimal("0.1")),
        ("json", number("1e-999"), 0),
    ],
)
def test_a_value_is_kept_in_one_form(kind: str, value: Any, kept: Any) -> None:
    read = READERS[kind](value)
    assert (read, type(read)) == (kept, type(kept))
    if isinstance(kept, Decimal):
        assert str(read) == str(kept)


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        ("text", 1, "type"),
        ("text", ["a"], "type"),
        ("text", "nul\x00", "text"),
        ("text", "lone \ud800", "text"),
        ("text", "\udfff", "text"),
        ("integer", True, "type"),
        ("integer", "1", "type"),
        ("integer", number("1.5"), "type"),
        ("integer", 2**53 + 1, "range"),
        ("integer", 10**4000, "range"),
        ("integer", number("1e999"), "type"),
        ("decimal", True, "type"),
        ("decimal", "1.5", "type"),
        ("decimal", 10**15, "range"),
        ("decimal", number("1e15"), "range"),
        ("decimal", number("1e999999999"), "range"),
        ("decimal", number("1e-999999999"), "range"),
        ("decimal", number("0.0000000001"), "range"),
        ("decimal", number("1234567.123456789"), "range"),
        ("boolean", 1, "type"),
        ("boolean", "true", "type"),
        ("date", "2025-02-29", "type"),
        ("date", "2025-1-1", "type"),
        ("date", "20250101", "type"),
        ("date", "٢٠٢٥-٠١-٠١", "type"),
        ("date", "2025-01-01\n", "type"),
        ("date", 20250101, "type"),
        ("timestamp", "2025-10-29T10:30:00", "type"),
        ("timestamp", "2025-10-29", "type"),
        ("timestamp", "2025-13-29T10:30:00Z", "type"),
        ("timestamp", "2025-10-29T25:30:00Z", "type"),
        ("timestamp", "0001-01-01T00:00:00+05:00", "type"),
        ("timestamp", "2025-10-29T10:30:00+99:99", "type"),
        ("timestamp", 1761733800, "type"),
        ("json", {"a": "\x00"}, "text"),
        ("json", {"__proto__": 1}, "key"),
        ("json", {"\ud800": 1}, "text"),
        ("json", [2**53 + 1], "range"),
        ("json", number("1e309"), "range"),
        ("json", number("-1e999999999"), "range"),
        ("json", number("1e99999999999999999999"), "range"),
        ("json", object(), "type"),
    ],
)
def test_what_a_type_does_not_take_is_refused_by_a_rule(kind: str, value: Any, rule: str) -> None:
    with pytest.raises(Wrong) as wrong:
        READERS[kind](value)
    assert wrong.value.rule == rule
    assert wrong.value.text.en != wrong.value.text.ar


def test_what_is_wrong_inside_json_is_found_by_its_path() -> None:
    with pytest.raises(Wrong) as wrong:
        READERS["json"]({"a": [1, {"b": "\x00"}]})
    assert wrong.value.path == ("a", 1, "b")


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_json_is_nested_32_deep_and_no_deeper() -> None:
    assert READERS["json"](nested(32)) == nested(32)
    with pytest.raises(Wrong) as wrong:
        READERS["json"](nested(33))
    assert wrong.value.rule == "depth"


@pytest.mark.parametrize("key", ["a", "ب", "a b/c", "x" * 200, "__proto__", "😀" * 200])
def test_a_primary_key_has_1_to_200_characters(key: str) -> None:
    assert read_key(key) == key


@pytest.mark.parametrize("key", ["", "x" * 201, "a\n", "\x7f", "a\x85b", "\x00", "\ud800", 1, True])
def test_other_primary_keys_are_refused(key: Any) -> None:
    with pytest.raises(Wrong):
        read_key(key)


@given(st.sampled_from(sorted(READERS)), JSON)
def test_reading_what_is_kept_changes_nothing(kind: str, value: Any) -> None:
    try:
        kept = READERS[kind](value)
    except Wrong:
        return
    if kept is not None:
        assert repr(READERS[kind](kept)) == repr(kept)


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 9))
def test_every_decimal_of_15_digits_and_9_places_is_taken_exactly(digits: int, places: int) -> None:
    exact = Decimal(digits).scaleb(-places)
    kept = READERS["decimal"](number(format(exact, "f") if places else f"{digits}.0"))
    assert kept == exact
    assert number(repr(float(kept))) == exact, "it survives a double, in JavaScript and SQLite"


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(lambda d: len(str(d)) < 28))
def test_a_number_is_read_exactly(exact: Decimal) -> None:
    assert number(str(exact)) == exact


def test_a_number_of_40_digits_is_read_exactly() -> None:
    literal = "0.1000000000000000000000000000000000000001"
    assert number(literal) == Decimal(literal)


def test_a_decimal_of_too_many_digits_is_refused_not_rounded() -> None:
    with pytest.raises(Wrong):
        READERS["decimal"](number("1.00000000000000000000000000000000000001"))


@pytest.mark.parametrize("literal", ["1e9999999999999999999999", "1e-9999999999999999999999"])
def test_no_exponent_is_too_vast_to_be_refused(literal: str) -> None:
    with pytest.raises(Wrong):
        READERS["decimal"](number(literal))


def test_one_large_number_has_one_form() -> None:
    assert repr(number("1.0e20")) == repr(number("1e20"))


def test_a_json_number_that_was_kept_can_be_sent_back() -> None:
    """JavaScript writes 1.15e16 without an exponent; then it is a whole number too large."""
    with pytest.raises(Wrong):
        READERS["json"](number("1.1565165741930938e16"))
    kept = READERS["json"](number("9.007199254740992e15"))
    assert READERS["json"](int(str(kept))) == kept


def test_a_zone_of_sixty_minutes_is_refused() -> None:
    with pytest.raises(Wrong):
        READERS["timestamp"]("2025-01-01T00:00:00+00:60")


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),
    st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)
def test_a_timestamp_is_the_same_moment_in_utc_cut_to_milliseconds(
    naive: datetime, zone: timezone
) -> None:
    moment = naive.replace(tzinfo=zone)
    kept = READERS["timestamp"](moment.isoformat())
    assert len(kept) == 24
    back = datetime.fromisoformat(kept)
    assert timedelta(0) <= moment - back < timedelta(milliseconds=1)
    assert kept == stamp(moment)


@given(st.lists(st.datetimes(), min_size=2, max_size=2))
def test_timestamps_as_text_sort_like_their_moments(moments: list[datetime]) -> None:
    one, other = (m.replace(tzinfo=UTC, microsecond=m.microsecond // 1000 * 1000) for m in moments)
    assert (stamp(one) < stamp(other)) == (one < other)
