"""The guide's schema format: decoded JSON in, a `Schema` or everything that is wrong out."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mishkah.core.schema import Field, Index, Schema, Table
from mishkah.core.values import READERS, Wrong, read_key

_encode = msgspec.json.Encoder(decimal_format="number").encode
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}", re.ASCII)


class SchemaProblem(msgspec.Struct, frozen=True):
    path: str
    message: str


class _Rules(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The keys of one field's definition, as the guide writes them."""

    type: str
    primary_key: bool = False
    required: bool = False
    unique: bool = False
    enum: list[Any] = []
    default: Any = None
    description: Any = None


class _IndexRules(msgspec.Struct, forbid_unknown_fields=True):
    fields: list[str]
    unique: bool = False


class _TableRules(msgspec.Struct, forbid_unknown_fields=True):
    fields: dict[str, _Rules]
    indexes: list[_IndexRules] = []
    description: Any = None
    label: Any = None


class _Definition(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    tables: dict[str, _TableRules]
    version: int = 1
    module_id: str = ""
    description: Any = None


def read_schema(module: str, raw: object) -> tuple[Schema | None, list[SchemaProblem]]:
    """Read the guide's schema format from decoded JSON.

    Returns the schema, or None with everything that is wrong, each with its path.
    """
    try:
        definition = msgspec.convert(raw, _Definition)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        return None, [SchemaProblem(path.strip("`") or "$", message)]
    problems = list(_check(module, definition))
    try:
        source = _encode(raw)
    except UnicodeEncodeError:
        problems.append(SchemaProblem("$", "a text holds half a character, a lone surrogate"))
    if problems:
        return None, problems
    tables = {name: _table(name, rules) for name, rules in definition.tables.items()}
    return Schema(
        module=module,
        tables=tables,
        description=definition.description,
        source=source,
    ), []


def _table(name: str, rules: _TableRules) -> Table:
    fields = {
        field: Field(
            name=field,
            type=spec.type,
            primary_key=spec.primary_key,
            required=spec.required,
            unique=spec.unique,
            enum=tuple(READERS[spec.type](value) for value in spec.enum),
            default=None if spec.default is None else READERS[spec.type](spec.default),
            description=spec.description,
        )
        for field, spec in rules.fields.items()
    }
    unique = {tuple(index.fields): False for index in rules.indexes}
    unique |= {tuple(index.fields): True for index in rules.indexes if index.unique}
    unique |= {(f.name,): True for f in fields.values() if f.unique and not f.primary_key}
    return Table(
        name=name,
        fields=fields,
        primary_key=next(field.name for field in fields.values() if field.primary_key),
        indexes=tuple(Index(fields=names, unique=once) for names, once in unique.items()),
        decimals=tuple(field.name for field in fields.values() if field.type == "decimal"),
    )


def _check(module: str, definition: _Definition) -> Iterator[SchemaProblem]:
    if definition.version != 1:
        yield SchemaProblem("$.version", f"version {definition.version} is not known; this is 1")
    if definition.module_id and definition.module_id != module:
        yield SchemaProblem("$.moduleId", f"this names another module than {module}")
    if not definition.tables:
        yield SchemaProblem("$.tables", "a module has at least one table")
    yield from _check_names("$.tables", definition.tables)
    for name, table in definition.tables.items():
        yield from _check_table(f"$.tables.{name}", table)


def _check_names(path: str, names: Mapping[str, object]) -> Iterator[SchemaProblem]:
    seen: dict[str, str] = {}
    for name in names:
        if not _NAME.fullmatch(name) or name.lower().startswith("sqlite_"):
            yield SchemaProblem(
                f"{path}.{name}",
                "a name has 1-63 letters, digits and underscores, a letter first",
            )
        if (first := seen.setdefault(name.lower(), name)) != name:
            yield SchemaProblem(f"{path}.{name}", f"SQL does not tell this name from {first}")


def _check_table(path: str, table: _TableRules) -> Iterator[SchemaProblem]:
    yield from _check_names(f"{path}.fields", table.fields)
    keys = [name for name, rules in table.fields.items() if rules.primary_key]
    if len(keys) != 1:
        yield SchemaProblem(
            f"{path}.fields", f"a table has one primaryKey field, this one has {len(keys)}"
        )
    for name, rules in table.fields.items():
        yield from _check_field(f"{path}.fields.{name}", rules)
    for i, index in enumerate(table.indexes):
        at = f"{path}.indexes[{i}]"
        if not index.fields or len(set(index.fields)) != len(index.fields):
            yield SchemaProblem(at, "an index has at least one field, and each once")
        for name in index.fields:
            if name not in table.fields:
                yield SchemaProblem(at, f"there is no field {name}")
            elif table.fields[name].type == "json":
                yield SchemaProblem(at, f"{name} is json, which can't be indexed")


def _check_field(path: str, rules: _Rules) -> Iterator[SchemaProblem]:
    if rules.type not in READERS:
        known = ", ".join(READERS)
        yield SchemaProblem(f"{path}.type", f"there is no type {rules.type}; there are {known}")
        return
    if rules.primary_key and rules.type != "text":
        yield SchemaProblem(f"{path}.type", "a primary key is text")
    if rules.unique and rules.type == "json":
        yield SchemaProblem(f"{path}.unique", "a json field can't be unique")
    read = read_key if rules.primary_key else READERS[rules.type]
    allowed = []
    for i, value in enumerate(rules.enum):
        try:
            allowed.append(read(value))
        except Wrong as wrong:
            yield SchemaProblem(f"{path}.enum[{i}]", wrong.text.en)
    if rules.default is None:
        return
    try:
        default = read(rules.default)
    except Wrong as wrong:
        yield SchemaProblem(f"{path}.default", wrong.text.en)
        return
    if rules.enum and default not in allowed:
        yield SchemaProblem(f"{path}.default", "the default is not one of the enum's values")
