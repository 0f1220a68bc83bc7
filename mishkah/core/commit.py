"""The one value that carries the system: a commit, and how the log writes it down."""

from typing import NamedTuple

import msgspec

from mishkah.core.schema import Index, Key, Row, Schema, Table, decode_row


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One row before and after.

    *new* is the whole row after, or None when it is gone. *old* is None when there was no row;
    the whole row when it is gone; otherwise the values that *new* replaced. *json* is *new* as it
    is stored and sent. *was* is the `seq` that wrote the row before, or 0: so that the entries of
    one row in the log are a chain, from its `seq` backwards.
    """

    table: str
    id: str
    was: int = 0
    new: Row | None
    old: Row | None
    json: bytes

    @property
    def operation(self) -> str:
        if self.new is None:
            return "DELETE"
        return "INSERT" if self.old is None else "UPDATE"

    def before(self) -> Row | None:
        """Return the whole row as it was."""
        if self.new is None or self.old is None:
            return self.old
        return {**self.new, **self.old}

    def moves(self, table: Table) -> list[tuple[Index, Key | None, Key | None]]:
        """Return (index, key before, key after) where the row has another key than before."""
        old, new = self.old, self.new
        if old is None and new is not None:
            return [(index, None, key) for index in table.indexes if (key := index.key(new))]
        indexes = table.indexes if new is None else table.indexes_of(old or ())
        before = self.before() if indexes else None
        moves: list[tuple[Index, Key | None, Key | None]] = []
        for index in indexes:
            was = None if before is None else index.key(before)
            key = None if new is None else index.key(new)
            if was != key:
                moves.append((index, was, key))
        return moves

    def changes(self, table: Table) -> bytes:
        """Return the JSON of what changed: the whole row of an insert, nothing of a delete."""
        if self.new is None:
            return b"{}"
        if self.old is None:
            return self.json
        return table.encode({name: self.new[name] for name in table.fields if name in self.old})


class Taken(msgspec.Struct, frozen=True):
    """A counter as a commit leaves it: the last number given."""

    table: str
    field: str
    period: str
    number: int


class Name(msgspec.Struct, frozen=True):
    """The name of a write, for ever: no client's other write may have it.

    *client* begins with its owner, where it has one.
    """

    client: str
    ref: str
    digest: bytes


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """What one command did: `seq` is contiguous per store, *at* a timestamp in UTC.

    A migration is a commit without changes that has the new *schema*, as it was written; so is one
    that gives *numbers* without a row. *user* is the person who asked for it, at *device*, by the
    token whose id is *session*.
    """

    seq: int
    at: str
    changes: tuple[Change, ...]
    counters: tuple[Taken, ...] = ()
    name: Name | None = None
    client: str | None = None
    ref: str | int | None = None
    user: str | None = None
    device: str | None = None
    session: str | None = None
    schema: bytes = b""
    numbers: tuple[str, ...] = ()

    @property
    def by(self) -> dict[str, str | int]:
        """Who did it, as far as everybody is told; a session is nobody's business but the log's."""
        who = {
            "client": self.client,
            "ref": self.ref,
            "user": self.user,
            "device": self.device,
        }
        return {key: value for key, value in who.items() if value is not None}


_NOTHING = msgspec.Raw(b"null")


class _Logged(msgspec.Struct):
    table: str
    id: str
    was: int = 0
    row: msgspec.Raw = _NOTHING
    old: msgspec.Raw = _NOTHING


_encode = msgspec.json.Encoder().encode
_decode_changes = msgspec.json.Decoder(list[_Logged]).decode


class Entry(NamedTuple):
    """What a commit did, as the log keeps it beside the commit's other fields."""

    changes: tuple[Change, ...] = ()
    schema: bytes = b""
    numbers: tuple[str, ...] = ()


class _Numbers(msgspec.Struct):
    numbers: tuple[str, ...] = ()


_decode_numbers = msgspec.json.Decoder(_Numbers).decode


def encode_entry(commit: Commit, schema: Schema) -> bytes:
    """Return the JSON of what *commit* did: a list of changes, its schema, or its numbers."""
    if commit.schema:
        return commit.schema
    if commit.numbers:
        return _encode(_Numbers(commit.numbers))
    return _encode([_logged(change, schema.tables[change.table]) for change in commit.changes])


def as_now(commit: Commit, schema: Schema) -> Commit:
    """Return *commit*, of an older schema, in the tables and fields that *schema* has.

    What rows did not have then is empty; of a field that is gone nobody knows any more whether it
    was secret.
    """
    known = (change for change in commit.changes if change.table in schema.tables)
    changes = tuple(_as_now(change, schema.tables[change.table]) for change in known)
    return msgspec.structs.replace(commit, changes=changes)


def _as_now(change: Change, table: Table) -> Change:
    old = change.old
    if old is not None:
        old = {name: old.get(name) for name in table.fields if change.new is None or name in old}
    if change.new is None:
        return msgspec.structs.replace(change, old=old)
    new = {name: change.new.get(name) for name in table.fields}
    return msgspec.structs.replace(change, new=new, old=old, json=table.encode(new))


def mark_of(table: str, identifier: str) -> bytes:
    """Return bytes that are in the `encode_entry` of every commit which changed this row.

    They may be in others too: in a value that looks like an entry.
    """
    return b'{"table":%b,"id":%b,' % (_encode(table), _encode(identifier))


def of_row(commit: Commit, table: str, identifier: str) -> Commit | None:
    """Return *commit* with what it did to one row alone; None where it did nothing to it."""
    changes = tuple(c for c in commit.changes if (c.table, c.id) == (table, identifier))
    return msgspec.structs.replace(commit, changes=changes, name=None) if changes else None


def _logged(change: Change, table: Table) -> _Logged:
    return _Logged(
        change.table,
        change.id,
        change.was,
        msgspec.Raw(change.json) if change.json else _NOTHING,
        _NOTHING if change.old is None else msgspec.Raw(table.encode(change.old)),
    )


def decode_entry(line: bytes, schema: Schema) -> Entry:
    """Return what a commit did whose `encode_entry` is *line*; rows are as they were then."""
    if line.startswith(b'{"numbers":'):
        return Entry(numbers=_decode_numbers(line).numbers)
    if line.startswith(b"{"):
        return Entry(schema=line)
    changes = (_change(each, schema.tables.get(each.table)) for each in _decode_changes(line))
    return Entry(tuple(changes))


def _change(logged: _Logged, table: Table | None) -> Change:
    """Return the change; a table that a migration has removed since reads as plain JSON."""
    decode = table.decode if table is not None else decode_row
    return Change(
        table=logged.table,
        id=logged.id,
        was=logged.was,
        new=None if logged.row == _NOTHING else decode(logged.row),
        old=None if logged.old == _NOTHING else decode(logged.old),
        json=b"" if logged.row == _NOTHING else bytes(logged.row),
    )
