"""Invoice numbers that start afresh each day, with the day as one short number."""

import re
from collections.abc import Mapping
from datetime import date

from mishkah import MakeFormat, Rule, SequenceFormat


class DailyInvoice:
    """``INV-2025302-0042``: prefix, ordinal date (ISO 8601: year and day of the year), number."""

    shows = "day"

    def __init__(self, prefix: str) -> None:
        self._lead = f"{prefix}-" if prefix else ""
        self._pattern = re.compile(re.escape(self._lead) + r"(\d{4})(\d{3})-(\d{4,16})", re.ASCII)

    def format(self, number: int, period: str) -> str:
        day = date(int(period[:4]), int(period[4:6]), int(period[6:8]))
        return f"{self._lead}{day.year:04d}{day.timetuple().tm_yday:03d}-{number:04d}"

    def parse(self, text: str) -> tuple[int, str] | None:
        found = self._pattern.fullmatch(text)
        day = found and ordinal_date(int(found[1]), int(found[2]))
        if not found or not day:
            return None
        number, period = int(found[3]), f"{day.year:04d}{day.month:02d}{day.day:02d}"
        # Day 366 of a short year, or a zero too many, is not what this number is written as.
        return (number, period) if self.format(number, period) == text else None


def ordinal_date(year: int, day: int) -> date | None:
    """Return the *day*-th day counted from 1 January of *year*, or None outside of the calendar."""
    try:
        return date.fromordinal(date(year, 1, 1).toordinal() + day - 1)
    except ValueError:
        return None


def daily_invoice(rule: Rule, branch: str) -> SequenceFormat:
    return DailyInvoice(rule.prefix)


FORMATS: Mapping[str, MakeFormat] = {"pos.daily_invoice": daily_invoice}
