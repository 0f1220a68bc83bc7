"""Numbers that people read: written, read back exactly, and begun afresh with each period."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.sequences import MAX_NUMBER, Rule, Sequence, Template, make_sequence

CAIRO = ZoneInfo("Africa/Cairo")
DAY = datetime(2025, 10, 29, 12)


def sequence(branch: str = "dar", formats: Any = None, **rule: Any) -> Sequence:
    return make_sequence("t", "f", Rule(**rule), branch, formats or {})


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"format": "{prefix}-{number:05d}", "prefix": "DAR"}, "DAR-00007"),
        ({"format": "{prefix}{number:03d}", "prefix": "GYM"}, "GYM007"),
        ({"format": "{number}"}, "7"),
        ({"format": "{number:03d}/{branch}"}, "007/dar"),
        ({"format": "فاتورة {number}"}, "فاتورة 7"),
        ({"format": "INV-{yyyy}{mm}{dd}-{number:04d}"}, "INV-20251029-0007"),
        ({"format": "{number}{yyyy}"}, "72025"),
        ({"format": "{prefix}.{number}", "prefix": "a{b}.*"}, "a{b}.*.7"),
        ({"prefix": "PAY", "delimiter": "-", "padding": 4}, "PAY-0007"),
        ({"prefix": "P", "suffix": "-X"}, "P7-X"),
        ({}, "7"),
    ],
)
def test_a_rule_writes_its_numbers_like_this(rule: dict[str, Any], text: str) -> None:
    made = sequence(**rule)
    assert made.write(7, DAY) == text
    read = made.parse(text)
    assert read is not None
    assert read[0] == 7


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"format": "{prefix}-"}, "no {number}"),
        ({"format": "{number}{number:03d}"}, "stands in the format twice"),
        ({"format": "{yyyy}{yyyy}{number}"}, "stands in the format twice"),
        ({"format": "{number}{"}, "brace"),
        ({"format": "{number}}"}, "brace"),
        ({"format": "{number:x}"}, "no placeholder"),
        ({"format": "{number.__class__}"}, "no placeholder"),
        ({"format": "{0}{number}"}, "no placeholder"),
        ({"format": "{yy}{number}"}, "no placeholder"),
        ({"format": "gym.member_code"}, "no plugin brings the format"),
        ({"format": "{number}" + "x" * 120}, "at most 120"),
        ({"reset": "weekly"}, "reset is one of"),
        ({"start": -1}, "start is a whole number"),
        ({"start": 2**53 + 1}, "start is a whole number"),
        ({"suffix": "-{X}"}, "without braces"),
        ({"delimiter": "{yyyy}"}, "without braces"),
        ({"padding": 17}, "padding is 0 to 16"),
        ({"padding": -1}, "padding is 0 to 16"),
        ({"reset": "year", "format": "{number}"}, "does not show the year"),
        ({"reset": "month", "format": "{yyyy}-{number}"}, "does not show the month"),
        ({"reset": "day", "format": "{yyyy}{mm}-{number}"}, "does not show the day"),
        ({"reset": "month", "format": "{mm}-{number}"}, "does not show the month"),
    ],
)
def test_a_rule_that_could_not_be_kept_is_refused(rule: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as refused:
        sequence(**rule)
    assert words in str(refused.value)


@pytest.mark.parametrize("shape", ["{number:5d}", "{number:020d}"])
def test_a_width_that_can_not_be_read_back_is_refused(shape: str) -> None:
    try:
        template = Template(shape, "", "")
    except ValueError:
        return
    assert template.parse(template.format(7, "")) == (7, "")


LITERALS = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=6)
PARTS = st.lists(
    st.sampled_from(["{prefix}", "{branch}", "{yyyy}", "{mm}", "{dd}"]) | LITERALS, max_size=5
)
WIDTHS = st.sampled_from(["", *(f":0{n}d" for n in range(1, 17))])


@st.composite
def templates(draw: st.DrawFn) -> Template:
    parts = draw(PARTS)
    once = [p for i, p in enumerate(parts) if not p.startswith("{") or p not in parts[:i]]
    once.insert(draw(st.integers(0, len(once))), "{number" + draw(WIDTHS) + "}")
    return Template("".join(once), draw(st.text(max_size=5)), draw(st.text(max_size=5)))


PERIOD = st.dates().map(lambda day: f"{day.year:04d}{day.month:02d}{day.day:02d}")


@given(templates(), st.integers(0, MAX_NUMBER), PERIOD)
def test_every_format_is_read_back_exactly(template: Template, n: int, period: str) -> None:
    read = template.parse(template.format(n, period))
    assert read is not None
    assert read[0] == n
    assert period.startswith(read[1])
    length = {"never": 0, "year": 4, "month": 6, "day": 8}[template.shows]
    assert len(read[1]) == length


@given(templates(), st.text(max_size=12) | st.from_regex(r"[A-Z]{0,3}-?\d{1,20}", fullmatch=True))
def test_what_is_read_is_what_would_be_written(template: Template, text: str) -> None:
    read = template.parse(text)
    if read is not None and template.shows == "never":
        assert len(text) >= len(str(read[0]))
        assert str(read[0]) in text


@pytest.mark.parametrize(
    "text",
    ["GYM0013", "GYM13", "GYM-013", "gym013", "GYM013 ", " GYM013", "GYM013\n", "GYM٠١٣", "GYM+13",
     "GYM-13", "GYM1e3", "GYM" + "9" * 17, "", "GYM"],
)  # fmt: skip
def test_one_number_has_one_text(text: str) -> None:
    made = sequence(format="{prefix}{number:03d}", prefix="GYM")
    assert made.parse("GYM013") == (13, "")
    assert made.parse(text) is None


@pytest.mark.parametrize("value", [None, 13, True, ["GYM013"], b"GYM013"])
def test_what_is_no_text_is_no_number(value: object) -> None:
    assert sequence(format="{prefix}{number:03d}", prefix="GYM").parse(value) is None


def test_a_number_in_a_shown_date_that_is_not_written_so_is_none() -> None:
    made = sequence(format="{yyyy}-{number}", reset="year")
    assert made.parse("2025-7") == (7, "2025")
    assert made.parse("25-7") is None


@pytest.mark.parametrize(
    ("reset", "period"), [("never", ""), ("year", "2025"), ("month", "202510"), ("day", "20251029")]
)
def test_a_period_is_as_long_as_its_reset(reset: str, period: str) -> None:
    made = sequence(format="{yyyy}{mm}{dd}-{number}", reset=reset)
    assert made.period(DAY) == period
    assert made.parse(made.write(3, DAY)) == (3, period)


def numbers(shop: Any, *moments: datetime) -> list[str]:
    return [shop.insert("bill", {"id": str(i)}, at=at)["code"] for i, at in enumerate(moments)]


@pytest.mark.parametrize(
    ("reset", "form", "codes"),
    [
        ("never", "{number}", ["5", "6", "7", "8"]),
        ("year", "{yyyy}-{number}", ["2025-5", "2025-6", "2026-5", "2026-6"]),
        ("month", "{yyyy}{mm}-{number}", ["202512-5", "202512-6", "202601-5", "202601-6"]),
        (
            "day",
            "{yyyy}{mm}{dd}-{number}",
            ["20251230-5", "20251231-5", "20260101-5", "20260101-6"],
        ),
    ],
)
def test_each_period_begins_at_start(
    open_shop: Any, reset: str, form: str, codes: list[str]
) -> None:
    shop = open_shop(rules={"bill": {"code": Rule(start=5, format=form, reset=reset)}}, zone=CAIRO)
    days = [(2025, 12, 30), (2025, 12, 31), (2026, 1, 1), (2026, 1, 1)]
    assert numbers(shop, *(datetime(*day, 12, tzinfo=CAIRO) for day in days)) == codes


def test_a_day_begins_at_the_branchs_midnight_not_at_that_of_greenwich(open_shop: Any) -> None:
    utc = ZoneInfo("UTC")
    late, later = datetime(2025, 12, 31, 21, 30, tzinfo=utc), datetime(2025, 12, 31, 22, tzinfo=utc)
    rule = Rule(format="{yyyy}{mm}{dd}-{number}", reset="day")
    cairo = open_shop(rules={"bill": {"code": rule}}, zone=CAIRO)
    assert numbers(cairo, late, later) == ["20251231-1", "20260101-1"]
    london = open_shop(rules={"bill": {"code": rule}})
    assert numbers(london, late, later) == ["20251231-1", "20251231-2"]


def test_a_clock_that_goes_back_goes_on_in_the_old_period(open_shop: Any) -> None:
    shop = open_shop(rules={"bill": {"code": Rule(format="{yyyy}-{number}", reset="year")}})
    years = [2025, 2026, 2025, 2026]
    moments = [datetime(year, 6, 1, tzinfo=ZoneInfo("UTC")) for year in years]
    assert numbers(shop, *moments) == ["2025-1", "2026-1", "2025-2", "2026-2"]


class Roman:
    """A plugin's format."""

    shows = "never"

    def format(self, number: int, period: str) -> str:
        return "I" * number

    def parse(self, text: str) -> tuple[int, str] | None:
        return (len(text), "") if text and set(text) == {"I"} else None


def test_a_plugins_format_is_found_by_its_name() -> None:
    made = sequence(format="x.roman", formats={"x.roman": lambda rule, branch: Roman()})
    assert made.write(3, DAY) == "III"
    assert made.parse("IIII") == (4, "")


def test_a_plugins_format_must_show_its_period_too() -> None:
    with pytest.raises(ValueError, match="does not show the day"):
        sequence(format="r", reset="day", formats={"r": lambda rule, branch: Roman()})
