"""JSON as files carry it, read strictly: each key once, whole characters, finite numbers."""

import json
from decimal import Decimal
from typing import Any, NoReturn

from mishkah.core.values import BEYOND, number


def loads(text: str) -> Any:
    """Return what *text* says; numbers with a fraction are Decimal.

    Raises JSONDecodeError where it is not JSON, and ValueError, of which that is one, where it is
    more than is taken.
    """
    try:
        raw = json.loads(
            text,
            parse_float=_number,
            parse_constant=_no_constant,
            object_pairs_hook=_no_doubles,
        )
        json.dumps(raw, ensure_ascii=False, default=str).encode()
        return raw
    except UnicodeEncodeError as error:
        raise ValueError("a text holds half a character, a lone surrogate") from error
    except RecursionError as error:
        raise ValueError("this is nested too deeply") from error


def _number(literal: str) -> int | Decimal:
    if (read := number(literal)) == BEYOND:
        raise ValueError("a number is longer than any that is kept")
    return read


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        doubled = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {doubled!r} stands twice in one object")
    return found
