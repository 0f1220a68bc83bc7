"""The keys of the older list format, and those that it has not."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

_COUNTED = "nobody counts this up: a rule in sequence-rules.json numbers a text field"
_ADVICE = {"autoIncrement": _COUNTED, "autoincrement": _COUNTED, "identity": _COUNTED}
"""An unknown key → what to do, where there is something better than to do without."""


class OldReference(msgspec.Struct, rename="camel"):
    table: str
    column: str | None = None
    field: str | None = None
    on_delete: str | None = None
    on_update: str | None = None


class Explained(msgspec.Struct, kw_only=True):
    """What people say of a table or a field."""

    label: Any = None
    comment: Any = None
    description: Any = None
    notes: Any = None

    @property
    def said(self) -> Any:
        """The description, or else the comment and the notes, which say different things."""
        if not self.description and isinstance(self.comment, str) and isinstance(self.notes, str):
            return "\n".join(filter(None, (self.comment, self.notes))) or None
        return self.description or self.comment or self.notes or None


class OldField(Explained, rename="camel"):
    """*index*, *precision* and *scale* are as designers of tables write them."""

    name: str
    type: str
    column_name: str | None = None
    nullable: bool | None = None
    max_length: int | None = None
    primary_key: bool | None = None
    unique: bool | None = None
    index: bool | None = None
    default_value: Any = None
    on_update: Any = None
    references: OldReference | None = None
    precision: int | None = None
    scale: int | None = None
    enum: list[Any] | None = None
    min: Any = None
    max: Any = None
    pattern: str | None = None
    read_only: bool | None = None

    @property
    def column(self) -> str:
        return self.column_name or self.name


class OldIndex(msgspec.Struct, rename="camel"):
    columns: list[str]
    name: str | None = None
    unique: bool | None = None
    where: Any = None


class OldTable(Explained, rename="camel"):
    """*layout* is where a designer draws the table: it means nothing here."""

    name: str
    fields: list[OldField]
    indexes: list[OldIndex] = []
    primary_key: str | list[str] | None = None
    sql_name: str | None = None
    layout: Any = None


class OldSchema(msgspec.Struct, rename="camel"):
    tables: list[OldTable]


class OldFile(msgspec.Struct, rename="camel"):
    """*name* and *version* are the file's own: nothing depends on them."""

    schema: OldSchema
    name: Any = None
    version: Any = None
    module_id: str | None = None
    title: Any = None
    label: Any = None
    description: Any = None
    editor_schema: Any = msgspec.field(name="$schema", default=None)


def unknown_keys(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (path, message) for each key of *raw*, which has the form, that the format has not.

    One that asks for nothing, as ``false`` or an empty list, is passed over.
    """
    yield from _unknown("$", raw, OldFile)
    yield from _unknown("$.schema", raw["schema"], OldSchema)
    for i, table in enumerate(raw["schema"]["tables"]):
        at = f"$.schema.tables[{i}]"
        yield from _unknown(at, table, OldTable)
        for j, field in enumerate(table["fields"]):
            yield from _unknown(f"{at}.fields[{j}]", field, OldField)
            references = field.get("references") or {}
            yield from _unknown(f"{at}.fields[{j}].references", references, OldReference)
        for j, index in enumerate(table.get("indexes", ())):
            yield from _unknown(f"{at}.indexes[{j}]", index, OldIndex)


def _unknown(
    path: str, part: Mapping[str, Any], kind: type[msgspec.Struct]
) -> Iterator[tuple[str, str]]:
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    for key, value in part.items():
        empty = value is None or value is False or value in ("", [], {})
        if key not in known and not empty:
            yield f"{path}.{key}", _ADVICE.get(key, "this key is not known: it is not enforced")
