"""One field of the older list format, as the guide's rules of a field."""

import re
from collections.abc import Callable

from mishkah.core.definition import NOW, FieldRules
from mishkah.core.legacy.keys import OldField
from mishkah.core.legacy.values import Kind, as_typed, read_kind

Note = Callable[[str, str], None]
"""Takes a key of the field and what of it is not enforced."""

_UNCHECKED = {
    "uuid": "a UUID", "guid": "a GUID", "time": "a time of day", "object": "an object",
    "array": "an array",
}  # fmt: skip
_MOMENT = re.compile(
    r"now|today|(now|today|getdate|getutcdate|sysdate|sysdatetime|localtimestamp|utc_timestamp"
    r"|date\.now)\(\)|current_(timestamp|date)(\(\d?\))?|(datetime|date)\('now'\)"
)
_COMPUTED = re.compile(
    r"[a-z_][a-z0-9_.]*\(.*\)|current_(timestamp|date|time|user)|auto_?increment|uuid(v?4)?", re.S
)
"""A default that some database works out: no constant."""


def field_rules(field: OldField, key: bool, note: Note) -> FieldRules:
    """Return what *field* asks for that can be enforced; it is the table's primary key if *key*."""
    kind = read_kind(field.type)
    rules = FieldRules(
        type=kind.name,
        primary_key=key,
        required=field.nullable is False and not key,
        unique=bool(field.unique) and not key,
        read_only=bool(field.read_only),
        enum=[as_typed(kind.name, value) for value in field.enum or ()],
        max_length=_length(field, kind, note),
        min=as_typed(kind.name, field.min),
        max=as_typed(kind.name, field.max),
        pattern=field.pattern or None,
        label=field.label or None,
        description=field.said,
    )
    if word := _UNCHECKED.get(kind.word):
        note("type", f"this is any {kind.name}: that it is {word} is not enforced")
    if rules.unique and kind.name == "json":
        note("unique", "a json field can't be unique: this is not enforced")
        rules.unique = False
    _fill(rules, field, note)
    return rules


def _length(field: OldField, kind: Kind, note: Note) -> int | None:
    """Return the most characters of a text; note sizes that mean something else."""
    if kind.name == "decimal" and (kind.size or field.precision or field.scale):
        key = "type" if kind.size else "precision" if field.precision else "scale"
        limits = "a decimal has 15 digits, 9 after the point"
        note(key, f"precision and scale are not enforced: {limits}")
    length = kind.size if field.max_length is None and kind.name == "text" else field.max_length
    if length and kind.name != "text":
        note("maxLength", f"this is {kind.name}, not text: maxLength is not enforced")
        return None
    return length or None  # 0 is what an empty box of a designer leaves behind


def _fill(rules: FieldRules, field: OldField, note: Note) -> None:
    """Set what fills the field by itself."""
    default = field.default_value
    if rules.dated and _MOMENT.fullmatch(_word(default)):
        rules.default = NOW
    elif isinstance(default, str) and _COMPUTED.fullmatch(_word(default)):
        note("defaultValue", "this is not worked out here: it is left empty")
    else:
        rules.default = as_typed(rules.type, default)
    if rules.dated and _MOMENT.fullmatch(_word(field.on_update)):
        rules.on_update = NOW
    elif field.on_update:
        note("onUpdate", "this is not worked out here: an UPDATE leaves it alone")


def _word(written: object) -> str:
    return written.strip().lower() if isinstance(written, str) else ""
