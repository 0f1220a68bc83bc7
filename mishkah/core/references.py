"""Rows that refer to rows: judged when a command is whole, so that its order does not matter."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mishkah.core.draft import Draft, Ground
from mishkah.core.errors import BrokenReference, Detail, Text, pointer
from mishkah.core.grants import Grant, Place
from mishkah.core.schema import Field, Row, Table


class Left(NamedTuple):
    """A row that a command deleted or changed, as it was before: others may refer to it."""

    table: str
    row: Row
    at: Place


def referring(draft: Draft, table: str, row: Row) -> Iterator[tuple[Table, Field, str]]:
    """Yield (table, field, id) of each row that refers to *row*; the draft may change meanwhile."""
    for name, field in draft.schema.referrers.get(table, ()):
        assert field.references is not None
        value = row[field.references.field]
        if value is not None:
            child = draft.schema.tables[name]
            for holder in list(draft.holders(name, child.index_of(field.name), (value,))):
                yield child, field, holder


def check_references(
    draft: Draft,
    touched: Mapping[tuple[str, str], tuple[Row | None, Place]],
    left: list[Left],
    grant: Grant,
) -> list[Detail]:
    """Return what refers to nothing now: (table, id) → (the row before, where) were *touched*.

    Tables and fields that *grant* does not know are not named.
    """
    broken: dict[Detail, None] = {}
    for (name, identifier), (old, at) in touched.items():
        broken |= dict.fromkeys(_leading_nowhere(draft, name, identifier, old, at, grant))
    for was in left:
        broken |= dict.fromkeys(_left_behind(draft, was, grant))
    return list(broken)


def _left_behind(draft: Draft, was: Left, grant: Grant) -> Iterator[Detail]:
    for name, field in draft.schema.referrers.get(was.table, ()):
        assert field.references is not None
        value = was.row[field.references.field]
        if value is None or is_there(draft, field, value):
            continue
        index = draft.schema.tables[name].index_of(field.name)
        if next(draft.holders(name, index, (value,)), None) is not None:
            text = _IN_USE
            if grant.names(name, (field.name,)):
                text = Text(
                    f"Rows of {name} refer to this row by {field.name}",
                    f"توجد صفوف في {name} تشير إلى هذا الصف عبر {field.name}",
                )
            yield Detail(pointer(*was.at, "id"), "references", text)


def _leading_nowhere(
    draft: Draft, name: str, identifier: str, old: Row | None, at: Place, grant: Grant
) -> Iterator[Detail]:
    table = draft.schema.tables[name]
    referring_fields = [field for field in table.fields.values() if field.references is not None]
    record = draft.record(name, identifier) if referring_fields else None
    if record is None:
        return
    row = table.decode(record.json)
    for field in referring_fields:
        value = row[field.name]
        if value is None or (old is not None and old[field.name] == value):
            continue
        if not is_there(draft, field, value):
            assert field.references is not None
            target = field.references.table
            if not grant.names(name, (field.name,)):
                yield Detail(pointer(*at) or "/", "references", BrokenReference.text)
                continue
            known = grant.names(target, ())
            text = Text(
                f"{field.name} refers to a row{f' of {target}' if known else ''} that is not there",
                f"يشير {field.name} إلى صف غير موجود{f' في {target}' if known else ''}",
            )
            yield Detail(pointer(*at, field.name), "references", text)


_IN_USE = Text("Other rows refer to this row", "توجد صفوف أخرى تشير إلى هذا الصف")


def is_there(ground: Ground, field: Field, value: object) -> bool:
    """Tell whether *ground* has the row that *field* refers to by *value*."""
    reference = field.references
    assert reference is not None
    table = ground.schema.tables[reference.table]
    if reference.field == table.primary_key:
        return ground.record(table.name, str(value)) is not None
    found = ground.holders(table.name, table.index_of(reference.field), (value,))
    return next(found, None) is not None
