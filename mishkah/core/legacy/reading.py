"""The older list format of schemas, turned into the guide's, so that one path judges both.

What it asks for and can't be enforced here becomes a *note*: it is told, and hinders nothing. What
makes the schema unusable is left for `soundness` to find; `Legacy.place` says where it stands in
the old file.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from mishkah.core.definition import Definition, FieldRules, IndexRules, TableRules
from mishkah.core.legacy.fields import field_rules
from mishkah.core.legacy.keys import OldFile, OldIndex, OldReference, OldTable, unknown_keys
from mishkah.core.legacy.values import read_kind
from mishkah.core.rules import CASCADE, RESTRICT, SET_NULL, Reference
from mishkah.core.schema import SchemaProblem
from mishkah.core.shapes import fit

_ON_DELETE = {
    "CASCADE": CASCADE,
    "SET NULL": SET_NULL,
    "RESTRICT": RESTRICT,
    "NO ACTION": RESTRICT,
    "": RESTRICT,
}


def is_list_format(raw: object) -> bool:
    return isinstance(raw, dict) and "schema" in raw and "tables" not in raw


class Legacy(msgspec.Struct, kw_only=True):
    """What an old file means, and what of it is not enforced.

    *columns* leads for each table from the column's name to the field's; *places* from a path in
    *definition* to the one in the file.
    """

    definition: Definition
    columns: dict[str, dict[str, str]] = {}
    problems: list[SchemaProblem] = []
    notes: list[SchemaProblem] = []
    places: dict[str, str] = {}

    def place(self, path: str) -> str:
        """Return where the file says what the definition says at *path*."""
        known = (p for p in self.places if path == p or path.startswith((f"{p}.", f"{p}[")))
        nearest = max(known, key=len, default="$")
        rest = path[len(nearest) :]
        return self.places.get(nearest, nearest) + (".defaultValue" if rest == ".default" else rest)

    def note(self, path: str, message: str) -> None:
        self.notes.append(SchemaProblem(path, message))

    def note_at(self, place: str, key: str, message: str) -> None:
        self.note(f"{place}.{key}", message)


def read_list_format(raw: Any) -> Legacy:
    """Return what *raw*, decoded JSON, means. Raises `Misfit` where it has not the form."""
    file = fit(raw, OldFile)
    tables: dict[str, TableRules] = {}
    definition = Definition(
        tables=tables,
        module_id=file.module_id or "",
        label=file.title or file.label or None,
        description=file.description or None,
    )
    read = Legacy(definition=definition)
    read.places["$.tables"] = "$.schema.tables"
    read.note("$", "this is the older list format: docs/schemas.md says what its keys become")
    _note_names(read, file.schema.tables)
    _note_moments(read, file.schema.tables)
    for path, message in unknown_keys(raw):
        read.note(path, message)
    for i, table in enumerate(file.schema.tables):
        at = f"$.schema.tables[{i}]"
        if table.name in tables:
            read.problems.append(SchemaProblem(f"{at}.name", f"{table.name} is there twice"))
            continue
        read.places[f"$.tables.{table.name}"] = at
        tables[table.name] = _table(read, table, at)
    for i, table in enumerate(file.schema.tables):
        for j, field in enumerate(table.fields):
            if field.references is not None and not read.problems:
                at = f"$.schema.tables[{i}].fields[{j}].references"
                rules = tables[table.name].fields[field.name]
                rules.references = _reference(read, field.references, rules, at)
    return read


def _note_names(read: Legacy, tables: Sequence[OldTable]) -> None:
    """Say once that the database's names are not used: a line for each would hide the others."""
    for table in tables:
        named = table.sql_name not in (None, "", table.name) or any(i.name for i in table.indexes)
        if named or any(field.column != field.name for field in table.fields):
            names = "sqlName, columnName and names of indexes"
            read.note(
                "$.schema.tables", f"{names} are not used in SQLite: there, too, name is the name"
            )
            return


def _note_moments(read: Legacy, tables: Sequence[OldTable]) -> None:
    """Say once that required times are not filled by themselves, as the old server did it."""
    bare = [
        f"{table.name}.{field.name}"
        for table in tables
        for field in table.fields
        if field.nullable is False and field.default_value in (None, "")
        if read_kind(field.type).name == "timestamp"
    ]
    if bare:
        message = f"{len(bare)} required timestamps, such as {bare[0]}, have no defaultValue"
        read.note("$.schema.tables", f'{message}: "now()" lets clients leave them out')


def _table(read: Legacy, table: OldTable, at: str) -> TableRules:
    fields: dict[str, FieldRules] = {}
    columns = read.columns[table.name] = {}
    keys = _keys(read, table, at)
    for j, field in enumerate(table.fields):
        place = f"{at}.fields[{j}]"
        if field.name in fields:
            read.problems.append(SchemaProblem(f"{place}.name", f"{field.name} is there twice"))
            continue
        if field.column in columns:
            message = f"{field.column} is the column of {columns[field.column]} too"
            read.problems.append(SchemaProblem(f"{place}.columnName", message))
        columns[field.column] = field.name
        read.places[f"$.tables.{table.name}.fields.{field.name}"] = place
        key = field.name in keys or field.column in keys
        fields[field.name] = field_rules(field, key, partial(read.note_at, place))
    rules = TableRules(fields=fields, label=table.label or None, description=table.said)
    rules.indexes = [*_indexes(read, table, rules, at), *_field_indexes(read, table, rules, at)]
    return rules


def _keys(read: Legacy, table: OldTable, at: str) -> set[str]:
    """Return the names of the fields that are the key: marked, listed by the table, or ``id``."""
    listed = [table.primary_key] if isinstance(table.primary_key, str) else table.primary_key or []
    names = {name for field in table.fields for name in (field.name, field.column)}
    read.problems += [
        SchemaProblem(f"{at}.primaryKey", f"there is no field {name}")
        for name in listed
        if name not in names
    ]
    found = {field.name for field in table.fields if field.primary_key} | set(listed)
    if not found and "id" in names:
        read.note(f"{at}.fields", "no field is the primaryKey: id is taken")
        return {"id"}
    return found


def _indexes(read: Legacy, table: OldTable, rules: TableRules, at: str) -> Iterator[IndexRules]:
    for i, index in enumerate(table.indexes):
        place = f"{at}.indexes[{i}]"
        names = [_name(read, table.name, rules, column) for column in index.columns]
        if why := _unfit(index, names, rules):
            lost = "uniqueness is not enforced" if index.unique else "it is not made"
            read.note(place, f"{why}: {lost}")
            continue
        unique = bool(index.unique)
        if unique and index.where:
            read.note(f"{place}.where", "an index of some rows only: uniqueness is not enforced")
            unique = False
        yield IndexRules(fields=names, unique=unique)


def _unfit(index: OldIndex, names: Sequence[str], rules: TableRules) -> str:
    """Say why this can't be an index, in words; an empty text where it can."""
    if not names or len(set(names)) != len(names):
        return "an index has at least one column, and each once"
    for column, name in zip(index.columns, names, strict=True):
        if name not in rules.fields:
            return f"there is no column {column}"
        if rules.fields[name].type == "json":
            return f"{column} is json, which can't be indexed"
    return ""


def _field_indexes(
    read: Legacy, table: OldTable, rules: TableRules, at: str
) -> Iterator[IndexRules]:
    for j, field in enumerate(table.fields):
        if field.index and field.name in rules.fields and not rules.is_unique(field.name):
            if rules.fields[field.name].type == "json":
                message = "a json field can't be indexed: it is not made"
                read.note(f"{at}.fields[{j}].index", message)
            else:
                yield IndexRules(fields=[field.name])


def _name(read: Legacy, table: str, rules: TableRules, column: str) -> str:
    """Return the field that *column* means: the database's name, or else the field's own."""
    name = read.columns.get(table, {}).get(column, column)
    return name if name in rules.fields else column


def _reference(read: Legacy, old: OldReference, rules: FieldRules, at: str) -> Reference | None:
    target = read.definition.tables.get(old.table)
    if target is None:
        read.note(f"{at}.table", f"there is no table {old.table} here: this is not enforced")
        return None
    key = "column" if old.column else "field"
    column = old.column or old.field or target.primary_key
    name = _name(read, old.table, target, column)
    why = (
        f"{old.table} has no column {column}" if name not in target.fields
        else f"{column} does not tell one row from another" if not target.is_unique(name)
        else f"{column} is of another type than this field"
        if target.fields[name].type != rules.type else ""
    )  # fmt: skip
    if why:
        read.note(f"{at}.{key}", f"{why}: this is not enforced")
        return None
    on_update = _action(old.on_update)
    if on_update not in ("", "RESTRICT", "NO ACTION") and name != target.primary_key:
        message = "a value that is referred to can't be changed: nothing follows it"
        read.note(f"{at}.onUpdate", message)
    return Reference(table=old.table, field=name, on_delete=_deletion(read, old, rules, at))


def _deletion(read: Legacy, old: OldReference, rules: FieldRules, at: str) -> str:
    on_delete = _ON_DELETE.get(_action(old.on_delete))
    why = f"{old.on_delete} is not known"
    if on_delete == SET_NULL and (rules.required or rules.primary_key):
        on_delete, why = None, "a required field can't be emptied"
    if on_delete is None:
        read.note(f"{at}.onDelete", f"{why}: the deletion is refused while rows refer to it")
        return RESTRICT
    return on_delete


def _action(written: str | None) -> str:
    return " ".join(re.split(r"[\s_-]+", (written or "").strip().upper()))
