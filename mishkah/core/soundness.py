"""Whether a schema's definition makes sense: every problem of it, each with its path."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mishkah.core.definition import (
    NOW,
    OPTIONAL,
    REQUIRED,
    Definition,
    FieldRules,
    TableRules,
    limits_of,
    make_schema,
)
from mishkah.core.legacy.reading import Legacy, is_list_format, read_list_format
from mishkah.core.patterns import compiled
from mishkah.core.rules import CASCADE, RESTRICT, SET_NULL
from mishkah.core.schema import Schema, SchemaProblem
from mishkah.core.shapes import Misfit, fit
from mishkah.core.values import READERS, Wrong

Problems = Iterator[SchemaProblem]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}", re.ASCII)
_ORDERED = ("integer", "decimal", "date", "timestamp")
_TELLS = "can't be unique: who may write it would learn by trying what others have"


def read_schema(module: str, raw: object) -> tuple[Schema | None, list[SchemaProblem]]:
    """Read the guide's schema format, or the older list format, from decoded JSON.

    Returns the schema, or None with everything that is wrong, each with its path.
    """
    old: Legacy | None = None
    try:
        if is_list_format(raw):
            old = read_list_format(raw)
        definition = fit(raw, Definition) if old is None else old.definition
    except Misfit as misfit:
        return None, [SchemaProblem(misfit.path, misfit.message)]
    problems = list(_check(module, definition))
    if old is not None:
        placed = (SchemaProblem(old.place(p.path), p.message) for p in problems)
        problems = [*old.problems, *placed]
    if not problems:
        try:
            schema = make_schema(module, definition, raw)
        except UnicodeEncodeError:
            problems.append(SchemaProblem("$", "a text holds half a character, a lone surrogate"))
        else:
            return schema if old is None else _from_list(schema, old), []
    return None, problems


def _from_list(schema: Schema, old: Legacy) -> Schema:
    return msgspec.structs.replace(schema, columns=old.columns, notes=tuple(old.notes))


def _check(module: str, definition: Definition) -> Problems:
    if definition.version != 1:
        yield SchemaProblem("$.version", f"version {definition.version} is not known; this is 1")
    if definition.module_id and definition.module_id != module:
        yield SchemaProblem("$.moduleId", f"this names another module than {module}")
    if not definition.tables:
        yield SchemaProblem("$.tables", "a module has at least one table")
    yield from _check_names("$.tables", definition.tables)
    for name, table in definition.tables.items():
        yield from _check_table(f"$.tables.{name}", table, definition.tables)


def _check_names(path: str, names: Mapping[str, object]) -> Problems:
    seen: dict[str, str] = {}
    for name in names:
        if not _NAME.fullmatch(name) or name.lower().startswith("sqlite_"):
            yield SchemaProblem(
                f"{path}.{name}",
                "a name has 1-63 letters, digits and underscores, a letter first",
            )
        if (first := seen.setdefault(name.lower(), name)) != name:
            yield SchemaProblem(f"{path}.{name}", f"SQL does not tell this name from {first}")


def _check_table(path: str, table: TableRules, tables: Mapping[str, TableRules]) -> Problems:
    yield from _check_names(f"{path}.fields", table.fields)
    keys = [name for name, rules in table.fields.items() if rules.primary_key]
    if len(keys) != 1:
        yield SchemaProblem(
            f"{path}.fields", f"a table has one primaryKey field, this one has {len(keys)}"
        )
    for name, rules in table.fields.items():
        yield from _check_field(f"{path}.fields.{name}", rules, tables)
    for i, index in enumerate(table.indexes):
        at = f"{path}.indexes[{i}]"
        if not index.fields or len(set(index.fields)) != len(index.fields):
            yield SchemaProblem(at, "an index has at least one field, and each once")
        for name in index.fields:
            if name not in table.fields:
                yield SchemaProblem(at, f"there is no field {name}")
            elif table.fields[name].type == "json":
                yield SchemaProblem(at, f"{name} is json, which can't be indexed")
            elif table.fields[name].secret and index.unique:
                yield SchemaProblem(at, f"{name} {_TELLS}")


def _check_field(path: str, rules: FieldRules, tables: Mapping[str, TableRules]) -> Problems:
    if rules.type not in READERS:
        known = ", ".join(READERS)
        yield SchemaProblem(f"{path}.type", f"there is no type {rules.type}; there are {known}")
        return
    if rules.primary_key and rules.type != "text":
        yield SchemaProblem(f"{path}.type", "a primary key is text")
    if rules.secret and (rules.primary_key or rules.unique):
        key = "primaryKey" if rules.primary_key else "unique"
        yield SchemaProblem(f"{path}.{key}", f"a secret field {_TELLS}")
    if rules.unique and rules.type == "json":
        yield SchemaProblem(f"{path}.unique", "a json field can't be unique")
    yield from _check_limits(path, rules)
    yield from _check_filling(path, rules)
    if rules.references is not None:
        yield from _check_reference(f"{path}.references", rules, tables)


def _check_limits(path: str, rules: FieldRules) -> Problems:
    """Check that each rule fits the field's type, and that its values are of that type."""
    for rule, given, types in (
        ("maxLength", rules.max_length, ("text",)),
        ("pattern", rules.pattern, ("text",)),
        ("min", rules.min, _ORDERED),
        ("max", rules.max, _ORDERED),
        ("shape", rules.shape, ("json",)),
    ):
        if given is not None and rules.type not in types:
            yield SchemaProblem(f"{path}.{rule}", f"{rule} is for fields of {', '.join(types)}")
    if rules.max_length is not None and rules.max_length < 1:
        yield SchemaProblem(f"{path}.maxLength", "this is a number of characters, 1 or more")
    if rules.pattern is not None:
        try:
            compiled(rules.pattern)
        except ValueError as error:
            yield SchemaProblem(f"{path}.pattern", str(error))
    for key, need in (rules.shape or {}).items():
        if need not in (REQUIRED, OPTIONAL):
            yield SchemaProblem(f"{path}.shape.{key}", f"this is {REQUIRED} or {OPTIONAL}")
    ends: dict[str, Any] = {}
    for rule, given in (("min", rules.min), ("max", rules.max)):
        if given is not None and rules.type in _ORDERED:
            yield from _read(f"{path}.{rule}", rules, given, ends)
    if len(ends) == 2 and ends[f"{path}.min"] > ends[f"{path}.max"]:
        yield SchemaProblem(f"{path}.max", "max is below min")
    for i, value in enumerate(rules.enum):
        yield from _read(f"{path}.enum[{i}]", rules, value, {})


def _check_filling(path: str, rules: FieldRules) -> Problems:
    """Check what fills the field by itself."""
    if rules.on_update is not None and not (rules.dated and rules.on_update == NOW):
        yield SchemaProblem(f"{path}.onUpdate", f'this is "{NOW}", for a date or a timestamp')
    if rules.read_only and rules.primary_key:
        yield SchemaProblem(f"{path}.readOnly", "a primary key can't be read-only")
    if rules.default is None or rules.default_now:
        return
    default: dict[str, Any] = {}
    yield from _read(f"{path}.default", rules, rules.default, default)
    if not default or list(_check_limits(path, rules)):
        return
    try:
        limits_of(rules).check(default.popitem()[1])
    except Wrong as wrong:
        yield SchemaProblem(f"{path}.default", f"the default breaks a rule: {wrong.text.en}")


def _read(at: str, rules: FieldRules, value: object, read: dict[str, Any]) -> Problems:
    """Put *value* as it is kept into *read* under *at*, or say why it can't be kept."""
    try:
        read[at] = rules.read(value)
    except Wrong as wrong:
        yield SchemaProblem(at, wrong.text.en)


def _check_reference(path: str, rules: FieldRules, tables: Mapping[str, TableRules]) -> Problems:
    reference = rules.references
    assert reference is not None
    if reference.on_delete not in (RESTRICT, CASCADE, SET_NULL):
        known = ", ".join((RESTRICT, CASCADE, SET_NULL))
        yield SchemaProblem(f"{path}.onDelete", f"this is one of {known}")
    if reference.on_delete == SET_NULL and (rules.required or rules.primary_key):
        yield SchemaProblem(f"{path}.onDelete", "a required field can't be set to null")
    target = tables.get(reference.table)
    if target is None:
        yield SchemaProblem(f"{path}.table", f"there is no table {reference.table}")
        return
    name = reference.field or target.primary_key
    if name not in target.fields:
        yield SchemaProblem(f"{path}.field", f"{reference.table} has no field {name}")
    elif not target.is_unique(name):
        yield SchemaProblem(f"{path}.field", f"{name} does not tell one row from another")
    elif target.fields[name].type != rules.type:
        yield SchemaProblem(f"{path}.field", f"{name} is of another type than this field")
