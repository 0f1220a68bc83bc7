"""The guide's schema format: decoded JSON in, a `Schema` or everything that is wrong out."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mishkah.core.patterns import compiled
from mishkah.core.rules import Limits, Reference
from mishkah.core.schema import Field, Index, Schema, Table
from mishkah.core.shapes import ConfigFile
from mishkah.core.values import READERS, read_key

NOW = "now"
"""As a `default` or `onUpdate` of a date or timestamp: the moment of the command."""
REQUIRED = "required"
OPTIONAL = "optional"

_encode = msgspec.json.Encoder(decimal_format="number").encode


class FieldRules(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The keys of one field's definition, as the guide writes them, and ours."""

    type: str
    primary_key: bool = False
    required: bool = False
    unique: bool = False
    read_only: bool = False
    secret: bool = False
    enum: list[Any] = []
    max_length: int | None = None
    min: Any = None
    max: Any = None
    pattern: str | None = None
    shape: dict[str, str] | None = None
    default: Any = None
    on_update: str | None = None
    references: Reference | None = None
    label: Any = None
    description: Any = None

    @property
    def dated(self) -> bool:
        return self.type in ("date", "timestamp")

    @property
    def default_now(self) -> bool:
        return self.dated and self.default == NOW

    def read(self, value: object) -> Any:
        """Return *value* of this field's type as it is kept, or raise `Wrong`."""
        return read_key(value) if self.primary_key else READERS[self.type](value)


class IndexRules(msgspec.Struct, forbid_unknown_fields=True):
    fields: list[str]
    unique: bool = False


class TableRules(msgspec.Struct, forbid_unknown_fields=True):
    fields: dict[str, FieldRules]
    indexes: list[IndexRules] = []
    description: Any = None
    label: Any = None

    @property
    def primary_key(self) -> str:
        return next((name for name, rules in self.fields.items() if rules.primary_key), "")

    def is_unique(self, field: str) -> bool:
        """Tell whether *field* alone tells rows apart."""
        rules = self.fields[field]
        alone = any(index.unique and index.fields == [field] for index in self.indexes)
        return rules.primary_key or rules.unique or alone


class Definition(ConfigFile, frozen=True, kw_only=True, rename="camel"):
    """`schema/definition.json`."""

    tables: dict[str, TableRules]
    version: int = 1
    module_id: str = ""
    label: Any = None
    description: Any = None


def make_schema(module: str, definition: Definition, raw: object) -> Schema:
    """Return the schema that a sound *definition* means; *raw* is what it was read from.

    Raises UnicodeEncodeError where a text of *raw* holds a lone surrogate.
    """
    tables = {
        name: _table(name, rules, definition.tables) for name, rules in definition.tables.items()
    }
    referrers: dict[str, tuple[tuple[str, Field], ...]] = {}
    for table in tables.values():
        for field in table.fields.values():
            if field.references is not None:
                target = field.references.table
                referrers[target] = (*referrers.get(target, ()), (table.name, field))
    return Schema(
        module=module,
        tables=tables,
        referrers=referrers,
        description=definition.description,
        source=_encode(raw),
    )


def _table(name: str, rules: TableRules, tables: Mapping[str, TableRules]) -> Table:
    fields = {field: _field(field, spec, tables) for field, spec in rules.fields.items()}
    return Table(
        name=name,
        fields=fields,
        primary_key=rules.primary_key,
        indexes=tuple(_indexes(rules)),
        decimals=tuple(field.name for field in fields.values() if field.type == "decimal"),
        label=rules.label,
        description=rules.description,
    )


def _field(name: str, rules: FieldRules, tables: Mapping[str, TableRules]) -> Field:
    reference = rules.references
    if reference is not None and not reference.field:
        key = tables[reference.table].primary_key
        reference = msgspec.structs.replace(reference, field=key)
    limits = limits_of(rules)
    constant = None if rules.default is None or rules.default_now else rules.read(rules.default)
    return Field(
        name=name,
        type=rules.type,
        primary_key=rules.primary_key,
        required=rules.required,
        unique=rules.unique,
        read_only=rules.read_only,
        secret=rules.secret,
        limits=None if limits == Limits() else limits,
        references=reference,
        default=constant,
        default_now=rules.default_now,
        update_now=rules.on_update == NOW,
        label=rules.label,
        description=rules.description,
    )


def limits_of(rules: FieldRules) -> Limits:
    """Return the rules of a field as values; *rules* are sound."""
    return Limits(
        enum=tuple(rules.read(value) for value in rules.enum),
        max_length=rules.max_length,
        lowest=None if rules.min is None else rules.read(rules.min),
        highest=None if rules.max is None else rules.read(rules.max),
        pattern=None if rules.pattern is None else compiled(rules.pattern),
        shape=None
        if rules.shape is None
        else {key: need == REQUIRED for key, need in rules.shape.items()},
    )


def _indexes(rules: TableRules) -> Iterator[Index]:
    """Yield the indexes that are declared, then those that unique fields and references need."""
    unique = {tuple(index.fields): False for index in rules.indexes}
    for name, field in rules.fields.items():
        if field.references is not None:
            unique.setdefault((name,), False)
    unique |= {tuple(index.fields): True for index in rules.indexes if index.unique}
    unique |= {(n,): True for n, f in rules.fields.items() if f.unique and not f.primary_key}
    for fields, once in unique.items():
        yield Index(fields=fields, unique=once)
