"""What no two rows may have: a primary key, and the values of a unique index."""

from mishkah.core.draft import Draft
from mishkah.core.errors import Detail, Duplicate, Text, pointer
from mishkah.core.grants import Place, TableGrant
from mishkah.core.schema import Index, Row


def taken_by_others(
    draft: Draft,
    leave: TableGrant,
    identifier: str | None,
    row: Row,
    changed: Row,
    at: Place,
) -> list[Detail]:
    """Return which of the fields that are *changed* in *row* another row has already.

    *identifier* is that of the row itself, None where it is new. Which index it is, nobody is
    told who can't read its fields.
    """
    table = leave.table
    taken: list[Detail] = []
    if identifier is None:
        identifier = row[table.primary_key]
        if identifier is not None and draft.record(table.name, identifier) is not None:
            text = Text(
                f"There is already a row of {table.name} with this {table.primary_key}",
                f"يوجد صف في {table.name} بنفس {table.primary_key}",
            )
            taken.append(Detail(pointer(*at, table.primary_key), "primaryKey", text))
    for index in table.unique:
        if not changed.keys().isdisjoint(index.fields):
            taken += _held(draft, leave, index, identifier, row, at)
    return taken


def _held(
    draft: Draft, leave: TableGrant, index: Index, identifier: str | None, row: Row, at: Place
) -> list[Detail]:
    name, key = leave.table.name, index.key(row)
    if key is None or draft.is_free(name, index, key):
        return []
    if all(holder == identifier for holder in draft.holders(name, index, key)):
        return []
    if not all(map(leave.reads_field, index.fields)):
        return [Detail(pointer(*at) or "/", "unique", Duplicate.text)]
    fields = ", ".join(index.fields)
    text = Text(
        f"There is already a row of {name} with this {fields}",
        f"يوجد صف آخر في {name} بنفس {fields}",
    )
    return [Detail(pointer(*at, index.fields[0]), "unique", text)]
