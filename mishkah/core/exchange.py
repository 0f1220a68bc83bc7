"""Rows as files carry them: the guide's JSON, a line of JSON each, or CSV; both ways."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mishkah.core import csvlines
from mishkah.core.errors import Finding
from mishkah.core.schema import Field, Row, Schema, Table
from mishkah.core.state import State
from mishkah.core.strictjson import loads

Line = tuple[str, str, dict[str, Any]]
"""(place in the file, table, row)"""

_encode = msgspec.json.Encoder(decimal_format="number").encode


def rows_of(state: State, tables: tuple[str, ...]) -> Iterator[tuple[Table, dict[str, Any], bytes]]:
    """Yield (table, row, its JSON) of *tables*, or of all where none is named.

    What is secret is left out.
    """
    for name, rows in state.tables.items():
        if not tables or name in tables:
            table = rows.table.public
            for record in rows.records.values():
                row = rows.table.decode(record.json)
                line = table.trim(record.json, row)
                yield table, {field: row[field] for field in table.fields}, line


def as_seeds(state: State, tables: tuple[str, ...], meta: Row) -> Iterator[bytes]:
    """Yield the guide's seeds, ``{"version", "meta", "tables"}``, a row a line."""
    yield b'{"version": 1, "meta": ' + _encode(meta) + b', "tables": {'
    wanted = [name for name in state.tables if not tables or name in tables]
    for i, name in enumerate(wanted):
        yield b"%b\n%b: [" % (b"," if i else b"", _encode(name))
        rows = state.tables[name]
        table = rows.table.public
        for j, record in enumerate(rows.records.values()):
            yield (b",\n" if j else b"\n") + table.trim(record.json)
        yield b"\n]"
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
    """Yield one table as CSV in UTF-8: an empty field is an empty cell, an empty text is ``""``."""
    definition = state.schema.tables[table].public
    yield csvlines.written(list(definition.fields))
    for _, row, _ in rows_of(state, (table,)):
        cells = [_cell(definition.fields[name], value) for name, value in row.items()]
        yield csvlines.written(cells)


def _cell(field: Field, value: Any) -> str | None:
    if value is None:
        return None
    if field.type in ("json", "boolean"):
        return _encode(value).decode()
    return format(value, "f") if field.type == "decimal" else str(value)


def read_ndjson(file: str, content: str, findings: list[Finding]) -> Iterator[Line]:
    """Yield the lines of ``{"table", "data"}``; what is wrong is added to *findings*."""
    for i, text in enumerate(content.split("\n"), 1):
        place = f"line {i}"
        if not text.strip():
            continue
        try:
            match loads(text):
                case {"table": str(table), "data": dict(row), **rest} if not rest:
                    yield place, table, row
                case _:
                    findings.append(Finding(file, place, 'this is not {"table", "data"}'))
        except json.JSONDecodeError:
            findings.append(Finding(file, place, "this is not JSON"))
        except ValueError as error:
            findings.append(Finding(file, place, f"this can't be read: {error}"))


def read_csv(
    file: str, content: str, table: str, schema: Schema, findings: list[Finding]
) -> Iterator[Line]:
    """Yield the lines of one table; the first line has the fields' names.

    What is wrong is added to *findings*.
    """
    definition = schema.tables.get(table)
    if definition is None:
        findings.append(Finding(file, "line 1", f"there is no table {table}"))
        return
    try:
        lines = csvlines.read(content)
        _, names = next(lines, (1, []))
        if wrong := _wrong_names(names):
            findings.append(Finding(file, "line 1", wrong))
            return
        for number, cells in lines:
            place = f"line {number}"
            if len(cells) != len(names):
                wrong = f"it has {len(cells)} cells, not {len(names)}"
                findings.append(Finding(file, place, wrong))
                continue
            row: dict[str, Any] = {}
            for name, cell in zip(map(str, names), cells, strict=True):
                try:
                    row[name] = _value(definition.fields.get(name), cell)
                except ValueError:
                    findings.append(Finding(file, f"{place}.{name}", "this is not JSON"))
            if len(row) == len(names):
                yield place, table, row
    except csvlines.NotCsv as error:
        findings.append(Finding(file, f"line {error.line}", f"this is not CSV: {error}"))


def _wrong_names(names: Sequence[str | None]) -> str:
    if not all(names):
        return "the first line has the names of fields, and one is empty"
    twice = [name for name in names if names.count(name) > 1]
    return f"the first line has {twice[0]} twice" if twice else ""


def _value(field: Field | None, cell: str | None) -> Any:
    """Return what *cell* says; a number that does not read as one stays text, to be refused.

    Raises ValueError for a json cell that is not JSON.
    """
    if field is None or cell is None or field.type == "text":
        return cell
    if cell == "" or field.type in ("date", "timestamp"):
        return cell or None
    try:
        return loads(cell)
    except ValueError:
        if field.type == "json":
            raise
        return cell
