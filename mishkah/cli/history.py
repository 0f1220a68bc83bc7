"""`mishkah-trio history`: what was done to one row, by whom, and when."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from mishkah.cli.common import FINDINGS, data_option, json_option, of_branch, of_module
from mishkah.cli.lists import draw
from mishkah.cli.remote import encoded
from mishkah.cli.trouble import file_of, load_catalog, there, trouble
from mishkah.core.commit import Commit
from mishkah.core.history import Done, done
from mishkah.core.schema import Table
from mishkah.sqlite import read_row_history

COLUMNS = ["seq", "time", "user", "device", "client", "operation", "field", "old", "new"]


@click.command()
@click.argument("table")
@click.argument("identifier", metavar="ID")
@of_branch
@of_module
@data_option
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True,
              help="How many commits, the newest first.")  # fmt: skip
@json_option
def history(
    table: str, identifier: str, branch: str, module: str, data: Path, limit: int, as_json: bool
) -> None:
    """Show who changed the row of TABLE whose primary key is ID, when, and how; gone or not.

    The store may be served meanwhile. Exit code 1 where the log knows no such row.
    """
    with trouble():
        catalog = load_catalog(data)
        store = there(catalog.kept(branch, module))
        shown = catalog.recipe(store).rules.schema.tables.get(table)
        if shown is None:
            raise LookupError(f"There is no table {table}.")
        commits = read_row_history(file_of(catalog, store), module, table, identifier, limit)
    if as_json or not _for_a_person():
        for commit in commits:
            for line in _lines(commit, shown):
                click.echo(encoded(line))
    elif commits:
        drawn = [row for commit in commits for one in done(commit, shown) for row in _rows(one)]
        draw(drawn, COLUMNS)
    if not commits:
        raise SystemExit(FINDINGS)


def _for_a_person() -> bool:
    return sys.stdout.isatty()


def _lines(commit: Commit, table: Table) -> Iterator[dict[str, Any]]:
    """Yield all that is known; here the token too, whose id `token revoke` takes."""
    for one in done(commit, table):
        yield {**msgspec.structs.asdict(one), "session": commit.session}


def _rows(one: Done) -> Iterator[dict[str, Any]]:
    """Yield a line for each field; the first says what they have in common."""
    row: dict[str, Any] = {
        **one.by, "seq": one.seq, "time": one.timestamp, "operation": one.operation,
    }  # fmt: skip
    for name, value in one.fields.items():
        yield {**row, "field": name, "old": value.old, "new": value.new}
        row = {}
    if row:
        yield row
