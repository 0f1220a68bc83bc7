"""Receipts are read back exactly, and a slip of the pen is noticed."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mishkah_gym.formats import FORMATS, Receipt, luhn

from mishkah import Rule
from mishkah.core.sequences import make_sequence

numbers = st.integers(0, 2**53)
months = st.dates().map(lambda day: f"{day.year:04d}{day.month:02d}")


@given(numbers, months, st.sampled_from(["", "R", "G-1", "إيصال", "a.b{"]))
def test_parse_is_the_inverse_of_format(number: int, month: str, prefix: str) -> None:
    form = Receipt(prefix)
    assert form.parse(form.format(number, month)) == (number, month)
    assert form.format(number, month + "29") == form.format(number, month)


@given(numbers, months, st.data())
def test_one_wrong_digit_is_no_receipt(number: int, month: str, data: st.DataObject) -> None:
    text = Receipt("R").format(number, month)
    place = data.draw(st.sampled_from([i for i, c in enumerate(text) if c.isdigit()]))
    wrong = data.draw(st.sampled_from([d for d in "0123456789" if d != text[place]]))
    assert Receipt("R").parse(text[:place] + wrong + text[place + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    ["", "R-202510-00042", "202510-00042-7", "R-202510-42-7", "R-202510-000042-7",
     "R-202513-00042-4", "R-٢٠٢٥١٠-00042-7", "R-202510-00042-7\n", "X-202510-00042-7"],
)  # fmt: skip
def test_other_texts_are_no_receipts(text: str) -> None:
    assert Receipt("R").parse(text) is None


def test_the_documented_receipt_is_one() -> None:
    assert Receipt.__doc__
    example = Receipt("R").format(42, "202510")
    assert Receipt.__doc__.startswith(f"``{example}``")
    assert luhn("7992739871") == 3  # the example of every textbook


def test_a_rule_may_reset_monthly_but_not_daily() -> None:
    rule = Rule(prefix="R", format="gym.receipt", reset="month")
    sequence = make_sequence("payment_transaction", "receipt_no", rule, "gim", FORMATS)
    text = sequence.write(7, datetime(2025, 10, 29))
    assert sequence.parse(text) == (7, "202510")
    with pytest.raises(ValueError, match="does not show the day"):
        make_sequence("t", "f", Rule(format="gym.receipt", reset="day"), "gim", FORMATS)
