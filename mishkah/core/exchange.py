"""Rows as files carry them: the guide's JSON, a line of JSON each, or CSV; both ways."""

import csv
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from mishkah.core.errors import Finding
from mishkah.core.schema import Field, Row, Schema, Table
from mishkah.core.state import State
from mishkah.core.values import number

Line = tuple[str, str, dict[str, Any]]
"""(place in the file, table, row)"""

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=number).decode


def rows_of(state: State, tables: tuple[str, ...]) -> Iterator[tuple[Table, dict[str, Any], bytes]]:
    """Yield (table, row, its JSON) of *tables*, or of all where none is named."""
    for name, rows in state.tables.items():
        if not tables or name in tables:
            for record in rows.records.values():
                yield rows.table, rows.table.decode(record.json), record.json


def as_seeds(state: State, tables: tuple[str, ...], meta: Row) -> Iterator[bytes]:
    """Yield the guide's seeds, ``{"version", "meta", "tables"}``, a row a line."""
    yield b'{"version": 1, "meta": ' + _encode(meta) + b', "tables": {'
    wanted = [name for name in state.tables if not tables or name in tables]
    for i, name in enumerate(wanted):
        lines = [record.json for record in state.tables[name].records.values()]
        yield b"%b\n%b: [" % (b"," if i else b"", _encode(name))
        yield b",".join(b"\n" + line for line in lines) + b"\n]"
    yield b"\n}}\n"


def as_events(state: State, tables: tuple[str, ...], meta: Row, at: str) -> Iterator[bytes]:
    """Yield the guide's live data, ``{"version", "meta", "events"}``: an INSERT for each row."""
    yield b'{"version": 1, "meta": ' + _encode(meta) + b', "events": ['
    for i, (table, _, line) in enumerate(rows_of(state, tables)):
        head = b'%b\n{"id": "evt_%06d", "type": "INSERT", ' % (b"," if i else b"", i + 1)
        what = b'"table": %b, "data": %b' % (_encode(table.name), line)
        yield b'%b%b, "timestamp": %b}' % (head, what, _encode(at))
    yield b"\n]}\n"


def as_ndjson(state: State, tables: tuple[str, ...]) -> Iterator[bytes]:
    """Yield ``{"table", "data"}`` for each row, a line each."""
    for table, _, line in rows_of(state, tables):
        yield b'{"table":%b,"data":%b}\n' % (_encode(table.name), line)


def as_csv(state: State, table: str) -> Iterator[bytes]:
    """Yield one table as CSV (RFC 4180) in UTF-8; an empty cell is an empty field."""
    definition = state.schema.tables[table]
    yield _csv_line(list(definition.fields))
    for _, row, _ in rows_of(state, (table,)):
        yield _csv_line([_cell(definition.fields[name], value) for name, value in row.items()])


def _csv_line(cells: list[str]) -> bytes:
    line: list[str] = []
    csv.writer(_Written(line)).writerow(cells)
    return "".join(line).encode()


class _Written(NamedTuple):
    """A file for `csv.writer`, in memory."""

    parts: list[str]

    def write(self, part: str) -> None:
        self.parts.append(part)


def _cell(field: Field, value: Any) -> str:
    if value is None:
        return ""
    if field.type in ("json", "boolean"):
        return _encode(value).decode()
    return format(value, "f") if field.type == "decimal" else str(value)


def read_ndjson(file: str, content: str, findings: list[Finding]) -> Iterator[Line]:
    for i, text in enumerate(content.split("\n"), 1):
        place = f"line {i}"
        if not text.strip():
            continue
        try:
            match json.loads(text, parse_float=number):
                case {"table": str(table), "data": dict(row), **rest} if not rest:
                    yield place, table, row
                case _:
                    findings.append(Finding(file, place, 'this is not {"table", "data"}'))
        except (ValueError, RecursionError):
            findings.append(Finding(file, place, "this is not JSON"))


def read_csv(
    file: str, content: str, table: str, schema: Schema, findings: list[Finding]
) -> Iterator[Line]:
    """Yield the lines of one table; the first line has the fields' names."""
    definition = schema.tables.get(table)
    if definition is None:
        findings.append(Finding(file, "line 1", f"there is no table {table}"))
        return
    reader = csv.reader((f"{line}\n" for line in content.split("\n")), strict=True)
    try:
        names = next(reader, [])
        for cells in reader:
            if not cells:
                continue
            place = f"line {reader.line_num}"
            if len(cells) != len(names):
                findings.append(
                    Finding(file, place, f"it has {len(cells)} cells, not {len(names)}")
                )
                continue
            yield (
                place,
                table,
                {
                    name: _value(definition.fields.get(name), cell)
                    for name, cell in zip(names, cells, strict=True)
                },
            )
    except csv.Error as error:
        findings.append(Finding(file, f"line {reader.line_num}", f"this is not CSV: {error}"))


def _value(field: Field | None, cell: str) -> Any:
    """Return what *cell* says; what does not read as its type stays text, to be refused."""
    if cell == "":
        return None
    if field is None or field.type in ("text", "date", "timestamp"):
        return cell
    try:
        return _decode(cell.encode())
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return cell
