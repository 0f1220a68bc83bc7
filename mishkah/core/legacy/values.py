"""Words and values of the older list format: its names of types, and rows of its seeds."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from mishkah.core.values import number

_NAMES = {
    "text": "string text varchar nvarchar char nchar character clob citext enum uuid guid time",
    "integer": "integer int bigint smallint tinyint mediumint long",
    "decimal": "decimal numeric number float double real money",
    "boolean": "boolean bool bit",
    "date": "date",
    "timestamp": "timestamp datetime timestamptz",
    "json": "json jsonb object array",
}
TYPES = {word: kind for kind, words in _NAMES.items() for word in words.split()}
"""The old name of a type → ours. Case does not count."""
_SIZED = re.compile(r"\s*([a-z]+)\s*(?:\(\s*(\d{1,6})\s*(?:,\s*(\d{1,3})\s*)?\))?\s*")

_decode = msgspec.json.Decoder(float_hook=number).decode
_LITERAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class Kind(msgspec.Struct, frozen=True):
    """A type as the old format says it, such as ``VARCHAR(50)`` or ``decimal(12,2)``."""

    word: str
    name: str
    """One of the seven types, or what was written where it is none of them."""
    size: int | None = None
    scale: int | None = None


def read_kind(written: str) -> Kind:
    found = _SIZED.fullmatch(written.lower())
    if found is None or found[1] not in TYPES:
        return Kind(written, written)
    size, scale = (None if digits is None else int(digits) for digits in found.group(2, 3))
    return Kind(found[1], TYPES[found[1]], size, scale)


def as_typed(kind: str, value: Any) -> Any:
    """Return *value* as a value of the type *kind* where it is one in other words, or as it is.

    The old server took numbers, truth values and JSON that were written as text, and ids that were
    written as numbers. Nothing is guessed: what is not exactly a value is left for the type to
    refuse.
    """
    if kind == "text":
        whole = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if whole else value
    if kind == "boolean" and isinstance(value, str | int):
        word = str(value).lower()
        return True if word in _TRUE else False if word in _FALSE else value or None
    if not isinstance(value, str):
        return value
    word = value.strip()
    if not word:
        return None
    if kind in ("integer", "decimal") and _LITERAL.fullmatch(word):
        return number(word)
    return _parsed(word, value) if kind == "json" and word[0] in "{[" else value


def _parsed(word: str, value: str) -> Any:
    try:
        return _decode(word)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value


def read_row(
    row: Mapping[str, Any], columns: Mapping[str, str], types: Mapping[str, str]
) -> dict[str, Any]:
    """Return *row* under the names of fields, each value of its field's type.

    *columns* leads from the column's name to the field's, *types* from the field's to its type.
    A value under the field's own name wins over an equal or empty one under the column's; any other
    stays where it is, for the table to refuse.
    """
    read = {key: as_typed(types[key], value) for key, value in row.items() if key in types}
    for key, value in row.items():
        if key in types:
            continue
        name = columns.get(key)
        typed = value if name is None else as_typed(types[name], value)
        if name is None or (read.get(name) is not None and typed not in (None, read[name])):
            read[key] = value
        elif read.get(name) is None:
            read[name] = typed
    return read
