"""Python: for each table its rows, what an insert and an update take, each a `TypedDict`.

Decimals are those of `mishkah.client`.
"""

import json
from keyword import iskeyword

from mishkah.core.schema import Field, Schema
from mishkah.rowtypes.shapes import Numbered, RowType, table_types

_HEAD = '''\
"""The tables of the module {module}, written by `mishkah-trio schema types {module} --lang py`."""

from decimal import Decimal
from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
{names}]
'''
_TYPES = {
    "text": "str",
    "integer": "int",
    "decimal": "Decimal",
    "boolean": "bool",
    "date": "str",
    "timestamp": "str",
    "json": "Any",
}
_IMPORTED = frozenset({"Any", "Decimal", "Literal", "NotRequired", "TypedDict"})
_USED = _IMPORTED | {"str", "int", "bool", "dict"}


def write_python(schema: Schema, numbered: Numbered) -> str:
    """Return the file of types of *schema*."""
    tables = table_types(schema, numbered, {*_IMPORTED, "None", "True", "False"})
    every = [one for types in tables.values() for one in types]
    names = "".join(f'    "{name}",\n' for name in sorted(one.name for one in every))
    head = _HEAD.format(module=schema.module, names=names)
    return "".join([head, *(_type(one) for one in every)])


def _type(one: RowType) -> str:
    """Write *one*: as a call where one of its keys can't be an annotation in a class."""
    about = "".join(f"# {line}\n" for line in one.about)
    called = any(iskeyword(field.name) or field.name in _USED for field in one.fields)
    lines = [_line(one, field, called) for field in one.fields] or ["" if called else "    pass\n"]
    if called:
        head, end = f'{one.name} = TypedDict(\n    "{one.name}",\n    {{\n', "    },\n)\n"
    else:
        head, end = f"class {one.name}(TypedDict):\n", ""
    return f"\n\n{about}{head}{''.join(lines)}{end}"


def _line(one: RowType, field: Field, called: bool) -> str:
    kind = _value(field)
    if field.name in one.optional:
        kind = f"NotRequired[{kind}]"
    indent = " " * (8 if called else 4)
    notes = "".join(f"{indent}# {line}\n" for line in one.said[field.name])
    told = f'"{field.name}": {kind},' if called else f"{field.name}: {kind}"
    return f"{notes}{indent}{told}\n"


def _value(field: Field) -> str:
    kind = _TYPES[field.type]
    limits = field.limits
    if limits is not None and limits.enum and field.type not in ("json", "decimal"):
        kind = f"Literal[{', '.join(map(_literal, limits.enum))}]"
    elif limits is not None and limits.shape is not None:
        kind = "dict[str, str]"
    return f"{kind} | None" if field.nullable else kind


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
