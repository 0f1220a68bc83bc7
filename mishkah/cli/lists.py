"""How a list is shown: a table on a terminal, tab-separated lines in a pipe, or JSON."""

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import rich_click as click

from mishkah.cli.common import printable


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print *rows*; JSON has all of their keys, the others the *columns*."""
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
        return
    if sys.stdout.isatty():
        draw(rows, columns)
        return
    for row in rows:
        click.echo("\t".join(cell(row[column]) for column in columns))


def draw(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Draw a table of *rows* for a person; what a row does not have is left empty."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(cell(row.get(column))) for column in columns))
    Console().print(table)


def cell(value: object) -> str:
    """Return *value* as a person reads it, on one line."""
    match value:
        case None:
            return ""
        case {"en": str(en), "ar": str(ar)}:
            return printable(f"{en} · {ar}")
        case list() | tuple():
            return ", ".join(map(cell, value))
        case str() | Decimal():
            return printable(str(value))
    return printable(msgspec.json.encode(value).decode())
