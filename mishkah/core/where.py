"""Filters: which rows a view shows and a query finds, as functions of the row alone.

A filter is JSON: ``["status", "in", ["open"]]``, ``{"and": [...]}``, ``{"or": [...]}`` or
``{"not": ...}``. It is read once, into one canonical form, and compiled.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mishkah.core.errors import Detail, InvalidRow, Text, pointer
from mishkah.core.schema import Row, Table
from mishkah.core.state import Record, State
from mishkah.core.values import READERS, Wrong

MAX_DEPTH = 8
MAX_CONDITIONS = 100
MAX_VALUES = 1000
"""The most values of one `in`."""

Holds = Callable[[Row], bool]
_ORDERED = ("text", "integer", "decimal", "date", "timestamp")
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda kept, value: bool(kept < value),
    "<=": lambda kept, value: bool(kept <= value),
    ">": lambda kept, value: bool(kept > value),
    ">=": lambda kept, value: bool(kept >= value),
    "prefix": lambda kept, value: bool(kept.startswith(value)),
    "contains": lambda kept, value: value in kept,
}
OPERATORS = ("=", "!=", "in", "between", "null", *_COMPARED)

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Condition(msgspec.Struct, frozen=True):
    """A field, an operator and the value as the field keeps it; of `in` and `between` a tuple."""

    field: str
    operator: str
    value: Any

    def holds(self) -> Holds:
        field, value = self.field, self.value
        match self.operator:
            case "=":
                return lambda row: bool(row[field] == value)
            case "in":
                values = frozenset(value)
                return lambda row: row[field] in values
            case "null":
                return lambda row: (row[field] is None) is value
            case "between":
                low, high = value
                return lambda row: row[field] is not None and low <= row[field] <= high
        compare = _COMPARED[self.operator]
        return lambda row: row[field] is not None and compare(row[field], value)


class Group(msgspec.Struct, frozen=True):
    """Several filters, joined by "and" or "or"; or one that is "not" to hold."""

    joined: str
    parts: tuple["Condition | Group", ...]

    def holds(self) -> Holds:
        parts = [part.holds() for part in self.parts]
        match self.joined:
            case "and":
                return lambda row: all(part(row) for part in parts)
            case "or":
                return lambda row: any(part(row) for part in parts)
        (only,) = parts
        return lambda row: not only(row)


Node = Condition | Group


class Where:
    """A filter that was read. Filters that say the same in other words have one `canonical`.

    `equalities` leads from fields to the few values that every row that holds has in them.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.canonical = _encode(_plain(node))
        self.holds = node.holds()
        self.equalities = _equalities(node)


def read_where(raw: object, tables: Iterable[Table]) -> Where:
    """Return the filter *raw*, decoded JSON, for rows of any of *tables*.

    Raises InvalidRow, with the place below ``/where`` of what is wrong.
    """
    return Where(_Reader(list(tables)).node(raw, ("where",), 1))


def both(one: Where | None, other: Where | None) -> Where | None:
    """Return the filter that holds what *one* and *other* hold; None holds everything."""
    if one is None or other is None:
        return one or other
    return Where(_joined("and", (one.node, other.node)))


def candidates(state: State, table: Table, where: Where | None) -> Sequence[Record]:
    """Return the rows of *table* that *where* may hold: an index makes them few.

    It also orders them, by the values asked for; of a field that *table* hides that would tell.
    """
    rows = state.tables[table.name]
    for field, values in (where.equalities if where is not None else {}).items():
        told = field in table.fields or len(values) == 1
        for index in table.indexes:
            if told and index.fields == (field,):
                ids = [i for v in values for i in state.holders(table.name, index, (v,))]
                return [rows.records[i] for i in dict.fromkeys(ids)]
    return rows.all()


class _Reader:
    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = tables
        self._conditions = 0

    def node(self, raw: object, at: tuple[str | int, ...], depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise _no(at, _TOO_DEEP)
        if isinstance(raw, list):
            return self._condition(raw, at)
        if not isinstance(raw, dict) or len(raw) != 1:
            raise _no(at, _NO_FILTER)
        ((joined, inner),) = raw.items()
        at = (*at, joined)
        if joined == "not":
            return _negated(self.node(inner, at, depth + 1))
        if joined not in ("and", "or") or not isinstance(inner, list) or not inner:
            raise _no(at[:-1], _NO_FILTER)
        parts = [self.node(part, (*at, i), depth + 1) for i, part in enumerate(inner)]
        return _joined(joined, parts)

    def _condition(self, raw: list[Any], at: tuple[str | int, ...]) -> Node:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise _no(at, _TOO_MANY)
        match raw:
            case [str(field), str(operator), value] if operator in OPERATORS:
                return self._read(field, operator, value, at)
            case _:
                raise _no(at, _NO_CONDITION)

    def _read(self, field: str, operator: str, value: object, at: tuple[str | int, ...]) -> Node:
        kinds = {t.fields[field].type if field in t.fields else None for t in self._tables}
        if len(kinds) != 1 or None in kinds:
            raise _no((*at, 0), _NO_FIELD)
        (kind,) = kinds
        assert kind is not None
        at = (*at, 2)
        if operator == "null":
            if not isinstance(value, bool):
                raise _no(at, _NO_BOOLEAN)
            return Condition(field, "null", value)
        allowed = kind != "json" and (operator in ("=", "!=", "in") or kind in _ORDERED)
        if not allowed or (operator in ("prefix", "contains") and kind != "text"):
            raise _no((*at[:-1], 1), _NOT_THIS_TYPE)
        if operator in ("in", "between"):
            return self._several(field, operator, kind, value, at)
        kept = _kept(kind, value, at)
        if operator == "!=":
            return _negated(Condition(field, "=", kept))
        return Condition(field, operator, kept)

    def _several(
        self, field: str, operator: str, kind: str, value: object, at: tuple[str | int, ...]
    ) -> Node:
        if not isinstance(value, list) or not 0 < len(value) <= MAX_VALUES:
            raise _no(at, _NO_LIST)
        kept = [_kept(kind, one, (*at, i)) for i, one in enumerate(value)]
        if operator == "in":
            values = sorted(set(kept), key=_encode)
            if values[1:]:
                return Condition(field, "in", tuple(values))
            return Condition(field, "=", values[0])
        if len(kept) != 2:
            raise _no(at, _NO_LIST)
        return Condition(field, "between", tuple(kept))


def _kept(kind: str, value: object, at: tuple[str | int, ...]) -> Any:
    """Return *value* as a field of *kind* keeps it; null is asked for by its own operator."""
    try:
        return READERS[kind](value)
    except Wrong as wrong:
        raise _no(at, wrong.text) from None


def _negated(node: Node) -> Node:
    if isinstance(node, Group) and node.joined == "not":
        return node.parts[0]
    if isinstance(node, Condition) and node.operator == "null":
        return Condition(node.field, "null", not node.value)
    return Group("not", (node,))


def _joined(joined: str, parts: Iterable[Node]) -> Node:
    """Join *parts*: flat, each once, in one order."""
    flat: dict[bytes, Node] = {}
    for part in parts:
        inner = part.parts if isinstance(part, Group) and part.joined == joined else (part,)
        flat |= {_encode(_plain(one)): one for one in inner}
    ordered = [flat[key] for key in sorted(flat)]
    return Group(joined, tuple(ordered)) if ordered[1:] else ordered[0]


def _plain(node: Node) -> Any:
    if isinstance(node, Condition):
        return [node.field, node.operator, node.value]
    return {node.joined: [_plain(part) for part in node.parts]}


def _equalities(node: Node) -> Mapping[str, tuple[Any, ...]]:
    if isinstance(node, Group):
        parts = [] if node.joined == "not" else [_equalities(part) for part in node.parts]
        return _all_of(parts) if node.joined == "and" else _one_of(parts)
    if node.operator == "=":
        return {node.field: (node.value,)}
    return {node.field: node.value} if node.operator == "in" else {}


def _all_of(parts: Sequence[Mapping[str, tuple[Any, ...]]]) -> Mapping[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for part in parts:
        for field, values in part.items():
            if field not in found or len(values) < len(found[field]):
                found[field] = values
    return found


def _one_of(parts: Sequence[Mapping[str, tuple[Any, ...]]]) -> Mapping[str, tuple[Any, ...]]:
    fields = sorted(set[str]().union(*parts).intersection(*parts))
    found = {
        field: tuple(dict.fromkeys(value for part in parts for value in part[field]))
        for field in fields
    }
    return {field: values for field, values in found.items() if len(values) <= MAX_VALUES}


def _no(at: tuple[str | int, ...], text: Text) -> InvalidRow:
    return InvalidRow(None, (Detail(pointer(*at), "where", text),))


_NO_FILTER = Text(
    "A filter is [field, operator, value], or and, or, not",
    "المرشّح هو [الحقل، العملية، القيمة] أو and أو or أو not",
)
_NO_CONDITION = Text(
    f"A condition is [field, operator, value]; operators are {' '.join(OPERATORS)}",
    f"الشرط هو [الحقل، العملية، القيمة] والعمليات {' '.join(OPERATORS)}",
)
_NO_FIELD = Text("This field is not in every table", "هذا الحقل ليس في كل الجداول")
_NOT_THIS_TYPE = Text("This operator is not for this field", "هذه العملية ليست لهذا الحقل")
_NO_BOOLEAN = Text("null takes true or false", "تأخذ null القيمة true أو false")
_NO_LIST = Text(
    f"in takes 1 to {MAX_VALUES} values, between takes two",
    f"تأخذ in من 1 إلى {MAX_VALUES} قيمة، وتأخذ between قيمتين",
)
_TOO_DEEP = Text("This filter is nested too deeply", "المرشّح متداخل أكثر من المسموح")
_TOO_MANY = Text("This filter has too many conditions", "شروط المرشّح أكثر من المسموح")
