"""A second reading of a schema's rules, plainly, from the definition as it was written."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Data = dict[str, dict[str, dict[str, Any]]]
"""table → key → row"""


def broken(tables: dict[str, Any], data: Data) -> Iterator[str]:
    """Yield what breaks a rule of the definition *tables* in *data*, table → key → row."""
    for table, definition in tables.items():
        for key, row in data[table].items():
            if row["id"] != key or list(row) != list(definition["fields"]):
                yield f"{table}.{key} has other fields"
            for name, rules in definition["fields"].items():
                yield from broken_value(f"{table}.{key}.{name}", rules, row[name])
                yield from _broken_reference(f"{table}.{key}.{name}", rules, row[name], data)
        unique = [[n] for n, f in definition["fields"].items() if f.get("unique")]
        unique += [index["fields"] for index in definition.get("indexes", ())]
        for fields in unique:
            keys = [tuple(row[name] for name in fields) for row in data[table].values()]
            keys = [key for key in keys if None not in key]
            if len(set(keys)) < len(keys):
                yield f"{table} has {fields} twice"


def broken_value(place: str, rules: dict[str, Any], value: Any) -> Iterator[str]:
    if value is None:
        if rules.get("required") or rules.get("primaryKey"):
            yield f"{place} is empty"
        return
    if not _is(rules["type"], value):
        yield f"{place} is of another type"
        return
    if "enum" in rules and value not in rules["enum"]:
        yield f"{place} is not one of the enum"
    if "maxLength" in rules and len(value) > rules["maxLength"]:
        yield f"{place} is too long"
    if "pattern" in rules and not re.search(rules["pattern"], value):
        yield f"{place} is not of the pattern"
    if "min" in rules and _sortable(value) < _sortable(rules["min"]):
        yield f"{place} is below"
    if "max" in rules and _sortable(value) > _sortable(rules["max"]):
        yield f"{place} is above"
    if "shape" in rules:
        yield from _broken_shape(place, rules["shape"], value)


def _broken_shape(place: str, shape: dict[str, str], value: Any) -> Iterator[str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        yield f"{place} is no object of texts"
        return
    for language, need in shape.items():
        if need == "required" and not value.get(language):
            yield f"{place} lacks {language}"
    if not set(value) <= set(shape):
        yield f"{place} has more than its shape"


def _is(kind: str, value: Any) -> bool:
    if kind in ("date", "timestamp"):
        form = r"\d{4}-\d\d-\d\d" + (r"T[\d:.]+(Z|\+02:00)" if kind == "timestamp" else "")
        return isinstance(value, str) and re.fullmatch(form, value) is not None
    kinds: dict[str, Any] = {"text": str, "boolean": bool, "json": object}
    if kind in kinds:
        return isinstance(value, kinds[kind])
    numbers = (int,) if kind == "integer" else (int, float, Decimal)
    return isinstance(value, numbers) and not isinstance(value, bool)


def _sortable(value: Any) -> Any:
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else value


def _broken_reference(place: str, rules: dict[str, Any], value: Any, data: Data) -> Iterator[str]:
    if value is None or "references" not in rules:
        return
    target, field = rules["references"]["table"], rules["references"]["field"]
    if not any(row[field] == value for row in data[target].values()):
        yield f"{place} refers to no row of {target}"
