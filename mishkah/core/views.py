"""What a subscriber is shown: a whole store, some tables, or the rows that a filter holds."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from mishkah.core.commit import Change
from mishkah.core.errors import Detail, UnknownTable, pointer
from mishkah.core.messages import WHOLE
from mishkah.core.schema import Schema, Table
from mishkah.core.where import Where, read_where


class Shown(NamedTuple):
    """A change as one view shows it. *body* is the JSON of its ``changes``.

    *left* is true of a row that is still there, but not in the view any more.
    """

    change: Change
    operation: str
    body: bytes
    left: bool = False


class View(msgspec.Struct, frozen=True):
    """Some tables, all of their rows or those that *where* holds. *id* is the same for the same."""

    id: str
    tables: Mapping[str, Table]
    where: Where | None = None

    def shows(self, changes: Iterable[Change]) -> list[Shown]:
        """Return those of *changes* that are seen here, as they are seen here."""
        seen = (
            self._show(change, self.tables[change.table])
            for change in changes
            if change.table in self.tables
        )
        return [shown for shown in seen if shown is not None]

    def _show(self, change: Change, table: Table) -> Shown | None:
        if self.where is None:
            return Shown(change, change.operation, change.changes(table))
        before, after = change.before(), change.new
        was = before is not None and self.where.holds(before)
        if after is not None and self.where.holds(after):
            if was:
                return Shown(change, "UPDATE", change.changes(table))
            return Shown(change, "INSERT", change.json)
        return Shown(change, "DELETE", b"{}", left=after is not None) if was else None


def read_view(schema: Schema, tables: Sequence[str] | None, where: object) -> View:
    """Return the view of *tables* (None: all of them), filtered by the JSON *where* unless None.

    Raises Refused with the place of what is wrong.
    """
    names = set(schema.tables if tables is None else tables)
    unknown = [name for name in tables or () if name not in schema.tables]
    if unknown or not names:
        at = (tables or []).index(unknown[0]) if unknown else 0
        detail = Detail(pointer("tables", at), "table", UnknownTable.text)
        raise UnknownTable(None, (detail,))
    chosen = {name: table for name, table in schema.tables.items() if name in names}
    held = None if where is None else read_where(where, chosen.values())
    return View(_id(schema, names, held), chosen, held)


def _id(schema: Schema, names: set[str], where: Where | None) -> str:
    if where is None and len(names) == len(schema.tables):
        return WHOLE
    key = msgspec.json.encode([sorted(names), where and where.canonical.decode()])
    return blake2b(key, digest_size=8).hexdigest()
