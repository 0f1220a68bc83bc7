"""A table's rows as JSON Schema 2020-12: what is shown, and what a client may send."""

from collections.abc import Collection, Mapping
from typing import Any

from mishkah.core.patterns import as_ecma
from mishkah.core.rules import Limits
from mishkah.core.schema import Field, Table
from mishkah.core.values import MAX_INTEGER, MAX_KEY

Shape = dict[str, Any]

KEY: Shape = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_KEY,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
}
"""A primary key."""
_TYPES: Mapping[str, Shape] = {
    "text": {"type": "string"},
    "integer": {"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER},
    "decimal": {"type": "number", "description": "At most 15 digits, 9 of them after the point."},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"},
    "json": {},
}
_EXAMPLES: Mapping[str, Any] = {
    "text": "text",
    "integer": 1,
    "decimal": 12.5,
    "boolean": True,
    "date": "2025-10-29",
    "timestamp": "2025-10-29T10:30:00.000Z",
    "json": {},
}


def row_shape(table: Table) -> Shape:
    """Return what a row looks like: every field, null where empty."""
    return _object({name: _field(field) for name, field in table.fields.items()}, table.fields)


def insert_shape(table: Table, numbered: Collection[str]) -> Shape:
    """Return what an INSERT takes; the *numbered* fields have sequences that fill them."""
    fields = {name: field for name, field in table.fields.items() if not field.read_only}
    return _object({name: _field(field) for name, field in fields.items()}, table.needed(numbered))


def changes_shape(table: Table) -> Shape:
    """Return what the `changes` of an UPDATE are."""
    free = [f for f in table.fields.values() if not f.read_only and not f.primary_key]
    return _object({field.name: _field(field) for field in free}, ())


def add_shape(table: Table) -> Shape:
    """Return what may be added to the fields of numbers."""
    numeric = [f for f in table.fields.values() if f.type in ("integer", "decimal")]
    return _object({f.name: {"type": "number"} for f in numeric if not f.read_only}, ())


def example(table: Table, numbered: Collection[str]) -> Shape:
    """Return a row such as a client may send; what refers to other rows must be theirs."""
    needed = insert_shape(table, numbered)["required"]
    fields = (table.fields[name] for name in needed)
    return {field.name: _example(field) for field in fields}


def _example(field: Field) -> Any:
    limits = field.limits or Limits()
    if limits.enum:
        return limits.enum[0]
    if limits.shape:
        return {key: key for key, need in limits.shape.items() if need}
    if limits.lowest is not None:
        return limits.lowest
    return f"{field.name}_1" if field.primary_key else _EXAMPLES[field.type]


def _object(properties: Shape, required: Collection[str]) -> Shape:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _field(field: Field) -> Shape:
    shape = {**_TYPES[field.type]}
    if field.primary_key:
        shape |= KEY
    if field.limits is not None:
        shape |= _limits(field.limits)
    elif field.type == "json":
        shape["description"] = "Any JSON."
    if field.nullable:
        if "enum" in shape:
            shape["enum"] = [*shape["enum"], None]
        if "type" in shape:
            shape["type"] = [shape["type"], "null"]
    if field.read_only:
        shape["readOnly"] = True
    if field.references is not None:
        to = field.references
        shape["x-references"] = f"{to.table}.{to.field}"
    return {**_labels(field.label), **shape}


def _limits(limits: Limits) -> Shape:
    shape: Shape = {
        "enum": list(limits.enum) or None,
        "maxLength": limits.max_length,
        "pattern": as_ecma(limits.pattern) if limits.pattern else None,
    }
    for name, end in (("minimum", limits.lowest), ("maximum", limits.highest)):
        if not isinstance(end, str):  # JSON Schema has no ends of dates
            shape[name] = end
    if limits.shape is not None:
        keys = {
            key: {"type": "string", "minLength": 1} if need else {"type": "string"}
            for key, need in limits.shape.items()
        }
        shape |= _object(keys, [key for key, need in limits.shape.items() if need])
    return {key: value for key, value in shape.items() if value is not None}


def _labels(label: Any) -> Shape:
    """Return a label, of one language or of both, as the title of a shape."""
    if isinstance(label, str) and label:
        return {"title": label}
    if not isinstance(label, dict):
        return {}
    said = {"title": label.get("en") or label.get("ar"), "x-title-ar": label.get("ar")}
    return {key: value for key, value in said.items() if isinstance(value, str)}
