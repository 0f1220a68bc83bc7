"""Counts, sums, averages and ends of a table's rows, exact to the last digit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import msgspec

from mishkah.core.errors import Detail, InvalidRow, Text, TooLarge, pointer
from mishkah.core.schema import Row, Table, unknown_field

PLACES = Decimal("1e-9")
"""An average is rounded to it, half to even."""
MAX_GROUPS = 10_000
MAX_SIZE = 8 * 2**20
"""Bytes of groups in one answer."""
MAX_NAME = 64
"""Characters in the name of a value."""
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_NUMERIC = ("integer", "decimal")
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Totals(msgspec.Struct, frozen=True):
    """What to work out: for each group of rows alike in *by*, name → (function, field)."""

    by: tuple[str, ...]
    values: Mapping[str, tuple[str, str]]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are looked at, each once."""
        return tuple(dict.fromkeys([*self.by, *(f for _, f in self.values.values() if f)]))

    def begin(self) -> "Groups":
        return Groups(self)


class Groups:
    """Groups of rows that have been seen."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._groups: dict[tuple[Any, ...], dict[str, list[Any]]] = {}
        if not totals.by:
            self._of(())

    def add(self, row: Row) -> None:
        """Count *row*. Raises TooLarge where there are too many groups."""
        sums = self._of(tuple(row[field] for field in self._totals.by))
        for name, (function, field) in self._totals.values.items():
            value = 1 if function == "count" and not field else row[field]
            if value is not None:
                _STEPS[function](sums[name], value)

    def rows(self) -> Iterator[bytes]:
        """Yield a row for each group, as JSON, in the order of the groups' values.

        Raises TooLarge where they are too long.
        """

        def place(key: tuple[Any, ...]) -> list[Any]:
            return [(value is not None, value) for value in key]

        room = MAX_SIZE
        for key in sorted(self._groups, key=place):
            row = self._row(key, self._groups[key])
            room -= len(row)
            if room < 0:
                raise TooLarge(_TOO_LONG)
            yield row

    def _of(self, key: tuple[Any, ...]) -> dict[str, list[Any]]:
        if key not in self._groups:
            if len(self._groups) >= MAX_GROUPS:
                raise TooLarge(_TOO_MANY)
            self._groups[key] = {name: [0, None] for name in self._totals.values}
        return self._groups[key]

    def _row(self, key: tuple[Any, ...], sums: Mapping[str, list[Any]]) -> bytes:
        row = dict(zip(self._totals.by, key, strict=True))
        for name, (function, _) in self._totals.values.items():
            count, total = sums[name]
            if function == "count":
                row[name] = count
            elif function == "avg" and count:
                row[name] = _EXACT.quantize(_EXACT.divide(Decimal(total), Decimal(count)), PLACES)
            else:
                row[name] = total
        return _encode({name: _plain(value) for name, value in row.items()})


def _plain(value: Any) -> Any:
    """Return a decimal as the JSON number that rows have: without exponent and trailing zeros."""
    if not isinstance(value, Decimal):
        return value
    text = format(value, "f")
    return msgspec.Raw((text.rstrip("0").rstrip(".") if "." in text else text).encode())


def _count(sums: list[Any], value: Any) -> None:
    sums[0] += 1


def _sum(sums: list[Any], value: Any) -> None:
    sums[0] += 1
    sums[1] = value if sums[1] is None else _EXACT.add(Decimal(sums[1]), Decimal(value))


def _min(sums: list[Any], value: Any) -> None:
    sums[1] = value if sums[1] is None or value < sums[1] else sums[1]


def _max(sums: list[Any], value: Any) -> None:
    sums[1] = value if sums[1] is None or value > sums[1] else sums[1]


_STEPS: Mapping[str, Callable[[list[Any], Any], None]] = {
    "count": _count, "sum": _sum, "avg": _sum, "min": _min, "max": _max,
}  # fmt: skip
FUNCTIONS = tuple(_STEPS)


def read_totals(table: Table, raw: object) -> Totals:
    """Return what the JSON *raw* asks for, or raise InvalidRow with the place of what is wrong."""
    values = raw.get("values") if isinstance(raw, dict) and set(raw) <= {"by", "values"} else None
    if not isinstance(values, dict) or not isinstance(raw, dict) or not 0 < len(values) <= 20:
        raise _no((), _BAD_FORM)
    by = raw.get("by", [])
    if not isinstance(by, list) or len(by) > 5:
        raise _no(("by",), _BAD_FORM)
    for i, name in enumerate(by):
        if not isinstance(name, str) or name not in table.fields:
            raise _no(("by", i), unknown_field(table.name))
        if table.fields[name].type == "json":
            raise _no(("by", i), _NOT_THIS_TYPE)
    if long := [name for name in values if len(name) > MAX_NAME]:
        raise _no(("values", long[0]), _LONG_NAME)
    read = {name: _function(table, one, ("values", name)) for name, one in values.items()}
    if clash := set(read) & set(by):
        raise _no(("values", min(clash)), _BAD_FORM)
    return Totals(tuple(dict.fromkeys(by)), read)


def _function(table: Table, raw: object, at: Sequence[str]) -> tuple[str, str]:
    match raw:
        case ["count"]:
            return "count", ""
        case [str(function), str(name)] if function in FUNCTIONS:
            if name not in table.fields:
                raise _no((*at, 1), unknown_field(table.name))
            kind = table.fields[name].type
            if kind in ("json", "boolean") and function in ("min", "max"):
                raise _no((*at, 0), _NOT_THIS_TYPE)
            if kind not in _NUMERIC and function in ("sum", "avg"):
                raise _no((*at, 0), _NOT_THIS_TYPE)
            return function, name
    raise _no(tuple(at), _BAD_FORM)


def _no(at: tuple[str | int, ...], text: Text) -> InvalidRow:
    return InvalidRow(None, (Detail(pointer("aggregate", *at), "query", text),))


_BAD_FORM = Text(
    'aggregate is {"by": [fields], "values": {name: ["count"] or [function, field]}}',
    'صيغة aggregate هي {"by": [حقول]، "values": {الاسم: ["count"] أو [الدالة، الحقل]}}',
)
_NOT_THIS_TYPE = Text("This is not for a field of this type", "هذا ليس لحقل من هذا النوع")
_TOO_MANY = Text("There are too many groups", "المجموعات أكثر من المسموح")
_TOO_LONG = Text("The groups are too long for one answer", "المجموعات أطول من أن يسعها رد واحد")
_LONG_NAME = Text(f"A name has at most {MAX_NAME} characters", f"للاسم {MAX_NAME} حرفًا على الأكثر")
