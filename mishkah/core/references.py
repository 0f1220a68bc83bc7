"""Rows that refer to rows: judged when a command is whole, so that its order does not matter."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mishkah.core.draft import Draft, Ground, is_held
from mishkah.core.errors import BrokenReference, Detail, Text, pointer
from mishkah.core.grants import Grant, Place
from mishkah.core.schema import Field, Row, Table


class Touched(NamedTuple):
    """A row that a command inserted or changed: before it (None: not there) and after it."""

    before: Row | None
    after: Row
    at: Place


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
    touched: Mapping[tuple[str, str], Touched],
    left: list[Left],
    grant: Grant,
) -> list[Detail]:
    """Return what refers to nothing now: of the rows *touched*, and of those that *left*.

    Tables and fields that *grant* does not know are not named.
    """
    broken = [
        _nowhere(name, field, row.at, grant)
        for (name, _), row in touched.items()
        for field in draft.schema.tables[name].referring
        if _leads_nowhere(draft, field, row)
    ]
    for was in left:
        broken += _left_behind(draft, was, grant)
    return list(dict.fromkeys(broken))


def _left_behind(draft: Draft, was: Left, grant: Grant) -> Iterator[Detail]:
    for name, field in draft.schema.referrers.get(was.table, ()):
        assert field.references is not None
        value = was.row[field.references.field]
        if value is None or is_there(draft, field, value):
            continue
        index = draft.schema.tables[name].index_of(field.name)
        if is_held(draft, name, index, (value,)):
            text = _IN_USE
            if grant.names(name, (field.name,)):
                text = Text(
                    f"Rows of {name} refer to this row by {field.name}",
                    f"توجد صفوف في {name} تشير إلى هذا الصف عبر {field.name}",
                )
            yield Detail(pointer(*was.at, "id"), "references", text)


def _leads_nowhere(draft: Draft, field: Field, row: Touched) -> bool:
    """Tell whether *field* was made to refer to a row that is not there."""
    value = row.after[field.name]
    if value is None or (row.before is not None and row.before[field.name] == value):
        return False
    return not is_there(draft, field, value)


def _nowhere(name: str, field: Field, at: Place, grant: Grant) -> Detail:
    assert field.references is not None
    target = field.references.table
    if not grant.names(name, (field.name,)):
        return Detail(pointer(*at) or "/", "references", BrokenReference.text)
    known = grant.names(target, ())
    text = Text(
        f"{field.name} refers to a row{f' of {target}' if known else ''} that is not there",
        f"يشير {field.name} إلى صف غير موجود{f' في {target}' if known else ''}",
    )
    return Detail(pointer(*at, field.name), "references", text)


_IN_USE = Text("Other rows refer to this row", "توجد صفوف أخرى تشير إلى هذا الصف")


def is_there(ground: Ground, field: Field, value: object) -> bool:
    """Tell whether *ground* has the row that *field* refers to by *value*."""
    reference = field.references
    assert reference is not None
    table = ground.schema.tables[reference.table]
    if reference.field == table.primary_key:
        return ground.record(table.name, str(value)) is not None
    return is_held(ground, table.name, table.index_of(reference.field), (value,))
