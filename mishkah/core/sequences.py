"""Numbers that people read: how a rule writes a number, reads it back, and starts afresh.

A counter belongs to one (table, field, period); it holds the last number given and never goes
back. The period is the empty text, or the year, month or day in the branch's own time zone.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Protocol

import msgspec

PERIODS: Mapping[str, tuple[str, ...]] = {
    "never": (),
    "year": ("yyyy",),
    "month": ("yyyy", "mm"),
    "day": ("yyyy", "mm", "dd"),
}
"""`reset` → the parts of the date that its format must show."""

MAX_NUMBER = 2**53

_PART = re.compile(r"\{([^{}]*)\}")
_NUMBER = re.compile(r"number(?::0(?:\d|1[0-6])d)?", re.ASCII)
_DATE_DIGITS = {"yyyy": 4, "mm": 2, "dd": 2}


_WIDTHS = {reset: sum(_DATE_DIGITS[part] for part in PERIODS[reset]) for reset in PERIODS}


@lru_cache(maxsize=8)
def _digits(day: date) -> str:
    """Return *day* as the longest period has it, such as "20251029"."""
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


class SequenceFormat(Protocol):
    """How one sequence writes its numbers. A plugin contributes others under a name."""

    @property
    def shows(self) -> str:
        """The shortest `reset` whose period the text shows: never, year, month or day."""

    def format(self, number: int, period: str) -> str:
        """Return the text of *number* in *period* ("", "2025", "202510" or "20251029")."""

    def parse(self, text: str) -> tuple[int, str] | None:
        """Return the (number, period) whose `format` is *text*, or None where there is none."""


MakeFormat = Callable[["Rule", str], SequenceFormat]
"""What a plugin registers under a name: (the rule, the branch) → its format."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of `sequence-rules.json`.

    `padding`, `delimiter` and `suffix` are the older way to say a format; `format` wins.
    """

    prefix: str = ""
    start: int = 1
    format: str = ""
    reset: str = "never"
    padding: int = 0
    delimiter: str = ""
    suffix: str = ""

    @property
    def template(self) -> str:
        if self.format:
            return self.format
        width = f":0{self.padding}d" if self.padding else ""
        return "{prefix}" + self.delimiter + "{number" + width + "}" + self.suffix


class Template:
    """A format written with placeholders, as the guide shows: ``{prefix}-{number:05d}``.

    Raises ValueError, saying why, where the template can't be read back.
    """

    def __init__(self, template: str, prefix: str, branch: str) -> None:
        fixed = {"prefix": prefix, "branch": branch}
        pattern, pieces, seen, end = "", [], set[str](), 0
        for part in _PART.finditer(template):
            literal, name = template[end : part.start()], part[1]
            end = part.end()
            kind, shape = _placeholder(name)
            if kind in seen:
                raise ValueError(f"{{{kind}}} stands in the format twice")
            pattern += re.escape(literal)
            pieces.append(_escape(literal))
            if kind in fixed:
                pattern += re.escape(fixed[kind])
                pieces.append(_escape(fixed[kind]))
            else:
                seen.add(kind)
                pattern += shape
                pieces.append(f"{{{name}}}")
        rest = template[end:]
        if "number" not in seen:
            raise ValueError("the format has no {number}")
        if "{" in (left := _PART.sub("", template)) or "}" in left:
            raise ValueError("the format has a brace without its pair")
        self._pattern = re.compile(pattern + re.escape(rest), re.ASCII)
        self._template = "".join(pieces) + _escape(rest)
        self._dated = not seen.isdisjoint(_DATE_DIGITS)
        self.shows = next(
            (reset for reset in ("day", "month", "year") if seen.issuperset(PERIODS[reset])),
            "never",
        )

    def format(self, number: int, period: str) -> str:
        if not self._dated:
            return self._template.format(number=number)
        return self._template.format(number=number, yyyy=period[:4], mm=period[4:6], dd=period[6:8])

    def parse(self, text: str) -> tuple[int, str] | None:
        found = self._pattern.fullmatch(text)
        if found is None:
            return None
        parts = found.groupdict()
        number = int(parts["number"])
        shown = {name: parts.get(name, "") for name in _DATE_DIGITS}
        # One number has one text: GYM0013 is not another way to write GYM013.
        if self._template.format(number=number, **shown) != text:
            return None
        return number, "".join(shown[name] for name in PERIODS[self.shows])


def _placeholder(name: str) -> tuple[str, str]:
    """Return what the placeholder *name* stands for and the pattern of what it writes."""
    if _NUMBER.fullmatch(name):
        return "number", r"(?P<number>\d{1,16})"
    if name in _DATE_DIGITS:
        return name, rf"(?P<{name}>\d{{{_DATE_DIGITS[name]}}})"
    if name in ("prefix", "branch"):
        return name, ""
    raise ValueError(f"there is no placeholder {{{name}}}")


def _escape(literal: str) -> str:
    return literal.replace("{", "{{").replace("}", "}}")


class Sequence(msgspec.Struct, frozen=True, kw_only=True):
    """A rule made ready for one field of one branch.

    A *strict* field takes nothing but numbers of the rule. The primary key also takes a client's
    own ids, which look otherwise: an id is no number until it has a number's form.
    """

    table: str
    field: str
    strict: bool
    start: int
    reset: str
    form: SequenceFormat

    @property
    def dated(self) -> bool:
        """Whether one number of one period can be written with several dates."""
        return len(PERIODS[self.form.shows]) > len(PERIODS[self.reset])

    def period(self, local: datetime) -> str:
        """Return the period of *local*, a moment in the branch's time zone."""
        return _digits(local.date())[: _WIDTHS[self.reset]]

    def parse(self, text: Any) -> tuple[int, str] | None:
        """Return the (number, period) that *text* shows, or None where it is no such number."""
        read = self.form.parse(text) if isinstance(text, str) else None
        if read is None or read[0] < 0:
            return None
        number, period = read
        return number, period[: _WIDTHS[self.reset]]

    def write(self, number: int, local: datetime) -> str:
        """Return the text of *number*, given at *local*; the whole date may be shown."""
        return self.form.format(number, _digits(local.date()))


def make_sequence(
    table: str,
    field: str,
    rule: Rule,
    branch: str,
    formats: Mapping[str, MakeFormat],
    *,
    strict: bool = True,
) -> Sequence:
    """Make *rule* ready for one field, or raise ValueError saying what is wrong with it."""
    if rule.reset not in PERIODS:
        raise ValueError(f"reset is one of {', '.join(PERIODS)}")
    if not 0 <= rule.start <= MAX_NUMBER:
        raise ValueError("start is a whole number, 0 or more")
    if not 0 <= rule.padding <= 16:
        raise ValueError("padding is 0 to 16")
    if set("{}") & set(rule.delimiter + rule.suffix):
        raise ValueError("delimiter and suffix are literal texts, without braces")
    if len(rule.template) > 120:
        raise ValueError("a format has at most 120 characters")
    make = formats.get(rule.format)
    if make is None and rule.format and "{" not in rule.format:
        known = ", ".join(sorted(formats)) or "none"
        raise ValueError(f"no plugin brings the format {rule.format!r}; there is: {known}")
    form = make(rule, branch) if make else Template(rule.template, rule.prefix, branch)
    if form.shows not in PERIODS:
        raise ValueError(f"the format shows {form.shows!r}, which is no period")
    if len(PERIODS[form.shows]) < len(PERIODS[rule.reset]):
        raise ValueError(
            f"reset is {rule.reset}, but the format does not show the {rule.reset}: "
            "two numbers of two periods would be the same"
        )
    return Sequence(
        table=table, field=field, strict=strict, start=rule.start, reset=rule.reset, form=form
    )
