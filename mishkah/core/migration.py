"""From one schema to the next: what changes, what would be lost, and each row in its new form."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from mishkah.core.references import is_there
from mishkah.core.rules import Limits
from mishkah.core.schema import Field, Row, Schema, Table
from mishkah.core.state import State
from mishkah.core.values import Wrong, read_key

_CONVERSIONS = {
    ("integer", "decimal"): Decimal,
    ("date", "text"): str,
    ("timestamp", "text"): str,
}
"""(old type, new type) → what makes one value of the other; nothing is lost by these."""
_SHOWN = 5


class Step(msgspec.Struct, frozen=True):
    """One thing that a new schema changes, in words; *loses* where values would go with it."""

    place: str
    what: str
    loses: bool = False


def steps(old: Schema, new: Schema, *, same_indexes: bool = False) -> list[Step]:
    """Return what leads from *old* to *new*; none where only labels and descriptions differ.

    *same_indexes* says that the indexes are known not to change: a schema on disk does not tell of
    those that the rules of sequences add.
    """
    return [*_table_steps(old, new, same_indexes)]


def _table_steps(old: Schema, new: Schema, same_indexes: bool) -> Iterator[Step]:
    for name in old.tables:
        if name not in new.tables:
            yield Step(name, "the table is gone", loses=True)
    for name, table in new.tables.items():
        before = old.tables.get(name)
        if before is None:
            yield Step(name, "a new table")
        else:
            yield from _field_steps(before, table)
            if not same_indexes and set(before.indexes) != set(table.indexes):
                yield Step(name, "its indexes change")


def _field_steps(old: Table, new: Table) -> Iterator[Step]:
    if old.primary_key != new.primary_key:
        yield Step(f"{new.name}.{new.primary_key}", "another primary key", loses=True)
    for name in old.fields:
        if name not in new.fields:
            yield Step(f"{new.name}.{name}", "the field is gone", loses=True)
    for name, field in new.fields.items():
        place, before = f"{new.name}.{name}", old.fields.get(name)
        if before is None:
            yield Step(place, "a new field")
        elif before.type != field.type:
            kept = (before.type, field.type) in _CONVERSIONS
            yield Step(place, f"{before.type} becomes {field.type}", loses=not kept)
        elif _rules(before) != _rules(field):
            yield Step(place, "its rules change")
    if list(old.fields) != list(new.fields) and set(old.fields) == set(new.fields):
        yield Step(new.name, "its fields are in another order")


def _rules(field: Field) -> Field:
    """Return *field* without what is only for people."""
    return msgspec.structs.replace(field, label=None, description=None)


def convert(row: Row, old: Table, new: Table) -> dict[str, Any]:
    """Return *row* of the *old* table as the *new* one has it; what can't be kept is left out."""
    return {name: _value(row, old.fields.get(name), field) for name, field in new.fields.items()}


def _value(row: Row, old: Field | None, new: Field) -> Any:
    value = None if old is None else row[new.name]
    if old is None:
        return new.default
    if value is None or old.type == new.type:
        return value
    make = _CONVERSIONS.get((old.type, new.type))
    return new.default if make is None else make(value)


def violations(state: State) -> list[str]:
    """Return where the rows of *state* break rules of its schema, a sentence for each rule."""
    found: dict[str, list[str]] = {}
    for rows in state.tables.values():
        for identifier, record in rows.records.items():
            row = rows.table.decode(record.json)
            for rule in _broken(state, rows.table, row):
                found.setdefault(rule, []).append(identifier)
        for index in rows.table.unique:
            if doubled := rows.doubled(index):
                found[f"{rows.table.name}: {', '.join(index.fields)} must be unique"] = doubled
    return [
        f"{rule}: {len(ids)} rows do not ({', '.join(ids[:_SHOWN])}{', …' * (len(ids) > _SHOWN)})"
        for rule, ids in found.items()
    ]


def _broken(state: State, table: Table, row: Row) -> Iterator[str]:
    for name, field in table.fields.items():
        value, place = row[name], f"{table.name}.{name}"
        if value is None:
            if not field.nullable:
                yield f"{place}: it is required"
            continue
        try:
            (field.limits or Limits()).check(value)
            if field.primary_key:
                read_key(value)
        except Wrong as wrong:
            yield f"{place}: {wrong.text.en}"
        if field.references is not None and not is_there(state, field, value):
            yield f"{place}: it refers to a row of {field.references.table}"
