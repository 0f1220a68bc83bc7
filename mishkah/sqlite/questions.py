"""Questions as SQL: names come from the schema, values are bound, and answers are those of Python.

`mishkah.core.where` and `mishkah.core.query` say what a question means. Text compares by the bytes
of UTF-8, which is by code point; empty fields sort first; a condition is true or false, never NULL.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import apsw

from mishkah.core.query import Page, Question
from mishkah.core.schema import Row
from mishkah.core.where import Condition, Node
from mishkah.sqlite.reading import Mismatch
from mishkah.sqlite.tables import SqlTable, quoted, row_sum

Bound = list[Any]


def answer(db: apsw.Connection, sql: SqlTable, question: Question) -> Page:
    """Return the answer to *question* about the table of *sql*. Raises TooLarge, `Mismatch`."""
    if question.totals is None:
        return question.page(_rows(db, sql, question))
    groups = question.totals.begin()
    for row in _columns(db, sql, question, question.totals.fields):
        groups.add(row)
    return Page(list(groups.rows()), None)


def _rows(db: apsw.Connection, sql: SqlTable, question: Question) -> Iterator[tuple[Row, bytes]]:
    """Yield the rows of a page and the one after it, in order."""
    values: Bound = []
    wanted = [_filter(sql, question, values)]
    if question.after is not None:
        wanted.append(_behind(sql, question, values))
    ways = ", ".join(f"{quoted(name)} {'DESC' if down else 'ASC'}" for name, down in question.order)
    statement = f"{sql.choose} WHERE {' AND '.join(wanted)} ORDER BY {ways} LIMIT ?"
    for columns in db.execute(statement, (*values, question.limit + 1)):
        row, line, _ = checked(sql, columns)
        yield row, line


def checked(sql: SqlTable, columns: tuple[Any, ...]) -> tuple[Row, bytes, int]:
    """Return (row, its JSON, its seq), or raise `Mismatch` where it is not what was written."""
    row, seq, stored = sql.read(columns)
    line = sql.table.encode(row)
    if row_sum(sql.table.name, row[sql.table.primary_key], seq, line) != stored:
        raise Mismatch(f"a line of {sql.table.name} is not what was written")
    return row, line, seq


def _columns(
    db: apsw.Connection, sql: SqlTable, question: Question, fields: tuple[str, ...]
) -> Iterator[Row]:
    """Yield these *fields* of every row that the filter holds."""
    values: Bound = []
    where = _filter(sql, question, values)
    names = ", ".join(map(quoted, fields)) or "1"
    statement = f"SELECT {names} FROM {quoted(sql.table.name)} WHERE {where}"
    for columns in db.execute(statement, values):
        yield sql.read_some(fields, columns)


def _filter(sql: SqlTable, question: Question, values: Bound) -> str:
    return "1" if question.where is None else _node(sql, question.where.node, values)


def _node(sql: SqlTable, node: Node, values: Bound) -> str:
    """Return *node* as an expression that is 0 or 1; append what it binds to *values*."""
    if isinstance(node, Condition):
        return _condition(sql, node, values)
    parts = [_node(sql, part, values) for part in node.parts]
    if node.joined == "not":
        return f"NOT ({parts[0]})"
    return "(" + f" {node.joined.upper()} ".join(parts) + ")"


_SIMPLE: Mapping[str, str] = {"=": "{} IS ?", "null": "({} IS NULL) IS ?"}
_PRESENT: Mapping[str, str] = {
    "<": "{} < ?",
    "<=": "{} <= ?",
    ">": "{} > ?",
    ">=": "{} >= ?",
    "between": "{} BETWEEN ? AND ?",
    "contains": "instr({}, ?) > 0",
}
"""Operator → what holds where the field is not empty."""


def _condition(sql: SqlTable, condition: Condition, values: Bound) -> str:
    name, operator = quoted(condition.field), condition.operator
    several = operator in ("in", "between")
    given = condition.value if several else (condition.value,)
    if operator == "null":
        values.append(int(condition.value))
        return _SIMPLE["null"].format(name)
    bound = [sql.value(condition.field, value) for value in given]
    if operator == "prefix":
        values += [len(condition.value), *bound]
        return f"({name} IS NOT NULL AND substr({name}, 1, ?) = ?)"
    values += bound
    if operator == "=":
        return _SIMPLE["="].format(name)
    if operator == "in":
        holes = ", ".join("?" * len(bound))
        return f"({name} IS NOT NULL AND {name} IN ({holes}))"
    return f"({name} IS NOT NULL AND {_PRESENT[operator].format(name)})"


def _behind(sql: SqlTable, question: Question, values: Bound) -> str:
    """Return the expression that holds the rows after the cursor of *question*.

    These are the rows that are alike in the first fields of the order and behind in the next.
    """
    assert question.after is not None
    ways: list[str] = []
    alike: list[str] = []
    passed: Bound = []
    for value, (field, down) in zip(question.after, question.order, strict=True):
        name, bound = quoted(field), sql.value(field, value)
        if value is None:
            further = "0" if down else f"{name} IS NOT NULL"
        else:
            further = f"({name} < ? OR {name} IS NULL)" if down else f"{name} > ?"
        ways.append(" AND ".join([*alike, further]))
        values += [*passed, bound] if value is not None else passed
        alike.append(f"{name} IS ?")
        passed.append(bound)
    return "(" + " OR ".join(f"({way})" for way in ways) + ")"


def find_row(db: apsw.Connection, sql: SqlTable, identifier: str) -> tuple[int, bytes] | None:
    """Return (seq, JSON) of one row, or None. Raises `Mismatch`."""
    key = quoted(sql.table.primary_key)
    for columns in db.execute(f"{sql.choose} WHERE {key} = ?", (identifier,)):
        _, line, seq = checked(sql, columns)
        return seq, line
    return None
