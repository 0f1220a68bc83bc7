"""What a write makes of a row: values read, defaults and moments filled in, rules kept."""

from collections.abc import Collection, Container, Iterable
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

import msgspec

from mishkah.core.errors import Detail, InvalidRow, Text, pointer
from mishkah.core.schema import Field, Row, Table, unknown_field
from mishkah.core.values import Wrong, same, stamp

Known = Container[str]
"""The names of fields that who writes may know of."""


class _All:
    """All names."""

    def __contains__(self, name: object) -> bool:
        return True


ALL: Known = _All()


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """When a row is written, and whether by seeds and imports, which may set what is read-only.

    *local* is the moment in the branch's time zone, *now* its timestamp, *today* its date there.
    """

    local: datetime
    now: str
    today: str
    importing: bool = False

    def moment(self, field: Field) -> str:
        return self.today if field.type == "date" else self.now


@lru_cache(maxsize=64)
def occasion(at: datetime, zone: tzinfo, *, importing: bool) -> Occasion:
    """Return the occasion at *at*, which has a zone. The commands of a batch share one."""
    local = at.astimezone(zone)
    today = local.date().isoformat()
    return Occasion(local=local, now=stamp(at), today=today, importing=importing)


def complete(
    table: Table,
    data: Row,
    by: Occasion,
    wrong: list[Detail],
    *at: str | int,
    known: Known = ALL,
    ours: Collection[str] = (),
) -> dict[str, Any]:
    """Return the whole row that an insert of *data* makes; put what is amiss into *wrong*.

    Fields that are not *known* to who writes are told as none; those that are *ours* the house
    has filled.
    """
    given = _read(table, data, known, wrong, *at, ours=ours)
    absent = (f for f in table.fields.values() if f.default_now and f.name not in data)
    moments = _moments(absent, by, known, wrong, *at)
    row = {
        name: given.get(name) if name in data else moments.get(name, field.default)
        for name, field in table.fields.items()
    }
    if not by.importing:
        _keep_read_only(table, given, wrong, *at)
    broken = {detail.path for detail in wrong}
    _require(table, row, row, known, wrong, broken, *at)
    return row


def changed(
    table: Table,
    row: Row,
    changes: Row,
    by: Occasion,
    wrong: list[Detail],
    *at: str | int,
    unseen: Collection[str] = (),
    known: Known = ALL,
) -> dict[str, Any]:
    """Return the fields of *row* that *changes* gives another value, as they are kept.

    Those that are *unseen* count as changed whatever they had, lest an answer tell.
    """
    given = _read(table, changes, known, wrong, *at)
    broken = {detail.path for detail in wrong}
    _require(table, given, given, known, wrong, broken, *at)
    key = table.primary_key
    if key in given and given[key] != row[key]:
        text = Text(
            f"The primary key {key} can't be changed", f"لا يمكن تغيير المفتاح الأساسي {key}"
        )
        wrong.append(Detail(pointer(*at, key), "primaryKey", text))
    new = {
        name: value for name, value in given.items() if name in unseen or not same(value, row[name])
    }
    if not by.importing:
        _keep_read_only(table, new, wrong, *at)
    if new:
        stamped = (f for f in table.fields.values() if f.update_now and f.name not in changes)
        new |= _moments(stamped, by, known, wrong, *at)
    return new


def _moments(
    fields: Iterable[Field],
    by: Occasion,
    known: Known,
    wrong: list[Detail],
    *at: str | int,
) -> dict[str, str]:
    """Return the moment for each of *fields*: it obeys their rules like any other value."""
    moments: dict[str, str] = {}
    for field in fields:
        moment = moments[field.name] = by.moment(field)
        if field.limits is not None:
            try:
                field.limits.check(moment)
            except Wrong as no:
                wrong.append(_veiled(_detail(field.name, no, *at), field.name in known, *at))
    return moments


def _keep_read_only(table: Table, given: Row, wrong: list[Detail], *at: str | int) -> None:
    for name in given:
        if table.fields[name].read_only:
            text = Text(f"{name} can't be set", f"لا يمكن تعيين {name}")
            wrong.append(Detail(pointer(*at, name), "readOnly", text))


def _read(
    table: Table,
    data: Row,
    known: Known,
    wrong: list[Detail],
    *at: str | int,
    ours: Collection[str] = (),
) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in data.items():
        field = table.fields.get(name) if name in ours or name in known else None
        if field is None:
            wrong.append(Detail(pointer(*at, name), "unknown", unknown_field(table.name)))
            continue
        try:
            read[name] = None if value is None else field.read(value)
        except Wrong as no:
            wrong.append(_veiled(_detail(name, no, *at), name in known, *at))
    return read


def _require(
    table: Table,
    names: Row,
    row: Row,
    known: Known,
    wrong: list[Detail],
    broken: set[str],
    *at: str | int,
) -> None:
    for name in names:
        field = table.fields[name]
        if (field.required or field.primary_key) and row[name] is None:
            path = pointer(*at, name)
            if not any(p == path or p.startswith(path + "/") for p in broken):
                text = Text(f"{name} is required", f"الحقل {name} مطلوب")
                detail = Detail(path, "required", text)
                wrong.append(_veiled(detail, name in known, *at))


def _detail(field: str, no: Wrong, *at: str | int) -> Detail:
    said = Text(f"{field}: {no.text.en}", f"{field}: {no.text.ar}")
    return Detail(pointer(*at, field, *no.path), no.rule, said)


def _veiled(detail: Detail, known: bool, *at: str | int) -> Detail:
    """Return *detail*; of a field that who writes does not know, that there is one and no more."""
    return detail if known else Detail(pointer(*at) or "/", detail.rule, InvalidRow.text)
