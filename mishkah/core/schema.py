"""A module's tables, as values: read once, checked wholly, then trusted."""

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from copy import deepcopy
from decimal import Decimal
from functools import cached_property
from operator import itemgetter
from typing import Any

import msgspec

from mishkah.core.errors import Text
from mishkah.core.rules import Limits, Reference
from mishkah.core.values import READERS, number, read_key

Row = Mapping[str, Any]
"""A row: every field of its table, in the schema's order, `None` where empty."""

_encode = msgspec.json.Encoder(decimal_format="number").encode
decode_row = msgspec.json.Decoder(dict[str, Any], float_hook=number).decode


def copied(row: Row) -> dict[str, Any]:
    """Return a copy of *row* whose json values are copies too."""
    return {
        name: deepcopy(value) if isinstance(value, dict | list) else value
        for name, value in row.items()
    }


Key = tuple[Any, ...]
"""The values of an index's fields in one row."""


class SchemaProblem(msgspec.Struct, frozen=True):
    """What is wrong at *path* of a definition, or what of it is not enforced."""

    path: str
    message: str


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field. *default_now* and *update_now* fill it with the moment of the command.

    What a *secret* one holds never leaves the server.
    """

    name: str
    type: str
    primary_key: bool = False
    required: bool = False
    unique: bool = False
    read_only: bool = False
    secret: bool = False
    limits: Limits | None = None
    references: Reference | None = None
    default: Any = None
    default_now: bool = False
    update_now: bool = False
    label: Any = None
    description: Any = None

    @property
    def nullable(self) -> bool:
        """Whether a row may have nothing here."""
        return not (self.required or self.primary_key)

    def read(self, value: object) -> Any:
        """Return *value* as it is kept, or raise `Wrong`. Absence is the table's business."""
        kept = read_key(value) if self.primary_key else READERS[self.type](value)
        if self.limits is not None:
            self.limits.check(kept)
        return kept


class Index(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True, dict=True):
    """One index; a unique one is kept in memory too."""

    fields: tuple[str, ...]
    unique: bool = False

    @cached_property
    def key(self) -> Callable[[Row], Key | None]:
        """Leads from a row to its key, None where a field is empty: nulls are never equal (SQL)."""
        values: Callable[[Row], Any] = itemgetter(*self.fields)
        if len(self.fields) == 1:
            return lambda row: None if (value := values(row)) is None else (value,)
        return lambda row: None if None in (key := values(row)) else key


class Table(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One table. One that *hides* has not all fields of its rows; those at rest are whole."""

    name: str
    fields: Mapping[str, Field]
    primary_key: str
    indexes: tuple[Index, ...] = ()
    decimals: tuple[str, ...] = ()
    hides: bool = False
    label: Any = None
    description: Any = None

    @property
    def public(self) -> "Table":
        """The table with what may leave the server: all but its secret fields."""
        return self.narrowed(name for name, field in self.fields.items() if not field.secret)

    def narrowed(self, names: Iterable[str]) -> "Table":
        """Return the table with these fields only, and its primary key, in the schema's order."""
        kept = {self.primary_key, *names}
        if kept.issuperset(self.fields):
            return self
        fields = {name: field for name, field in self.fields.items() if name in kept}
        return msgspec.structs.replace(self, fields=fields, hides=True)

    def trim(self, line: bytes, row: Row | None = None) -> bytes:
        """Return the fields that this table has of a row: *line* at rest, *row* if it is known."""
        if not self.hides:
            return line
        row = self.decode(line) if row is None else row
        return self.encode({name: row[name] for name in self.fields})

    def needed(self, numbered: Container[str]) -> list[str]:
        """Return the fields that an insert must bring; sequences fill those that are *numbered*."""
        return [
            name
            for name, field in self.fields.items()
            if not (field.nullable or field.read_only or field.default_now or name in numbered)
            and field.default is None
        ]

    def index_of(self, field: str) -> Index:
        """Return the index of one field alone. Raises KeyError where there is none."""
        return self._alone[field]

    @cached_property
    def _alone(self) -> Mapping[str, Index]:
        return {index.fields[0]: index for index in self.indexes[::-1] if len(index.fields) == 1}

    def indexes_of(self, names: Iterable[str]) -> Collection[Index]:
        """Return the indexes that have a field of these *names*."""
        found: dict[Index, None] = {}
        for name in names:
            for index in self._having.get(name, ()):
                found[index] = None
        return found

    @cached_property
    def _having(self) -> Mapping[str, list[Index]]:
        having: dict[str, list[Index]] = {}
        for index in self.indexes:
            for name in index.fields:
                having.setdefault(name, []).append(index)
        return having

    @property
    def shown_decimals(self) -> tuple[str, ...]:
        """The decimal fields that this table has: `decimals` are those of its rows at rest."""
        return tuple(name for name in self.decimals if name in self.fields)

    @cached_property
    def unique(self) -> tuple[Index, ...]:
        return tuple(index for index in self.indexes if index.unique)

    @cached_property
    def referring(self) -> tuple[Field, ...]:
        """The fields that refer to other rows."""
        return tuple(field for field in self.fields.values() if field.references is not None)

    def encode(self, row: Row) -> bytes:
        """Return *row*, or some fields of it, as canonical JSON: decimals without an exponent."""
        line = _encode(row)
        if b"E-" not in line:
            return line
        tiny = {  # what str() writes as 1E-7; or a text has these letters
            name: msgspec.Raw(format(row[name], "f").encode())
            for name in self.decimals
            if row.get(name) and row[name].adjusted() < -6
        }
        return _encode({**row, **tiny}) if tiny else line

    def decode(self, line: bytes | msgspec.Raw) -> dict[str, Any]:
        """Return the row whose `encode` is *line*: a fresh dict, the caller's own."""
        row = decode_row(line)
        self.restore_decimals(row)
        return row

    def restore_decimals(self, row: dict[str, Any]) -> None:
        """Make whole decimals, which JSON writes like integers, `Decimal` again, in place."""
        for name in self.decimals:
            if isinstance(row.get(name), int):
                row[name] = Decimal(row[name])


def unknown_field(table: str) -> Text:
    return Text(f"{table} has no such field", f"لا يوجد حقل بهذا الاسم في {table}")


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """A module's tables; `referrers` leads from a table to the fields that refer to it."""

    module: str
    tables: Mapping[str, Table]
    referrers: Mapping[str, tuple[tuple[str, Field], ...]] = {}
    description: Any = None
    source: bytes = b""
    """The definition as it was read: what a later version is compared with."""
    columns: Mapping[str, Mapping[str, str]] | None = None
    """Of the older list format: for each table, the column's name → the field's."""
    notes: tuple[SchemaProblem, ...] = ()
    """What the definition asks for and is not enforced."""

    @property
    def has_secrets(self) -> bool:
        """Whether a field of any table is secret."""
        return any(f.secret for table in self.tables.values() for f in table.fields.values())


def with_unique(schema: Schema, needed: Mapping[str, set[str]]) -> Schema:
    """Return *schema* with the fields of *needed* (table → fields) unique as well."""
    tables = dict(schema.tables)
    for name, fields in needed.items():
        table = tables[name]
        known = {index.fields for index in table.unique} | {(table.primary_key,)}
        new = [Index(fields=(f,), unique=True) for f in sorted(fields) if (f,) not in known]
        replaced = {index.fields for index in new}
        kept = tuple(index for index in table.indexes if index.fields not in replaced)
        tables[name] = msgspec.structs.replace(table, indexes=(*kept, *new))
    return msgspec.structs.replace(schema, tables=tables)
