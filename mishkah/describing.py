"""A schema as it is kept, in the guide's keys, and how two of them differ."""

from collections.abc import Iterator, Mapping
from typing import Any

from mishkah.core.patterns import as_ecma
from mishkah.core.schema import Field, Schema

Described = dict[str, Any]


def describe(schema: Schema) -> Described:
    """Return the effective definition: defaults of references and all indexes said."""
    tables = {
        table.name: {
            "fields": {field.name: _field(field) for field in table.fields.values()},
            "indexes": [{"fields": list(i.fields), "unique": i.unique} for i in table.indexes],
        }
        for table in schema.tables.values()
    }
    return {"moduleId": schema.module, "description": schema.description, "tables": tables}


def _field(field: Field) -> Described:
    said: Described = {
        "primaryKey": field.primary_key,
        "required": field.required,
        "unique": field.unique,
        "readOnly": field.read_only,
        "secret": field.secret,
        "default": "now" if field.default_now else field.default,
        "onUpdate": "now" if field.update_now else None,
        "label": field.label,
        "description": field.description,
    }
    if (limits := field.limits) is not None:
        said |= {
            "enum": list(limits.enum) or None,
            "maxLength": limits.max_length,
            "min": limits.lowest,
            "max": limits.highest,
            "pattern": as_ecma(limits.pattern) if limits.pattern else None,
            "shape": None if limits.shape is None else _words(limits.shape),
        }
    if (to := field.references) is not None:
        said["references"] = {"table": to.table, "field": to.field, "onDelete": to.on_delete}
    kept = {key: value for key, value in said.items() if value is not None and value is not False}
    if field.default is False:
        kept["default"] = False
    return {"type": field.type, **kept}


def _words(shape: Mapping[str, bool]) -> dict[str, str]:
    return {key: "required" if need else "optional" for key, need in shape.items()}


def differences(old: Described, new: Described) -> Iterator[dict[str, Any]]:
    """Yield what *new* adds, removes or changes: tables, fields and indexes."""
    before, after = old["tables"], new["tables"]
    for name in before | after:
        if name not in before or name not in after:
            yield _change(name, before.get(name), after.get(name))
            continue
        fields, later = before[name]["fields"], after[name]["fields"]
        for field in fields | later:
            if fields.get(field) != later.get(field):
                yield _change(f"{name}.{field}", fields.get(field), later.get(field))
        indexes, rest = before[name]["indexes"], after[name]["indexes"]
        for index in indexes:
            if index not in rest:
                yield _change(f"{name} index", index, None)
        for index in rest:
            if index not in indexes:
                yield _change(f"{name} index", None, index)


def _change(what: str, old: object, new: object) -> dict[str, Any]:
    kind = "added" if old is None else "removed" if new is None else "changed"
    return {"change": kind, "what": what, "old": old, "new": new}
