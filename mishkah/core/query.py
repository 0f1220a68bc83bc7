"""Questions about one table: a page of rows in an order, or sums over groups of them.

A question is answered in slices, over rows as they were when it was asked, so that a large table
holds up nobody.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from mishkah.core.errors import Detail, InvalidRow, Text, UnknownTable, pointer
from mishkah.core.grants import Grant
from mishkah.core.messages import Query
from mishkah.core.schema import Row, Table, unknown_field
from mishkah.core.state import Record, State
from mishkah.core.totals import Totals, read_totals
from mishkah.core.values import READERS, Wrong, number
from mishkah.core.where import Where, both, candidates, read_where

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_PAGE = 4 * 2**20
"""Bytes of rows in one answer, unless a single row has more; a page may end before its limit."""
SLICE = 100
"""Rows that are looked at in one go."""

Order = tuple[tuple[str, bool], ...]
"""(field, whether it goes down), the primary key last."""

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(tuple[list[Any], list[Any]], float_hook=number).decode


class Question(msgspec.Struct, frozen=True):
    """A `Query` that fits its table. *after* is the place of the last row of the page before."""

    table: Table
    where: Where | None
    order: Order
    limit: int
    after: tuple[Any, ...] | None
    fields: tuple[str, ...] | None
    totals: Totals | None

    def candidates(self, state: State) -> Sequence[Record]:
        """Return the rows that may be in the answer."""
        return candidates(state, self.table, self.where)

    def slices(self, rows: Sequence[Record]) -> Iterator["Page | None"]:
        """Look at *rows*, a slice at a time; yield None between slices, then the answer."""
        best: list[tuple[tuple[Any, ...], Row, bytes]] = []
        groups = self.totals.begin() if self.totals else None
        for at in range(0, len(rows), SLICE):
            found = list(self._found(rows[at : at + SLICE]))
            if groups is not None:
                for _, row, _ in found:
                    groups.add(row)
            elif better := [
                one for one in found if len(best) <= self.limit or one[0] < best[-1][0]
            ]:
                best = sorted([*best, *better], key=itemgetter(0))[: self.limit + 1]
            yield None
        if groups is None:
            yield self.page((row, line) for _, row, line in best)
            return
        lines: list[bytes] = []
        for line in groups.rows():
            lines.append(line)
            if len(lines) % SLICE == 0:
                yield None
        yield Page(lines, None)

    def _found(self, rows: Iterable[Record]) -> Iterator[tuple[tuple[Any, ...], Row, bytes]]:
        after = None if self.after is None else self._key(self.after)
        for _, line in rows:
            row = self.table.decode(line)
            if self.where is None or self.where.holds(row):
                key = self._key([row[field] for field, _ in self.order])
                if after is None or after < key:
                    yield key, row, line

    def _key(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return what rows are sorted by: empty before anything else, text by code point."""
        return tuple(
            _Down((value is not None, value)) if down else (value is not None, value)
            for value, (_, down) in zip(values, self.order, strict=True)
        )

    def page(self, found: Iterable[tuple[Row, bytes]]) -> "Page":
        """Return the page that begins with *found*: rows of the answer, in order, and their JSON.

        One more than the limit is looked at, to tell whether there is a next page.
        """
        lines: list[bytes] = []
        room = MAX_PAGE
        last: Row = {}
        for row, line in found:
            if self.fields is not None:
                line = self.table.encode({name: row[name] for name in self.fields})
            else:
                line = self.table.trim(line, row)
            room -= len(line)
            if len(lines) == self.limit or (lines and room < 0):
                return Page(lines, self._cursor(last))
            lines.append(line)
            last = row
        return Page(lines, None)

    def _cursor(self, row: Row) -> str:
        place = [[list(one) for one in self.order], [row[field] for field, _ in self.order]]
        return urlsafe_b64encode(_encode(place)).decode()


class Page(msgspec.Struct, frozen=True):
    """Rows as JSON, and the `after` of the next page; None where there is none."""

    rows: list[bytes]
    next: str | None


class _Down:
    """A sort key that goes down."""

    __slots__ = ("key",)

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key

    def __lt__(self, other: "_Down") -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Down) and self.key == other.key


def read_question(grant: Grant, asked: Query) -> Question:
    """Return what *asked* means to who has *grant*, or raise Refused with the wrong place."""
    table = grant.schema.tables.get(asked.table)
    if table is None:
        raise UnknownTable(None, (Detail(pointer("table"), "table", UnknownTable.text),))
    order = _order(table, asked.order)
    limit = DEFAULT_LIMIT if asked.limit is None else asked.limit
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 < limit <= MAX_LIMIT:
        raise _no(("limit",), _BAD_LIMIT)
    return Question(
        table=table,
        where=both(
            grant.tables[table.name].held,
            None if asked.where is None else read_where(asked.where, [table]),
        ),
        order=order,
        limit=limit,
        after=None if asked.after is None else _place(table, order, asked.after),
        fields=None if asked.fields is None else _fields(table, asked.fields, ("fields",)),
        totals=None if asked.aggregate is None else read_totals(table, asked.aggregate),
    )


def _order(table: Table, raw: object) -> Order:
    order: dict[str, bool] = {}
    for i, one in enumerate(_list([] if raw is None else raw, ("order",))):
        match one:
            case [str(name), "asc" | "desc" as way]:
                if name not in table.fields or table.fields[name].type == "json" or name in order:
                    raise _no(("order", i), _BAD_ORDER)
                order[name] = way == "desc"
            case _:
                raise _no(("order", i), _BAD_ORDER)
    order.setdefault(table.primary_key, False)
    return tuple(order.items())


def _place(table: Table, order: Order, raw: object) -> tuple[Any, ...]:
    """Return the values in a cursor, which must have been made for the same order."""
    try:
        made, values = _decode(urlsafe_b64decode(str(raw).encode()))
        if made != [list(one) for one in order] or len(values) != len(order):
            raise ValueError("it is of another question")
        return tuple(
            None if value is None else READERS[table.fields[field].type](value)
            for value, (field, _) in zip(values, order, strict=True)
        )
    except (ValueError, Wrong, msgspec.MsgspecError, RecursionError):
        raise _no(("after",), _BAD_CURSOR) from None


def _fields(table: Table, raw: object, at: tuple[str | int, ...]) -> tuple[str, ...]:
    names = _list(raw, at)
    for i, name in enumerate(names):
        if not isinstance(name, str) or name not in table.fields:
            raise _no((*at, i), unknown_field(table.name))
    return tuple(dict.fromkeys(names))


def _list(raw: object, at: tuple[str | int, ...]) -> list[Any]:
    if not isinstance(raw, list) or len(raw) > 100:
        raise _no(at, _NO_LIST)
    return raw


def _no(at: tuple[str | int, ...], text: Text) -> InvalidRow:
    return InvalidRow(None, (Detail(pointer(*at), "query", text),))


_BAD_LIMIT = Text(f"limit is 1 to {MAX_LIMIT}", f"الحد limit من 1 إلى {MAX_LIMIT}")
_BAD_ORDER = Text(
    'order is a list of [field, "asc" or "desc"], each field once, none of json',
    'الترتيب order قائمة من [الحقل، "asc" أو "desc"]، كل حقل مرة، وليس من نوع json',
)
_BAD_CURSOR = Text("after is the next of a RESULT of the same order", "قيمة after من نتيجة سابقة")
_NO_LIST = Text("This is a list of at most 100", "هذه قائمة من 100 على الأكثر")
