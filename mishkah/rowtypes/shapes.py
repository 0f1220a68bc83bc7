"""What types a module's tables need, what they are called, and what is said about them.

The same in every language.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from mishkah.core.schema import Field, Schema, Table

Numbered = Mapping[str, Collection[str]]
"""Table → its fields that have a sequence."""
_ENDINGS = ("", "Insert", "Update")


class RowType(msgspec.Struct, frozen=True, kw_only=True):
    """One type: its fields, which of them may be left out, and lines about it and about each."""

    name: str
    about: tuple[str, ...]
    fields: tuple[Field, ...]
    optional: frozenset[str]
    said: Mapping[str, tuple[str, ...]]


class TableTypes(msgspec.Struct, frozen=True, kw_only=True):
    """What a table's rows are, what makes one, and what changes one."""

    row: RowType
    insert: RowType
    update: RowType

    def __iter__(self) -> Iterator[RowType]:
        return iter((self.row, self.insert, self.update))


def table_types(schema: Schema, numbered: Numbered, taken: Iterable[str]) -> dict[str, TableTypes]:
    """Return the types of each table of *schema*; none is called like one of *taken*."""
    names = _names(schema.tables, taken)
    return {
        name: _types(table, names[name], numbered.get(name, ()))
        for name, table in schema.tables.items()
    }


def _types(table: Table, name: str, numbered: Collection[str]) -> TableTypes:
    fields = table.fields.values()
    said = {field.name: tuple(_said(field, numbered)) for field in fields}
    free = tuple(field for field in fields if not field.read_only)
    changeable = tuple(field for field in free if not field.primary_key)
    needed = table.needed(numbered)
    return TableTypes(
        row=RowType(
            name=name,
            about=(*_words(table.label), *_words(table.description)),
            fields=tuple(table.public.fields.values()),
            optional=frozenset(),
            said=said,
        ),
        insert=RowType(
            name=f"{name}Insert",
            about=(f"A new row of {table.name}.",),
            fields=free,
            optional=frozenset(field.name for field in free).difference(needed),
            said=said,
        ),
        update=RowType(
            name=f"{name}Update",
            about=(f"Changes to a row of {table.name}.",),
            fields=changeable,
            optional=frozenset(field.name for field in changeable),
            said=said,
        ),
    )


def _names(tables: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Return a name for the rows of each table: ``gym_member`` is GymMember.

    Where that, or what is made of it, is taken already, it gets a number.
    """
    names: dict[str, str] = {}
    used = {*taken}
    for table in tables:
        plain = name = "".join(part[:1].upper() + part[1:] for part in table.split("_"))
        number = 1
        while not used.isdisjoint(all_three := {name + ending for ending in _ENDINGS}):
            number += 1
            name = f"{plain}{number}"
        used |= all_three
        names[table] = name
    return names


def _said(field: Field, numbered: Collection[str]) -> Iterator[str]:
    """Yield what the author says of *field*, then what its type does not say."""
    yield from _words(field.label)
    yield from _words(field.description)
    if field.references is not None:
        yield f"Refers to {field.references.table}.{field.references.field}."
    if field.name in numbered:
        yield "The server gives the number."
    if field.read_only:
        yield "The server fills it."


def _words(said: Any) -> Iterator[str]:
    """Yield a text, or its translations, as one line that ends no comment."""
    texts = said.values() if isinstance(said, dict) else [said]
    line = " · ".join(text for text in texts if isinstance(text, str))
    plain = "".join(one for one in " ".join(line.split()) if one.isprintable())
    if plain:
        yield plain.replace("*/", "* /")
