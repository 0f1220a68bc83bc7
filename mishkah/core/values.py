"""The seven types: what a value of each may be, and the one way it is kept.

Each reader takes a decoded JSON value and returns it as it is kept, or raises `Wrong`. Kept values
are `None`, `bool`, `int`, `Decimal`, `str`, and for ``json`` lists and dicts of those.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, InvalidOperation
from typing import Any

import msgspec

from mishkah.core.errors import CONTROL, Text

MAX_INTEGER = 2**53
"""Integers lie within ±2^53: beyond that JavaScript's numbers skip some (ECMA-262, 6.1.6.1)."""
MAX_DIGITS = 15
MAX_PLACES = 9
MAX_DEPTH = 32
MAX_KEY = 200

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,30}))?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII
)
_NOT_TEXT = re.compile(
    "[\x00\ud800-\udfff]"
)  # NUL ends a C string; a surrogate is half a character


_EXACT = Context(prec=400, Emax=MAX_EMAX, Emin=MIN_EMIN)
BEYOND = Decimal("Infinity")
"""Stands for any number too long to be looked at; every type refuses it."""


_encode = msgspec.json.Encoder(decimal_format="number").encode


class Wrong(Exception):
    """A value that its type does not take: the rule's name and the sentence that says it.

    *path* leads into a ``json`` value.
    """

    def __init__(self, rule: str, text: Text, *path: str | int) -> None:
        self.rule = rule
        self.text = text
        self.path = path
        super().__init__(text.en)


def number(literal: str) -> int | Decimal:
    """Return the JSON number *literal* that has a point or an exponent, exactly.

    One value has one form: ``1.0`` is the integer 1, ``1.50`` is 1.5. A number that no type takes
    is never computed with; one of more than 400 characters is `BEYOND`.
    """
    short = len(literal) <= MAX_DIGITS and literal[-1] in "123456789" and "." in literal
    if short and "e" not in literal and "E" not in literal:
        return Decimal(literal)  # as nearly all that come, it has its one form already
    if len(literal) > _EXACT.prec:
        return BEYOND
    try:
        exact = _EXACT.normalize(Decimal(literal))
    except InvalidOperation:  # an exponent that Decimal itself does not hold
        return BEYOND
    if exact.adjusted() <= MAX_DIGITS and exact == exact.to_integral_value():
        return int(exact)
    return exact


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong("type", Text("This must be text", "يجب أن تكون القيمة نصًا"))
    if not value.isprintable() and _NOT_TEXT.search(value):
        raise Wrong(
            "text",
            Text("This text holds a character that is not allowed", "في النص حرف غير مسموح به"),
        )
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Wrong("type", Text("This must be a whole number", "يجب أن تكون القيمة عددًا صحيحًا"))
    if abs(value) > MAX_INTEGER:
        raise Wrong("range", Text("This number is too large", "هذا العدد أكبر من المسموح"))
    return value


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise Wrong("type", Text("This must be a number", "يجب أن تكون القيمة عددًا"))
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise _too_precise()
    exact = Decimal(value)
    _, digits, exponent = exact.as_tuple()
    if not isinstance(exponent, int) or len(digits) > MAX_DIGITS or abs(exponent) > MAX_DIGITS:
        raise _too_precise()
    if exact.adjusted() >= MAX_DIGITS:
        raise _too_precise()
    if exact == exact.to_integral_value():  # 1E+3 is 1000, 5.0 is 5, and there is one zero
        return Decimal(int(exact))
    exact = exact.normalize()
    if exact.as_tuple().exponent < -MAX_PLACES:  # type: ignore[operator]  # finite, so an int
        raise _too_precise()
    return exact


def _too_precise() -> Wrong:
    return Wrong(
        "range",
        Text(
            "A number has at most 15 digits, at most 9 of them after the point",
            "للعدد 15 رقمًا على الأكثر، منها 9 على الأكثر بعد الفاصلة",
        ),
    )


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong("type", Text("This must be true or false", "يجب أن تكون القيمة نعم أو لا"))
    return value


def _date(value: object) -> str:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return value
    raise Wrong(
        "type",
        Text("This must be a date like 2025-10-29", "يجب أن تكون القيمة تاريخًا مثل 2025-10-29"),
    )


def _timestamp(value: object) -> str:
    """Take RFC 3339 with a zone; keep UTC with milliseconds (more are cut off)."""
    found = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if found:
        day, time, fraction, zone = found.groups()
        milliseconds = ((fraction or "") + "000")[:3]
        zone = "+00:00" if zone in "Zz" else zone
        try:
            return stamp(datetime.fromisoformat(f"{day}T{time}.{milliseconds}000{zone}"))
        except (ValueError, OverflowError):
            pass
    raise Wrong(
        "type",
        Text(
            "This must be a time with its zone, like 2025-10-29T10:30:00Z",
            "يجب أن تكون القيمة وقتًا مع المنطقة الزمنية مثل 2025-10-29T10:30:00Z",
        ),
    )


def stamp(moment: datetime) -> str:
    """Return *moment* (with a zone) as timestamps are kept: ``YYYY-MM-DDTHH:MM:SS.mmmZ``."""
    utc = moment.astimezone(UTC)
    # Not strftime: its %Y does not pad years below 1000 on every platform.
    return f"{utc.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _json(value: object, depth: int = 1) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, Decimal):
        return _json_number(value)
    if depth > MAX_DEPTH:
        raise Wrong("depth", Text("This is nested too deeply", "التداخل أعمق من المسموح"))
    if isinstance(value, list):
        return [_inside(item, depth, i) for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {_key(key): _inside(item, depth, key) for key, item in value.items()}
    raise Wrong("type", Text("This must be a JSON value", "يجب أن تكون القيمة من قيم JSON"))


def _inside(value: object, depth: int, step: str | int) -> Any:
    try:
        return _json(value, depth + 1)
    except Wrong as wrong:
        raise Wrong(wrong.rule, wrong.text, step, *wrong.path) from None


def _key(key: str) -> str:
    if key == "__proto__":  # a plain assignment of it in a browser changes an object's prototype
        raise Wrong("key", Text("This key is not allowed", "هذا المفتاح غير مسموح به"))
    return _text(key)


def _json_number(value: Decimal) -> Decimal | int:
    """Keep a number as every JSON reader will see it: the nearest double."""
    if value.copy_abs() <= MAX_INTEGER:  # abs() overflows on a vast exponent
        return number(repr(float(value)))
    raise Wrong("range", Text("This number is too large", "هذا العدد أكبر من المسموح"))


READERS: Mapping[str, Callable[[object], Any]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "json": _json,
}
"""Type name → the function that reads a value of it."""


def read_key(value: object) -> str:
    """Read a primary key: text of 1-200 characters, none of them a control character."""
    text = _text(value)
    if not 0 < len(text) <= MAX_KEY or CONTROL.search(text):
        raise Wrong(
            "key",
            Text(
                "A primary key has 1-200 characters and no control characters",
                "للمعرّف من 1 إلى 200 حرف دون أحرف تحكم",
            ),
        )
    return text


def same(one: Any, other: Any) -> bool:
    """Tell whether two kept values are one value; True is not 1, inside JSON too."""
    return one == other and (
        (type(one) is type(other) and not isinstance(one, list | dict))
        or _encode(one) == _encode(other)
    )
