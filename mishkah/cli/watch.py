"""`mishkah-trio watch`: what changes, a line for each, until ^C."""

import sys
from typing import Any

import rich_click as click

from mishkah.cli.common import printable
from mishkah.cli.lists import cell
from mishkah.cli.remote import Place, encoded, on_server, speak
from mishkah.cli.rows import where_option
from mishkah.client import Change, Database


@click.command()
@click.argument("table")
@where_option
@on_server
def watch(place: Place, table: str, where: Any) -> None:
    """Print what changes in TABLE, a line for each change, until ^C.

    With --where only rows that the filter holds; one that it holds no more has "left". When the
    connection is lost it is made again, and what was missed is printed. --token-file is read again
    each time, so that another token can be put there before this one runs out.
    """

    async def work(database: Database) -> None:
        count = len(database.list(table))
        click.echo(f"Watching {table}: {count} rows. Stop with ^C.", err=True)
        with database.subscribe(table) as changes:
            async for change in changes:
                click.echo(_line(change, place))

    token = place.token if place.token_file else place.given_token
    speak(place, work, tables=[table], where=where, token=token)


def _line(change: Change, place: Place) -> str:
    if place.as_json or not sys.stdout.isatty():
        told = {"operation": change.operation, "table": change.table, "id": change.id}
        left = {"reason": "left"} if change.left else {}
        return encoded({**told, **left, "row": change.new})
    if change.new is None:
        words = "left" if change.left else ""
    else:
        old = change.old or {}
        words = "  ".join(
            f"{name}: {cell(value)}" for name, value in change.new.items() if value != old.get(name)
        )
    return printable(f"{change.operation:<6}  {change.id}  {words}")
