"""What one role comes to in one store: which rows and fields are seen, and what may be written.

Every path asks the same grant. What can't be read counts as not there: no error, no filter and no
order tells whether it is. That a row of this key, or this unique value, exists can still be found
out by trying to insert it; docs/security.md says so.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from hashlib import blake2b

import msgspec

from mishkah.core.commit import Change
from mishkah.core.errors import Detail, Forbidden, Text, UnknownTable, pointer
from mishkah.core.schema import Row, Schema, Table
from mishkah.core.where import Where

Place = tuple[str | int, ...]
"""Where in a command: the steps of a JSON pointer."""

READ, INSERT, UPDATE, DELETE, CALL = "read", "insert", "update", "delete", "call"
DEEDS = (READ, INSERT, UPDATE, DELETE, CALL)
"""What a rule may allow."""


class Permit(msgspec.Struct, frozen=True):
    """Leave to write: which fields may be given (None: all), and which rows *where* holds.

    A row must be held before and after, as far as there is one.
    """

    fields: frozenset[str] | None = None
    where: Where | None = None

    def holds(self, *rows: Row | None) -> bool:
        return self.where is None or all(self.where.holds(row) for row in rows if row is not None)


class TableGrant(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What may be done with one table.

    *shown* is the table with the fields that may be read (None: nothing of it), *held* tells the
    rows that may. *permits* leads from an operation to the leave to do it.
    """

    table: Table
    shown: Table | None = None
    held: Where | None = None
    permits: Mapping[str, Permit] = {}

    @cached_property
    def known(self) -> frozenset[str]:
        """The fields that may be read, or given in some write: of the others nothing is told."""
        given = [p.fields for deed, p in self.permits.items() if deed in (INSERT, UPDATE)]
        known = frozenset() if self.shown is None else frozenset(self.shown.fields)
        every = frozenset(self.table.fields)
        return known.union(*(every if some is None else every & some for some in given))

    @cached_property
    def knows_all(self) -> bool:
        """Whether every field is `known`."""
        return self.known.issuperset(self.table.fields)

    @property
    def is_known(self) -> bool:
        """Whether anything may be done with it: one with which nothing may is not there."""
        return self.shown is not None or bool(self.permits)

    @property
    def restricted(self) -> bool:
        """Whether something that leaves the server for others is not shown here."""
        return self.shown is None or self.held is not None or self.shown != self.table.public

    def reads(self, row: Row) -> bool:
        return self.shown is not None and (self.held is None or self.held.holds(row))

    def line(self, json: bytes) -> bytes | None:
        """Return what may be read of a row at rest; None where nothing may."""
        if self.shown is None:
            return None
        row = self.table.decode(json) if self.held is not None or self.shown.hides else None
        if self.held is not None and row is not None and not self.held.holds(row):
            return None
        return self.shown.trim(json, row)

    def reads_field(self, field: str) -> bool:
        return self.shown is not None and field in self.shown.fields

    def permit(self, deed: str, at: Place) -> Permit:
        """Return the leave to do *deed*. Raises Forbidden."""
        found = self.permits.get(deed)
        if found is None:
            raise Forbidden(None, (Detail(pointer(*at, "table"), "access", NOT_ALLOWED),))
        return found

    def check_given(self, permit: Permit, given: Iterable[str], at: Place) -> None:
        """Refuse to set fields that are known here and not permitted."""
        if permit.fields is None:
            return
        locked = [
            Detail(pointer(*at, name), "access", LOCKED)
            for name in given
            if name not in permit.fields and name in self.known
        ]
        if locked:
            raise Forbidden(None, tuple(locked))

    def check_added(self, added: Iterable[str], at: Place) -> None:
        """Refuse adding to what can't be read: its bounds would tell what it was."""
        for name in added:
            if name in self.known and not self.reads_field(name):
                raise Forbidden(None, (Detail(pointer(*at, "add", name), "access", LOCKED),))

    def check_rows(self, permit: Permit, at: Place, *rows: Row | None) -> None:
        """Refuse a write to a row that *permit* does not hold, before or after."""
        if permit.where is not None and not permit.holds(*rows):
            raise Forbidden(None, (Detail(pointer(*at) or "/", "access", NOT_THIS_ROW),))


class Grant:
    """What may be done in one store, whose schema is *whole*; tables left out have no leave at all.

    *schema* has what may be read of it, and nothing else.
    """

    def __init__(self, whole: Schema, tables: Mapping[str, TableGrant]) -> None:
        self.whole = whole
        self.tables = {
            name: tables.get(name) or TableGrant(table=table)
            for name, table in whole.tables.items()
        }
        shown = {name: one.shown for name, one in self.tables.items() if one.shown is not None}
        self.schema = msgspec.structs.replace(whole, tables=shown)

    @property
    def known(self) -> Schema:
        """The schema with all that may be read or given: what may be told of it."""
        tables = {
            name: self._told(one.table.narrowed(one.known))
            for name, one in self.tables.items()
            if one.is_known
        }
        return msgspec.structs.replace(self.whole, tables=tables)

    def _told(self, table: Table) -> Table:
        """Return *table* without indexes and references that lead to what is not known."""
        indexes = tuple(i for i in table.indexes if table.fields.keys() >= {*i.fields})
        fields = {
            name: field
            if (to := field.references) is None or self.names(to.table, (to.field,))
            else msgspec.structs.replace(field, references=None)
            for name, field in table.fields.items()
        }
        return msgspec.structs.replace(table, fields=fields, indexes=indexes)

    @property
    def is_nothing(self) -> bool:
        """Whether nothing at all may be done here."""
        return not any(one.is_known for one in self.tables.values())

    def table(self, name: str, at: Place = ()) -> TableGrant:
        """Return what may be done with the table *name*. Raises UnknownTable."""
        found = self.tables.get(name)
        if found is None or not found.is_known:
            raise UnknownTable(None, (Detail(pointer(*at, "table"), "table", UnknownTable.text),))
        return found

    def line(self, change: Change) -> bytes | None:
        """Return the row that *change* leaves as its writer may read it; ``null`` for none.

        None is a change that was not seen, of a row that went along with what was asked for.
        """
        one, before = self.tables.get(change.table), change.before()
        if one is None or (before is not None and not one.reads(before)):
            return None
        if change.new is None or one.shown is None or not one.reads(change.new):
            return b"null"
        if change.old is not None and not change.old.keys() & one.shown.fields.keys():
            return None
        return one.shown.trim(change.json, change.new)

    def names(self, table: str, fields: Collection[str]) -> bool:
        """Tell whether a sentence may name these *fields* of *table*."""
        one = self.tables[table]
        return one.is_known and one.known.issuperset(fields)


def everything(schema: Schema) -> Grant:
    """Return the grant of who may do all: read what is not secret, and write anything."""
    permits = {deed: Permit() for deed in (INSERT, UPDATE, DELETE, CALL)}
    return Grant(
        schema,
        {
            name: TableGrant(table=table, shown=table.public, permits=permits)
            for name, table in schema.tables.items()
        },
    )


_encode = msgspec.json.Encoder(order="deterministic").encode


def lens_of(tables: Iterable[TableGrant]) -> str:
    """Return the name of what *tables* leave out; "" where they show all that is public.

    A replica that was seen through one lens is of no use through another: so it joins the epoch.
    Who has the same lens shares frames and snapshots, so it is long enough that among all people of
    all shops no two have the same by chance.
    """
    kept = {
        one.table.name: [
            sorted(one.shown.fields) if one.shown is not None else None,
            None if one.held is None else one.held.canonical.decode(),
        ]
        for one in tables
        if one.restricted
    }
    return blake2b(_encode(kept), digest_size=8).hexdigest() if kept else ""


NOT_ALLOWED = Text("You may not do this", "ليس لديك إذن بهذا")
LOCKED = Text("You may not set this field", "ليس لديك إذن بتعيين هذا الحقل")
NOT_THIS_ROW = Text("You may not write this row so", "ليس لديك إذن بكتابة هذا الصف هكذا")
