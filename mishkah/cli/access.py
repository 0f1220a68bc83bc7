"""`mishkah-trio access`: what roles come to."""

from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from mishkah.catalog import Catalog
from mishkah.cli.common import data_option, json_option
from mishkah.cli.lists import show
from mishkah.cli.trouble import load_catalog, trouble
from mishkah.core.grants import DEEDS
from mishkah.core.ids import StoreId


@click.group()
def access() -> None:
    """Show who may do what."""


@access.command("show")
@click.option("--role", "roles", multiple=True, help="A role; all of them if left out.")
@click.option("--branch", help="A branch; all that are listed if left out.")
@click.option("--module", help="A module; all if left out.")
@click.option("--user", help="The user for whom rules that say $user count.")
@data_option
@json_option
def show_access(
    roles: tuple[str, ...],
    branch: str | None,
    module: str | None,
    user: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Show what roles may do with each table: with which fields, and with which rows.

    Tables of which a role may do nothing are left out.
    """
    from mishkah.granted import granted

    with trouble():
        catalog = load_catalog(data)
        names = roles or tuple(catalog.roles)
        stores = _stores(catalog, branch, module)
        lines = [line for role in names for line in granted(catalog, role, stores, user)]
        for role in names:
            if user is None and catalog.roles[role].asks_user:
                click.echo(f"{role} has rules that say $user: name one with --user.", err=True)
    if not as_json:
        lines = [{**line, **{deed: _said(line[deed]) for deed in DEEDS}} for line in lines]
    show(lines, ["role", "branch", "module", "table", *DEEDS], as_json=as_json)


def _stores(catalog: Catalog, branch: str | None, module: str | None) -> list[StoreId]:
    """Return the stores that are meant. Raises LookupError where there is none."""
    found = [
        store
        for store in catalog.listed
        if branch in (None, store.branch) and module in (None, store.module)
    ]
    if not found and branch is not None:  # one that a pattern may open
        modules = catalog.branches.modules_of(branch) or ()
        found = [StoreId(branch, one) for one in modules if module in (None, one)]
    if not found:
        raise LookupError("There is no such branch, or it has no such module.")
    return found


def _said(leave: dict[str, Any] | None) -> str | None:
    """Return what one deed may be done with, as a person reads it."""
    if leave is None:
        return None
    fields = "all" if leave["fields"] is None else ", ".join(leave["fields"])
    if leave["where"] is None:
        return fields
    return f"{fields} where {msgspec.json.encode(leave['where']).decode()}"
