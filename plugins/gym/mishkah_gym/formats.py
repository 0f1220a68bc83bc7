"""Receipt numbers that catch a slip of the pen: the month, the number, and a check digit."""

import re
from collections.abc import Mapping

from mishkah import MakeFormat, Rule, SequenceFormat


class Receipt:
    """``R-202510-00042-7``: prefix, year and month, number, Luhn digit of all digits before it.

    A receipt read out over the telephone with one wrong digit is then no receipt at all, instead
    of somebody else's. Its rule may reset never, yearly or monthly.
    """

    shows = "month"

    def __init__(self, prefix: str) -> None:
        self._lead = f"{prefix}-" if prefix else ""
        self._pattern = re.compile(
            re.escape(self._lead) + r"(\d{4}(?:0[1-9]|1[0-2]))-(\d{5,16})-\d", re.ASCII
        )

    def format(self, number: int, period: str) -> str:
        digits = f"{number:05d}"
        return f"{self._lead}{period[:6]}-{digits}-{luhn(period[:6] + digits)}"

    def parse(self, text: str) -> tuple[int, str] | None:
        found = self._pattern.fullmatch(text)
        if found is None:
            return None
        month, number = found[1], int(found[2])
        # A wrong check digit, or a zero too many, is not what this number is written as.
        return (number, month) if self.format(number, month) == text else None


def luhn(digits: str) -> int:
    """Return the check digit of *digits* (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) if place % 2 else 2 * int(digit)
        total += value - 9 if value > 9 else value
    return -total % 10


def receipt(rule: Rule, branch: str) -> SequenceFormat:
    return Receipt(rule.prefix)


FORMATS: Mapping[str, MakeFormat] = {"gym.receipt": receipt}
