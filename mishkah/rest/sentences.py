"""The sentences of refusals that a browser can foresee, as the core says them.

They are provoked, not repeated. Each stands under the name of its rule, with a word after a point
where a rule has several; ``{}`` is where a name or a number of the schema goes.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mishkah.core.adding import added
from mishkah.core.errors import Detail, Text, UnknownTable
from mishkah.core.filling import changed, complete, occasion
from mishkah.core.patterns import compiled
from mishkah.core.rules import Limits
from mishkah.core.schema import Field, Table, unknown_field
from mishkah.core.values import MAX_DIGITS, MAX_INTEGER, READERS, Wrong, read_key

NAME = "{}"


class _Most(int):
    """A bound that writes itself as the place for one."""

    def __format__(self, spec: str) -> str:
        return NAME


def _refused(check: Callable[[Any], object], value: Any) -> Text:
    try:
        check(value)
    except Wrong as no:
        return no.text
    raise AssertionError(f"{value!r} is taken")


def _values() -> Iterator[tuple[str, Text]]:
    for kind in READERS:
        if kind != "json":
            yield f"type.{kind}", _refused(READERS[kind], [])
    yield "text", _refused(READERS["text"], "\0")
    yield "range", _refused(READERS["integer"], MAX_INTEGER + 1)
    yield "range.digits", _refused(READERS["decimal"], 10**MAX_DIGITS)
    yield "key", _refused(read_key, "")
    yield "key.name", _refused(READERS["json"], {"__proto__": 1})


def _limits() -> Iterator[tuple[str, Text]]:
    yield "enum", _refused(Limits(enum=("a",)).check, "b")
    yield "maxLength", _refused(Limits(max_length=_Most(1)).check, "ab")
    yield "min", _refused(Limits(lowest=_Most(1)).check, 0)
    yield "max", _refused(Limits(highest=_Most(1)).check, 2)
    yield "pattern", _refused(Limits(pattern=compiled("a")).check, "b")
    check = Limits(shape={NAME: True}).check
    yield "shape.object", _refused(check, [])
    yield "shape.key", _refused(check, {"a": "b"})
    yield "shape.text", _refused(check, {NAME: 1})
    yield "shape.required", _refused(check, {})


def _rows() -> Iterator[tuple[str, Text]]:
    by = occasion(datetime.min.replace(tzinfo=UTC), UTC, importing=False)
    wrong: list[Detail] = []
    keyed = _table(Field(name=NAME, type="text", primary_key=True))
    complete(keyed, {}, by, wrong)  # required
    changed(keyed, {NAME: "a"}, {NAME: "b"}, by, wrong)  # primaryKey
    locked = _table(Field(name=NAME, type="text", read_only=True))
    complete(locked, {NAME: ""}, by, wrong)  # readOnly
    yield from ((detail.rule, detail.text) for detail in wrong)
    yield "unknown", unknown_field(NAME)
    yield "table", UnknownTable.text
    number = _table(Field(name=NAME, type="integer"))
    for name, add in (("number", {NAME: ""}), ("twice", {NAME: 1}), ("unknown", {"a": 1})):
        some: list[Detail] = []
        known = number.fields.keys()
        added(number, {NAME: 1}, add, {NAME: 1}, some, (), known)
        yield f"add.{name}", some[0].text


def _table(field: Field) -> Table:
    return Table(name=NAME, fields={field.name: field}, primary_key=NAME)


SENTENCES: Mapping[str, Text] = dict((*_values(), *_limits(), *_rows()))
