"""A module's tables, as values: read once, checked wholly, then trusted."""

from collections.abc import Collection, Container, Iterable, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

import msgspec

from mishkah.core.errors import Detail, InvalidRow, Text, pointer
from mishkah.core.rules import Limits, Reference
from mishkah.core.values import READERS, Wrong, number, read_key, same

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

    def read(self, value: object) -> Any:
        """Return *value* as it is kept, or raise `Wrong`. Absence is the table's business."""
        kept = read_key(value) if self.primary_key else READERS[self.type](value)
        if self.limits is not None:
            self.limits.check(kept)
        return kept


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """When a row is written, and whether by seeds and imports, which may set what is read-only.

    *now* is a timestamp, *today* the date in the branch's time zone.
    """

    now: str
    today: str
    importing: bool = False

    def moment(self, field: Field) -> str:
        return self.today if field.type == "date" else self.now


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """One index; a unique one is kept in memory too."""

    fields: tuple[str, ...]
    unique: bool = False

    def key(self, row: Row) -> Key | None:
        """Return the key of *row*, or None where a field is empty: nulls are never equal (SQL)."""
        values = tuple([row[field] for field in self.fields])
        return None if None in values else values


Known = Container[str]
"""The names of fields that who writes may know of."""


class _All:
    """All names."""

    def __contains__(self, name: object) -> bool:
        return True


ALL: Known = _All()


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table. One that *hides* has not all fields of its rows; those at rest are whole."""

    name: str
    fields: Mapping[str, Field]
    primary_key: str
    indexes: tuple[Index, ...] = ()
    decimals: tuple[str, ...] = ()
    hides: bool = False

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

    def index_of(self, field: str) -> Index:
        """Return the index of one field alone. Raises StopIteration where there is none."""
        return next(index for index in self.indexes if index.fields == (field,))

    @property
    def shown_decimals(self) -> tuple[str, ...]:
        """The decimal fields that this table has: `decimals` are those of its rows at rest."""
        return tuple(name for name in self.decimals if name in self.fields)

    @property
    def unique(self) -> tuple[Index, ...]:
        return tuple(index for index in self.indexes if index.unique)

    def encode(self, row: Row) -> bytes:
        """Return *row*, or some fields of it, as canonical JSON: decimals without an exponent."""
        tiny = {
            name: msgspec.Raw(format(row[name], "f").encode())
            for name in self.decimals
            if row.get(name) and row[name].adjusted() < -6  # str() would write 1E-7
        }
        return _encode({**row, **tiny} if tiny else row)

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

    def complete(
        self,
        data: Row,
        by: Occasion,
        wrong: list[Detail],
        *at: str | int,
        known: Known = ALL,
        ours: Collection[str] = (),
    ) -> dict[str, Any]:
        """Return the whole row that an insert of *data* makes; put what is amiss into *wrong*.

        Fields that are not *known* to who writes are told as none; those that are *ours* the house
        has filled.
        """
        given = self._read(data, known, wrong, *at, ours=ours)
        moments = self._moments(
            (f for f in self.fields.values() if f.default_now and f.name not in data),
            by, known, wrong, *at,
        )  # fmt: skip
        row = {
            name: given.get(name) if name in data else moments.get(name, field.default)
            for name, field in self.fields.items()
        }
        if not by.importing:
            self._keep_read_only(given, wrong, *at)
        broken = {detail.path for detail in wrong}
        self._require(row, row, known, wrong, broken, *at)
        return row

    def changed(
        self,
        row: Row,
        changes: Row,
        by: Occasion,
        wrong: list[Detail],
        *at: str | int,
        unseen: Collection[str] = (),
        known: Known = ALL,
    ) -> dict[str, Any]:
        """Return the fields of *row* that *changes* gives another value, as they are kept.

        Those that are *unseen* count as changed whatever they had, lest an answer tell.
        """
        given = self._read(changes, known, wrong, *at)
        broken = {detail.path for detail in wrong}
        self._require(given, given, known, wrong, broken, *at)
        key = self.primary_key
        if key in given and given[key] != row[key]:
            text = Text(
                f"The primary key {key} can't be changed", f"لا يمكن تغيير المفتاح الأساسي {key}"
            )
            wrong.append(Detail(pointer(*at, key), "primaryKey", text))
        new = {
            name: value
            for name, value in given.items()
            if name in unseen or not same(value, row[name])
        }
        if not by.importing:
            self._keep_read_only(new, wrong, *at)
        if new:
            stamped = (f for f in self.fields.values() if f.update_now and f.name not in changes)
            new |= self._moments(stamped, by, known, wrong, *at)
        return new

    def _moments(
        self,
        fields: Iterable[Field],
        by: Occasion,
        known: Known,
        wrong: list[Detail],
        *at: str | int,
    ) -> dict[str, str]:
        """Return the moment for each of *fields*: it obeys their rules like any other value."""
        moments: dict[str, str] = {}
        for field in fields:
            moment = moments[field.name] = by.moment(field)
            if field.limits is not None:
                try:
                    field.limits.check(moment)
                except Wrong as no:
                    wrong.append(_veiled(_detail(field.name, no, *at), field.name in known, *at))
        return moments

    def _keep_read_only(self, given: Row, wrong: list[Detail], *at: str | int) -> None:
        for name in given:
            if self.fields[name].read_only:
                text = Text(f"{name} can't be set", f"لا يمكن تعيين {name}")
                wrong.append(Detail(pointer(*at, name), "readOnly", text))

    def _read(
        self,
        data: Row,
        known: Known,
        wrong: list[Detail],
        *at: str | int,
        ours: Collection[str] = (),
    ) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for name, value in data.items():
            field = self.fields.get(name) if name in ours or name in known else None
            if field is None:
                wrong.append(Detail(pointer(*at, name), "unknown", unknown_field(self.name)))
                continue
            try:
                read[name] = None if value is None else field.read(value)
            except Wrong as no:
                wrong.append(_veiled(_detail(name, no, *at), name in known, *at))
        return read

    def _require(
        self,
        names: Row,
        row: Row,
        known: Known,
        wrong: list[Detail],
        broken: set[str],
        *at: str | int,
    ) -> None:
        for name in names:
            field = self.fields[name]
            if (field.required or field.primary_key) and row[name] is None:
                path = pointer(*at, name)
                if not any(p == path or p.startswith(path + "/") for p in broken):
                    text = Text(f"{name} is required", f"الحقل {name} مطلوب")
                    detail = Detail(path, "required", text)
                    wrong.append(_veiled(detail, name in known, *at))


def _detail(field: str, no: Wrong, *at: str | int) -> Detail:
    said = Text(f"{field}: {no.text.en}", f"{field}: {no.text.ar}")
    return Detail(pointer(*at, field, *no.path), no.rule, said)


def _veiled(detail: Detail, known: bool, *at: str | int) -> Detail:
    """Return *detail*; of a field that who writes does not know, that there is one and no more."""
    return detail if known else Detail(pointer(*at) or "/", detail.rule, InvalidRow.text)


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
