"""TypeScript: for each table its rows, what an insert and an update take, and all in `Tables`."""

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from mishkah.core.schema import Field, Schema
from mishkah.rowtypes.shapes import Numbered, RowType, table_types

_HEAD = """\
// The tables of the module {module}, written by `mishkah-trio schema types {module}`.

/** Any value of JSON. */
export type Json = string | number | boolean | null | Json[] | {{ [key: string]: Json }};
/** A date like 2025-10-29. */
export type DateText = string;
/** A moment with its zone; rows have it in UTC, like 2025-10-29T10:30:00.000Z. */
export type Timestamp = string;
"""
_TABLES = """
/** Every table by its name, for `createPosDb<Tables>`. */
export type Tables = {
"""
_TAKEN = ("Json", "DateText", "Timestamp", "Tables")
_TYPES = {
    "text": "string",
    "integer": "number",
    "decimal": "number",
    "boolean": "boolean",
    "date": "DateText",
    "timestamp": "Timestamp",
    "json": "Json",
}
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def write_typescript(schema: Schema, numbered: Numbered) -> str:
    """Return the file of types of *schema*.

    They are aliases, not interfaces: only those fit where any record is asked for.
    """
    tables = table_types(schema, numbered, _TAKEN)
    parts = [_HEAD.format(module=schema.module)]
    parts += [_type(one) for types in tables.values() for one in types]
    parts += [
        "\n/** Every table by its name, for `createPosDb<Tables>`. */\nexport type Tables = {\n"
    ]
    for name, types in tables.items():
        row, insert, update = (one.name for one in types)
        parts.append(f"  {name}: {{ row: {row}; insert: {insert}; update: {update} }};\n")
    return "".join([*parts, "};\n"])


def _type(one: RowType) -> str:
    lines = [
        f"{_comment('  ', one.said[field.name])}"
        f"  {field.name}{'?' if field.name in one.optional else ''}: {_value(field)};\n"
        for field in one.fields
    ]
    return f"\n{_comment('', one.about)}export type {one.name} = {{\n{''.join(lines)}}};\n"


def _comment(indent: str, lines: Iterable[str]) -> str:
    match list(lines):
        case []:
            return ""
        case [line]:
            return f"{indent}/** {line} */\n"
        case several:
            inside = "".join(f"{indent} * {line}\n" for line in several)
            return f"{indent}/**\n{inside}{indent} */\n"


def _value(field: Field) -> str:
    kind = _TYPES[field.type]
    limits = field.limits
    if limits is not None and limits.enum and field.type != "json":
        kind = " | ".join(map(_literal, limits.enum))
    elif limits is not None and limits.shape is not None:
        keys = [f"{_key(key)}{'' if need else '?'}: string" for key, need in limits.shape.items()]
        kind = f"{{ {'; '.join(keys)} }}"
    return f"{kind} | null" if field.nullable else kind


def _literal(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if _IDENTIFIER.fullmatch(key) else _literal(key)
