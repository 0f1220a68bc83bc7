"""Writes that the rows below don't have yet, drawn on top of them."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from mishkah.client.heard import Row
from mishkah.client.replica import Key
from mishkah.core.messages import Delete, Insert, Op, Update
from mishkah.core.values import number


class Overlay:
    """The operations of unconfirmed writes, by the row that they change, in order.

    *key_of* leads from a table to its primary key. A new row without its key has no place here
    until the server has numbered it.
    """

    def __init__(self, key_of: Callable[[str], str]) -> None:
        self._key_of = key_of
        self._ops: dict[Key, list[tuple[str, Op]]] = {}
        self._keys: dict[str, tuple[Key, ...]] = {}

    def put(self, ref: str, ops: Iterable[Op]) -> None:
        """Draw the write *ref* on top of all others."""
        keys = []
        for op in ops:
            for key in self.places([op]):
                keys.append(key)
                self._ops.setdefault(key, []).append((ref, op))
        self._keys[ref] = tuple(keys)

    def drop(self, ref: str) -> None:
        """Take the write *ref* away: the rows have it, or will never have it."""
        for key in self._keys.pop(ref, ()):
            kept = [one for one in self._ops.pop(key, ()) if one[0] != ref]
            if kept:
                self._ops[key] = kept

    def keys(self, ref: str) -> tuple[Key, ...]:
        """Return the rows that the write *ref* changes."""
        return self._keys.get(ref, ())

    def touched(self, table: str) -> list[str]:
        """Return the ids of the rows of *table* that have something on top."""
        return [identifier for name, identifier in self._ops if name == table]

    def covers(self, key: Key) -> bool:
        return key in self._ops

    def over(self, key: Key, row: Row | None) -> Row | None:
        """Return *row* with what is on top of it; None where there is no such row."""
        for _, op in self._ops.get(key, ()):
            row = _after(op, row)
        return row

    def places(self, ops: Iterable[Op]) -> list[Key]:
        """Return the rows that *ops* change, as far as they have names."""
        places = []
        for op in ops:
            identifier = op.data.get(self._key_of(op.table)) if isinstance(op, Insert) else op.id
            if isinstance(identifier, str):
                places.append((op.table, identifier))
        return places


def _after(op: Op, row: Row | None) -> Row | None:
    """Return what *op* will make of *row*, as far as a client can tell."""
    match op:
        case Insert():
            return dict(op.data) if row is None else row
        case Delete():
            return None
        case Update():
            if row is None:
                return None
            changes = {} if op.changes is UNSET else op.changes
            added = {} if op.add is UNSET else op.add
            return {**row, **changes, **_sums(row, added)}


def _sums(row: Row, added: Mapping[str, Any]) -> Row:
    """Return the fields of *row* with the numbers that are added; what is none is passed over."""
    sums: Row = {}
    for name, amount in added.items():
        before = row.get(name)
        if before is None:
            before = 0
        if _is_number(before) and _is_number(amount):
            exact = number(str(Decimal(before) + Decimal(amount)))
            sums[name] = Decimal(exact) if isinstance(before, Decimal) else exact
    return sums


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
