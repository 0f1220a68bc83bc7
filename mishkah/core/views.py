"""What a subscriber is shown: a whole store, some tables, or the rows that a filter holds."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from mishkah.core.commit import Change
from mishkah.core.errors import Detail, UnknownTable, pointer
from mishkah.core.grants import Grant, lens_of
from mishkah.core.messages import WHOLE
from mishkah.core.schema import Table
from mishkah.core.where import Where, both, read_where


class Shown(NamedTuple):
    """A change as one view shows it. *body* is the JSON of its ``changes``.

    *left* is true of a row that is still there, but not in the view any more.
    """

    change: Change
    operation: str
    body: bytes
    left: bool = False


class View(msgspec.Struct, frozen=True):
    """Some tables, all of their rows or those that a filter of *wheres* (table → filter) holds.

    *id* is the same for the same; *lens* names what the reader's grant leaves out, see `lens_of`.
    Of a row only the fields are shown that its table here has.
    """

    id: str
    tables: Mapping[str, Table]
    wheres: Mapping[str, Where] = {}
    lens: str = ""

    @property
    def is_work(self) -> bool:
        """Whether rows must be looked at, or written anew, before they are shown."""
        return bool(self.wheres) or any(table.hides for table in self.tables.values())

    def shows(self, changes: Iterable[Change]) -> list[Shown]:
        """Return those of *changes* that are seen here, as they are seen here."""
        seen = (
            self._show(change, self.tables[change.table])
            for change in changes
            if change.table in self.tables
        )
        return [shown for shown in seen if shown is not None]

    def _show(self, change: Change, table: Table) -> Shown | None:
        before, after = change.before(), change.new
        where = self.wheres.get(table.name)
        was = before is not None and (where is None or where.holds(before))
        if after is None or not (where is None or where.holds(after)):
            return Shown(change, "DELETE", b"{}", left=after is not None) if was else None
        if not was:
            return Shown(change, "INSERT", table.trim(change.json, after))
        body = change.changes(table)
        return None if table.hides and body == b"{}" else Shown(change, "UPDATE", body)


def read_view(grant: Grant, tables: Sequence[str] | None, where: object) -> View:
    """Return the view of *tables* (None: all that may be read), filtered by the JSON *where*.

    Raises Refused with the place of what is wrong.
    """
    schema = grant.schema
    names = set(schema.tables if tables is None else tables)
    unknown = [name for name in tables or () if name not in schema.tables]
    if unknown or not names:
        at = (tables or []).index(unknown[0]) if unknown else 0
        detail = Detail(pointer("tables", at), "table", UnknownTable.text)
        raise UnknownTable(None, (detail,))
    chosen = {name: table for name, table in schema.tables.items() if name in names}
    asked = None if where is None else read_where(where, chosen.values())
    wheres = {name: both(grant.tables[name].held, asked) for name in chosen}
    lens = lens_of(one for name, one in grant.tables.items() if tables is None or name in names)
    if len(chosen) < len(grant.whole.tables) or asked is not None or lens:
        key = msgspec.json.encode([sorted(names), asked and asked.canonical.decode(), lens])
        identifier = blake2b(key, digest_size=8).hexdigest()
    else:
        identifier = WHOLE
    return View(identifier, chosen, {n: w for n, w in wheres.items() if w is not None}, lens)
