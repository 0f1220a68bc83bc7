"""`mishkah-trio schema`: a module's tables, as they are kept."""

from pathlib import Path

import msgspec
import rich_click as click

from mishkah.catalog import Catalog
from mishkah.cli.common import FINDINGS, data_option, json_option
from mishkah.cli.lists import show
from mishkah.cli.trouble import load_catalog, trouble
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema

branch_option = click.option("--branch", help="The branch; the first that has it if left out.")
_json = msgspec.json.Encoder(decimal_format="number")


@click.group()
def schema() -> None:
    """Show a module's tables, their SQL, and how two branches differ."""


def _schema(catalog: Catalog, module: str, branch: str | None) -> Schema:
    """Return the schema of *module*, or raise LookupError."""
    for store in catalog.listed:
        if store.module == module and branch in (None, store.branch):
            return catalog.recipe(store).rules.schema
    if branch is not None and (found := catalog.resolve(branch, module)) is not None:
        return catalog.recipe(StoreId(*found)).rules.schema
    raise LookupError("There is no such module, or no such branch has it.")


@schema.command("show")
@click.argument("module")
@branch_option
@data_option
@json_option
def show_schema(module: str, branch: str | None, data: Path, as_json: bool) -> None:
    """Show the tables and fields of MODULE with every rule that is in force."""
    from mishkah.describing import describe

    with trouble():
        described = describe(_schema(load_catalog(data), module, branch))
        if as_json:
            click.echo(_json.encode(described).decode())
            return
        for name, table in described["tables"].items():
            click.echo(name)
            for field, rules in table["fields"].items():
                kind, *others = [f"{k}: {_json.encode(v).decode()}" for k, v in rules.items()]
                click.echo(f"  {field}: " + "  ".join([kind[7:-1], *others]))
            for index in table["indexes"]:
                unique = "unique " if index["unique"] else ""
                click.echo(f"  {unique}index: {', '.join(index['fields'])}")


@schema.command()
@click.argument("module")
@branch_option
@data_option
@json_option
def sql(module: str, branch: str | None, data: Path, as_json: bool) -> None:
    """Write the SQL that makes the tables of MODULE."""
    from mishkah.sqlite.tables import ddl

    with trouble():
        statements = list(ddl(_schema(load_catalog(data), module, branch)))
        if as_json:
            click.echo(_json.encode(statements).decode())
            return
        for statement in statements:
            click.echo(f"{statement};")


@schema.command()
@click.argument("module")
@click.option("--branch", "branches", multiple=True, required=True,
              help="Given twice: the branch with the old schema, then the other.")  # fmt: skip
@data_option
@json_option
def diff(module: str, branches: tuple[str, ...], data: Path, as_json: bool) -> None:
    """Say how MODULE differs between two branches; exit 1 where it does."""
    from mishkah.describing import describe, differences

    if len(branches) != 2:
        raise click.UsageError("Name two branches: --branch OLD --branch NEW.")
    with trouble():
        catalog = load_catalog(data)
        old, new = (describe(_schema(catalog, module, branch)) for branch in branches)
        found = msgspec.json.decode(_json.encode(list(differences(old, new))))
        show(found, ["change", "what", "old", "new"], as_json=as_json)
    if found:
        raise SystemExit(FINDINGS)
