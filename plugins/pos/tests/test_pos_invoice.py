"""Invoices are read back exactly, on every day of the calendar."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mishkah_pos.formats import FORMATS, DailyInvoice

from mishkah import Rule
from mishkah.core.sequences import make_sequence


@given(st.integers(0, 2**53), st.dates(), st.sampled_from(["", "INV", "D-1", "فاتورة", "a.b{"]))
def test_parse_is_the_inverse_of_format(number: int, day: date, prefix: str) -> None:
    form, period = DailyInvoice(prefix), day.isoformat().replace("-", "")
    assert form.parse(form.format(number, period)) == (number, period)


@given(st.from_regex(r"INV-\d{7}-\d{4,6}", fullmatch=True))
def test_what_is_read_is_written_the_same(text: str) -> None:
    form = DailyInvoice("INV")
    read = form.parse(text)
    assert read is None or form.format(*read) == text


@pytest.mark.parametrize(
    "text",
    ["", "INV-2025302", "2025302-0042", "INV-2025302-42", "INV-2025302-00042", "INV-2025366-0001",
     "INV-2025000-0001", "INV-2024367-0001", "INV-0000001-0001", "INV-9999366-0001",
     "INV-٢٠٢٥٣٠٢-0042", "INV-2025302-0042\n", "X-2025302-0042"],
)  # fmt: skip
def test_other_texts_are_no_invoices(text: str) -> None:
    assert DailyInvoice("INV").parse(text) is None


def test_the_last_day_of_a_long_year_is_the_366th() -> None:
    assert DailyInvoice("INV").format(1, "20241231") == "INV-2024366-0001"


def test_the_documented_invoice_is_one() -> None:
    assert DailyInvoice.__doc__
    assert DailyInvoice.__doc__.startswith(f"``{DailyInvoice('INV').format(42, '20251029')}``")


@pytest.mark.parametrize(
    ("reset", "period"),
    [("never", ""), ("year", "2025"), ("month", "202510"), ("day", "20251029")],
)
def test_a_rule_may_reset_as_it_likes(reset: str, period: str) -> None:
    rule = Rule(prefix="INV", format="pos.daily_invoice", reset=reset)
    sequence = make_sequence("order_header", "invoice_no", rule, "dar", FORMATS)
    text = sequence.write(7, datetime(2025, 10, 29))
    assert sequence.parse(text) == (7, period)
