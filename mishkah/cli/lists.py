"""How a list is shown: a table on a terminal, tab-separated lines in a pipe, or JSON."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import rich_click as click

from mishkah.cli.common import printable


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print *rows*; JSON has all of their keys, the others the *columns*."""
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
        return
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    if not sys.stdout.isatty():
        for line in cells:
            click.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for line in cells:
        table.add_row(*map(Text, line))
    Console().print(table)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case {"en": str(en), "ar": str(ar)}:
            return printable(f"{en} · {ar}")
        case list() | tuple():
            return ", ".join(map(_cell, value))
        case str():
            return printable(value)
    return printable(msgspec.json.encode(value).decode())
