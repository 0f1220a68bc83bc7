"""Inserts read by straight code, written out of each table's schema.

It takes what nearly all inserts are: each value plainly of its type. What it does not take,
`filling.complete` reads and judges; which of both has read a row can't be told from the row.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from math import ceil, floor
from typing import Any

from mishkah.core.schema import Field, Row, Table
from mishkah.core.values import MAX_DIGITS, MAX_INTEGER, MAX_KEY, Wrong

ReadInsert = Callable[[Row, str, str], dict[str, Any] | None]
"""(what is given, now, today) → the whole row, or None where it is for `complete` to say."""


def read_insert(table: Table) -> ReadInsert:
    """Return the function that reads inserts into *table* by who may know all of its fields."""
    scope: dict[str, Any] = {"ABSENT": object(), "Decimal": Decimal, "Wrong": Wrong}
    lines = ["def read(data, now, today):", " get, n = data.get, 0", " try:"]
    for i, field in enumerate(table.fields.values()):
        lines += (f"  {line}" for line in _field(f"v{i}", field, scope))
    row = ", ".join(f"{name!r}: v{i}" for i, name in enumerate(table.fields))
    lines += [" except Wrong:", "  return None"]
    lines += [f" return {{{row}}} if n == len(data) else None"]
    exec(compile("\n".join(lines), f"<insert into {table.name}>", "exec"), scope)
    read: ReadInsert = scope["read"]
    return read


def _field(v: str, field: Field, scope: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that set the variable *v* to what the row has in *field*."""
    scope[f"{v}_read"], scope[f"{v}_default"] = field.read, field.default
    must = field.required or field.primary_key
    yield f"{v} = get({field.name!r}, ABSENT)"
    yield f"if {v} is ABSENT:"
    if field.default_now:
        moment = "today" if field.type == "date" else "now"
        yield f" {v} = {moment}" if field.limits is None else f" {v} = {v}_read({moment})"
    else:
        yield f" {v} = {v}_default" if not must or field.default is not None else " return None"
    yield "else:"
    if field.read_only:
        yield " return None"
        return
    yield " n += 1"
    plain, kept = _PLAIN.get(field.type, _other)(v, field, scope)
    empty = "return None" if must else "pass"
    yield f" if {v} is None: {empty}"
    yield f" elif {plain}: {kept}"
    if field.type == "decimal":
        yield f" elif {_exact(v, field, scope)}: pass"
    yield f" else: {v} = {v}_read({v})"


def _text(v: str, field: Field, scope: dict[str, Any]) -> tuple[str, str]:
    limits = field.limits
    if limits is not None and (limits.pattern is not None or limits.lowest or limits.highest):
        return _other(v, field, scope)
    plain = f"type({v}) is str and {v}.isprintable()"
    if field.primary_key:
        plain += f" and 0 < len({v}) <= {MAX_KEY}"
    if limits is not None and limits.max_length is not None:
        plain += f" and len({v}) <= {limits.max_length}"
    if limits is not None and limits.enum:
        scope[f"{v}_enum"] = frozenset(limits.enum)
        plain += f" and {v} in {v}_enum"
    return plain, "pass"


def _integer(v: str, field: Field, scope: dict[str, Any]) -> tuple[str, str]:
    return _whole(v, field, MAX_INTEGER, scope, "pass")


def _decimal(v: str, field: Field, scope: dict[str, Any]) -> tuple[str, str]:
    return _whole(v, field, 10**MAX_DIGITS - 1, scope, f"{v} = Decimal({v})")


def _whole(v: str, field: Field, most: int, scope: dict[str, Any], kept: str) -> tuple[str, str]:
    """Return the test for a whole number within ±*most* and the field's limits."""
    limits = field.limits
    if limits is not None and limits.enum:
        return _other(v, field, scope)
    low, high = -most, most
    if limits is not None and isinstance(limits.lowest, int | Decimal):
        low = max(low, ceil(limits.lowest))
    if limits is not None and isinstance(limits.highest, int | Decimal):
        high = min(high, floor(limits.highest))
    return f"type({v}) is int and {low} <= {v} <= {high}", kept


def _exact(v: str, field: Field, scope: dict[str, Any]) -> str:
    """Return the test for a fraction that has few digits, in the one form that it is kept in."""
    limits = field.limits
    if limits is not None and limits.enum:
        return "False"
    plain = (
        f"type({v}) is Decimal and len(s := str({v})) <= 11"
        " and s[-1] in '123456789' and '.' in s and 'E' not in s"
    )
    for bound, compare in (("lowest", ">="), ("highest", "<=")):
        if limits is not None and getattr(limits, bound) is not None:
            scope[f"{v}_{bound}"] = getattr(limits, bound)
            plain += f" and {v} {compare} {v}_{bound}"
    return plain


def _boolean(v: str, field: Field, scope: dict[str, Any]) -> tuple[str, str]:
    return (f"type({v}) is bool", "pass") if field.limits is None else _other(v, field, scope)


def _other(v: str, field: Field, scope: dict[str, Any]) -> tuple[str, str]:
    """Return a test that nothing passes: its type's reader reads it."""
    return "False", "pass"


_PLAIN: dict[str, Callable[[str, Field, dict[str, Any]], tuple[str, str]]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
}
