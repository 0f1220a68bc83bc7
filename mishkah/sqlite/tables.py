"""How rows lie in SQLite: real typed tables, and a checksum of everything that is kept.

Decimals of 15 digits survive SQLite's doubles (IEEE 754 keeps 15 decimal digits), so they are
bound as doubles and read back through their shortest spelling.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec

from mishkah.core.commit import Change
from mishkah.core.schema import Index, Row, Schema, Table
from mishkah.core.values import number

SQL_TYPES = {
    "text": "TEXT",
    "integer": "INTEGER",
    "decimal": "NUMERIC",
    "boolean": "INTEGER",
    "date": "TEXT",
    "timestamp": "TEXT",
    "json": "TEXT",
}

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=number).decode

_TO_SQL: dict[str, Callable[[Any], Any]] = {
    "decimal": float,
    "boolean": int,
    "json": lambda value: _encode(value).decode(),
}
_FROM_SQL: dict[str, Callable[[Any], Any]] = {
    "decimal": lambda value: number(repr(value)) if isinstance(value, float) else value,
    "boolean": bool,
    "json": lambda value: _decode(value.encode()),
}


def quoted(name: str) -> str:
    """Return *name*, which comes from a schema, as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def ddl(schema: Schema) -> Iterator[str]:
    """Yield the statements that make the tables and indexes of *schema*."""
    for table in schema.tables.values():
        columns = [
            f"{quoted(field.name)} {SQL_TYPES[field.type]}"
            + (" PRIMARY KEY NOT NULL" if field.primary_key else "")
            for field in table.fields.values()
        ]
        columns += ["_seq INTEGER NOT NULL", "_sum INTEGER NOT NULL"]
        lines = ",\n  ".join(columns)
        yield f"CREATE TABLE IF NOT EXISTS {quoted(table.name)} (\n  {lines}\n)"
        for index in table.indexes:
            unique = "UNIQUE " if index.unique else ""
            name = quoted(_index_name(schema, table, index))
            fields = ", ".join(quoted(field) for field in index.fields)
            yield f"CREATE {unique}INDEX IF NOT EXISTS {name}\nON {quoted(table.name)}({fields})"


def _index_name(schema: Schema, table: Table, index: Index) -> str:
    """Return the index's name: ``idx_table_field``, and more where two would have one name."""
    plain = _plain_name(table, index)
    plains = [_plain_name(t, i) for t in schema.tables.values() for i in t.indexes]
    return plain if plains.count(plain) == 1 else f"{plain}_{checksum(table.name, index.fields)}"


def _plain_name(table: Table, index: Index) -> str:
    return "_".join(["idx", table.name, *index.fields]).lower()


def checksum(*values: object) -> int:
    """Return the CRC-32 of what one line of a table says; bytes are given as their hex digits."""
    return crc32(_encode(values))


def row_sum(table: str, identifier: str, seq: int, line: bytes) -> int:
    """Return the CRC-32 of one row: which it is, which commit wrote it, and what it says."""
    return crc32(line, crc32(f"{table}\0{identifier}\0{seq}".encode()))


class SqlTable:
    """The statements of one table, and its rows on their way in and out."""

    def __init__(self, table: Table) -> None:
        self.table = table
        fields = list(table.fields.values())
        self._converted = [(i, _TO_SQL[f.type]) for i, f in enumerate(fields) if f.type in _TO_SQL]
        self._from = [(f.name, _FROM_SQL.get(f.type)) for f in fields]
        name = quoted(table.name)
        columns = [quoted(f.name) for f in fields] + ["_seq", "_sum"]
        key = quoted(table.primary_key)
        holes = ",".join("?" * len(columns))
        self.insert = f"INSERT INTO {name} ({','.join(columns)}) VALUES ({holes})"
        setters = ",".join(f"{column}=?" for column in columns)
        self.update = f"UPDATE {name} SET {setters} WHERE {key}=?"
        self.delete = f"DELETE FROM {name} WHERE {key}=?"
        self.choose = f"SELECT {','.join(columns)} FROM {name}"
        self.select = f"{self.choose} ORDER BY _rowid_"

    def bind(self, change: Change, seq: int) -> tuple[Any, ...]:
        """Return the columns of a row that is there after *change*."""
        assert change.new is not None
        stored = row_sum(self.table.name, change.id, seq, change.json)
        return (*self.columns(change.new), seq, stored)

    def columns(self, row: Row) -> list[Any]:
        """Return the values of *row*, which has all fields in their order, as SQLite takes them."""
        columns = list(row.values())
        for i, convert in self._converted:
            if columns[i] is not None:
                columns[i] = convert(columns[i])
        return columns

    def value(self, field: str, kept: Any) -> Any:
        """Return *kept*, a value of *field*, as SQLite takes it."""
        convert = _TO_SQL.get(self.table.fields[field].type)
        return kept if convert is None or kept is None else convert(kept)

    def read_some(self, fields: Sequence[str], columns: Sequence[Any]) -> dict[str, Any]:
        """Return *fields* of a row whose *columns* these are."""
        row = {}
        for name, column in zip(fields, columns, strict=False):
            convert = _FROM_SQL.get(self.table.fields[name].type)
            row[name] = column if convert is None or column is None else convert(column)
        self.table.restore_decimals(row)
        return row

    def read(self, columns: tuple[Any, ...]) -> tuple[dict[str, Any], int, int]:
        """Return (row, seq, checksum) of one line of `select`."""
        row = {
            name: value if convert is None or value is None else convert(value)
            for (name, convert), value in zip(self._from, columns, strict=False)
        }
        self.table.restore_decimals(row)
        return row, columns[-2], columns[-1]

    def sum_before(self, change: Change) -> int:
        """Return the checksum that the row of *change* had before it."""
        before: Row | None = change.before()
        if before is None:
            return 0
        return row_sum(self.table.name, change.id, change.was, self.table.encode(before))


SqlTables = Mapping[str, SqlTable]
"""The tables of one schema by their names."""
