"""`get`, `list`, `insert`, `update`, `delete`, `query`: the rows of a server that runs."""

from collections.abc import Awaitable, Callable
from typing import Any

import rich_click as click
import trio

from mishkah.cli.common import FINDINGS
from mishkah.cli.remote import (
    Place,
    given,
    json_value,
    named,
    objects,
    on_server,
    show_rows,
    speak,
)
from mishkah.client import Database, Insert, Write

PAGE = 1000
"""Rows that are asked for at a time."""

where_option = click.option(
    "--where",
    callback=json_value,
    metavar="JSON",
    help="""A filter, like '["status", "=", "open"]'.""",
)
order_option = click.option(
    "--order", "order", multiple=True, metavar="FIELD[:desc]",
    help="Sort by this field; may be given several times.",
)  # fmt: skip


fields_option = click.option("--fields", metavar="A,B", help="These fields only.")


def _fields(words: str | None) -> list[str] | None:
    return words.split(",") if words else None


def _order(words: tuple[str, ...]) -> list[list[str]]:
    order = []
    for word in words:
        field, _, way = word.partition(":")
        if way not in ("", "asc", "desc"):
            raise click.UsageError(f"{word}: it is FIELD, FIELD:asc or FIELD:desc.")
        order.append([field, way or "asc"])
    return order


@click.command()
@click.argument("table")
@click.argument("identifier", metavar="ID")
@on_server
def get(place: Place, table: str, identifier: str) -> None:
    """Show the row of TABLE whose primary key is ID; exit 1 where there is none."""
    found: list[dict[str, Any] | None] = []

    async def work(database: Database) -> None:
        found.append(database.get(table, identifier))

    _answered(place, work, tables=[table])
    if found == [None]:
        click.echo(f"There is no such row of {table}.", err=True)
        raise SystemExit(FINDINGS)
    show_rows(found, place)


@click.command("list")
@click.argument("table")
@where_option
@order_option
@fields_option
@click.option("--limit", type=click.IntRange(min=1), help="At most so many rows.")
@on_server
def list_rows(
    place: Place, table: str, where: Any, order: tuple[str, ...], fields: str | None,
    limit: int | None,
) -> None:  # fmt: skip
    """List the rows of TABLE, all of them unless told otherwise."""
    asked = {"where": where, "order": _order(order), "fields": _fields(fields)}

    async def work(database: Database) -> None:
        after, left = None, limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            with trio.fail_after(place.timeout):
                page = await database.query(table, **asked, limit=size, after=after)
            show_rows(page.rows, place)
            after, left = page.next, None if left is None else left - len(page.rows)
            if after is None:
                return

    speak(place, work)


@click.command()
@click.argument("table")
@click.argument("data", metavar="JSON")
@named
@on_server
def insert(place: Place, table: str, data: str, client: str | None, ref: str | None) -> None:
    """Add a row to TABLE, and show it as it is stored, with its numbers and defaults.

    JSON is an object, or a list of them; - reads stdin, where each line may be an object. Several
    rows are one transaction: all of them are added, or none.
    """
    rows = objects(given(data))

    def write(database: Database) -> Write:
        if len(rows) == 1:
            return database.insert(table, rows[0], ref=ref)
        return database.transaction([Insert(table=table, data=row) for row in rows], ref=ref)

    _write(place, write, client)


@click.command()
@click.argument("table")
@click.argument("identifier", metavar="ID")
@click.argument("changes", metavar="[JSON]", required=False)
@click.option("--add", callback=json_value, metavar="JSON",
              help="""Add to what numbers are by then, like '{"stock": -1}'.""")  # fmt: skip
@named
@on_server
def update(
    place: Place, table: str, identifier: str, changes: str | None, add: Any, client: str | None,
    ref: str | None,
) -> None:  # fmt: skip
    """Change fields of the row ID of TABLE, and show it as it is stored then.

    JSON is an object of fields and their new values; - reads stdin.
    """
    if changes is None and add is None:
        raise click.UsageError("Say what changes: a JSON object, or --add.")
    fields = None if changes is None else objects(given(changes))[0]
    if add is not None and not isinstance(add, dict):
        raise click.UsageError("--add takes a JSON object of fields and numbers.")
    _write(place, lambda db: db.update(table, identifier, fields, add=add, ref=ref), client)


@click.command()
@click.argument("table")
@click.argument("identifier", metavar="ID")
@named
@on_server
def delete(place: Place, table: str, identifier: str, client: str | None, ref: str | None) -> None:
    """Take the row ID of TABLE away."""
    _write(place, lambda database: database.delete(table, identifier, ref=ref), client)


@click.command()
@click.argument("table")
@where_option
@order_option
@click.option("--limit", type=click.IntRange(1, PAGE), help="At most so many rows; 100 without.")
@click.option("--after", metavar="CURSOR", help="The page after the one that named this.")
@fields_option
@click.option("--aggregate", callback=json_value, metavar="JSON",
              help="""Sums in place of rows, like '{"values": {"n": ["count"]}}'.""")  # fmt: skip
@on_server
def query(
    place: Place, table: str, where: Any, order: tuple[str, ...], limit: int | None,
    after: str | None, fields: str | None, aggregate: Any,
) -> None:  # fmt: skip
    """Ask one question about TABLE; where there is more, stderr says how to go on."""
    asked = {"where": where, "order": _order(order), "limit": limit, "after": after,
             "fields": _fields(fields), "aggregate": aggregate}  # fmt: skip

    async def work(database: Database) -> None:
        page = await database.query(table, **asked)
        show_rows(page.rows, place)
        if page.next is not None:
            click.echo(f"There is more: --after {page.next}", err=True)

    _answered(place, work)


def _write(place: Place, write: Callable[[Database], Write], client: str | None) -> None:
    async def work(database: Database) -> None:
        written = write(database)
        made = await written
        if written.dup:
            click.echo("It was done before; nothing has changed.", err=True)
        show_rows(made if isinstance(made, list) else [made], place)

    _answered(place, work, client=client)


def _answered(place: Place, work: Callable[[Database], Awaitable[None]], **how: Any) -> None:
    async def in_time(database: Database) -> None:
        with trio.fail_after(place.timeout):
            await work(database)

    speak(place, in_time, **how)
