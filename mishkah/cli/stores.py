"""`backup`, `restore` and `migrate`: what an operator does to whole stores."""

import contextlib
from pathlib import Path

import msgspec
import rich_click as click

from mishkah.catalog import Catalog
from mishkah.cli.common import FINDINGS, data_option, json_option
from mishkah.cli.trouble import load_catalog, there, trouble
from mishkah.clock import wall_clock
from mishkah.core.ids import StoreId, folder_name
from mishkah.core.schema import Schema
from mishkah.lock import locked
from mishkah.sqlite import Plan, StoreFile, back_up
from mishkah.sqlite import restore as put_back

branch_option = click.option("--branch", help="Of this branch only.")
module_option = click.option("--module", help="Of this module only.")


def _schema(catalog: Catalog, store: StoreId) -> Schema:
    return catalog.recipe(store).rules.schema


def _chosen(catalog: Catalog, branch: str | None, module: str | None) -> list[StoreId]:
    """Return the stores on disk that are meant. Raises LookupError where none is."""
    found = [
        store
        for store in catalog.on_disk()
        if branch in (None, store.branch) and module in (None, store.module)
    ]
    if not found:
        raise LookupError("There is no such store on disk.")
    return found


def _now() -> str:
    return wall_clock().strftime("%Y%m%dT%H%M%S%fZ")


@click.command()
@data_option
@branch_option
@module_option
@click.option("--to", "target", type=click.Path(path_type=Path), default=Path("backups"),
              show_default=True, help="The folder that takes the copies.")  # fmt: skip
@json_option
def backup(data: Path, branch: str | None, module: str | None, target: Path, as_json: bool) -> None:
    """Copy stores, while they are served, and verify each copy."""
    done: list[dict[str, object]] = []
    with trouble():
        catalog = load_catalog(data)
        for store in _chosen(catalog, branch, module):
            name = f"{folder_name(store.branch)}-{folder_name(store.module)}-{_now()}.sqlite3"
            seq = back_up(catalog.store_path(store), target / name, _schema(catalog, store))
            done.append({"store": str(store), "file": str(target / name), "seq": seq})
            click.echo(f"{store}: {target / name} (commit {seq}, verified)", err=True)
    if as_json:
        click.echo(msgspec.json.encode(done).decode())


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--branch", required=True, help="The branch whose store is replaced.")
@click.option("--module", required=True, help="The module whose store is replaced.")
@data_option
def restore(file: Path, branch: str, module: str, data: Path) -> None:
    """Put the backup FILE in the place of a store; the server must be stopped.

    The store that was there is kept in the module's history folder. The restored one has a new
    epoch, so that clients that saw the other history start afresh.
    """
    with trouble():
        catalog = load_catalog(data)
        store = there(catalog.kept(branch, module))
        aside = catalog.history(store) / f"replaced-{_now()}.sqlite3"
        with locked(catalog.data):
            path = catalog.store_path(store)
            path.parent.mkdir(parents=True, exist_ok=True)
            seq = put_back(file, path, aside, _schema(catalog, store))
        kept = f"; what was there is {aside}" if aside.exists() else ""
        click.echo(f"{store} is at commit {seq} of {file}{kept}", err=True)


@click.group()
def migrate() -> None:
    """Bring stores to a schema that takes something away; the server must be stopped.

    What loses nothing is done by itself when the server starts.
    """


@migrate.command()
@data_option
@branch_option
@module_option
@json_option
def plan(data: Path, branch: str | None, module: str | None, as_json: bool) -> None:
    """Say what would change and what would be lost; nothing is done.

    Exit code 1 where something would be lost, or where rows break a new rule.
    """
    plans: dict[str, Plan] = {}
    with trouble():
        catalog = load_catalog(data)
        with locked(catalog.data):
            for store in _chosen(catalog, branch, module):
                plans[str(store)] = _plan(catalog, store)
    if as_json:
        click.echo(msgspec.json.encode(plans).decode())
    for name, each in plans.items():
        for line in each.lines() or ["nothing changes"]:
            click.echo(f"{name}: {line}", err=True)
    if any(each.loses or each.broken for each in plans.values()):
        raise SystemExit(FINDINGS)


def _plan(catalog: Catalog, store: StoreId) -> Plan:
    schema = _schema(catalog, store)
    with contextlib.closing(StoreFile(catalog.store_path(store), schema, as_is=True)) as file:
        return file.plan_for(schema)


@migrate.command()
@data_option
@branch_option
@module_option
@click.option("--yes", is_flag=True, help="Don't ask before something is lost.")
def apply(data: Path, branch: str | None, module: str | None, yes: bool) -> None:
    """Do what `migrate plan` says, after a backup into the module's history folder."""
    with trouble():
        catalog = load_catalog(data)
        with locked(catalog.data):
            for store in _chosen(catalog, branch, module):
                _apply(catalog, store, yes)


def _apply(catalog: Catalog, store: StoreId, yes: bool) -> None:
    found = _plan(catalog, store)
    for line in found.lines() or ["nothing changes"]:
        click.echo(f"{store}: {line}", err=True)
    if not found.steps:
        return
    if found.loses and not yes:
        click.confirm(f"{store}: go on, and lose this?", abort=True, err=True)
    path, schema = catalog.store_path(store), _schema(catalog, store)
    copy = catalog.history(store) / f"before-migration-{_now()}.sqlite3"
    back_up(path, copy, schema)
    StoreFile(path, schema, losing=True).close()
    click.echo(f"{store}: done; what was there before is {copy}", err=True)
