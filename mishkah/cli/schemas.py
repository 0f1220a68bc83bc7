"""`mishkah-trio schema`: a module's tables, as they are kept."""

from pathlib import Path

import msgspec
import rich_click as click

from mishkah.catalog import Catalog
from mishkah.cli.common import FINDINGS, data_option, json_option
from mishkah.cli.lists import show
from mishkah.cli.trouble import load_catalog, trouble
from mishkah.core.ids import StoreId
from mishkah.core.judging import Rules
from mishkah.core.schema import Schema

branch_option = click.option("--branch", help="The branch; the first that has it if left out.")
_json = msgspec.json.Encoder(decimal_format="number")


@click.group()
def schema() -> None:
    """Show a module's tables, their SQL and types, and how two branches differ."""


def _rules(catalog: Catalog, module: str, branch: str | None) -> Rules:
    """Return the rules of *module*, or raise LookupError."""
    for store in catalog.listed:
        if store.module == module and branch in (None, store.branch):
            return catalog.recipe(store).rules
    if branch is not None and (found := catalog.resolve(branch, module)) is not None:
        return catalog.recipe(StoreId(*found)).rules
    raise LookupError("There is no such module, or no such branch has it.")


def _schema(catalog: Catalog, module: str, branch: str | None) -> Schema:
    return _rules(catalog, module, branch).schema


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
@click.option("--lang", "language", type=click.Choice(["ts", "py"]), default="ts",
              help="TypeScript (ts, the default) or Python (py).")  # fmt: skip
@branch_option
@data_option
def types(module: str, language: str, branch: str | None, data: Path) -> None:
    """Write types for the rows of MODULE, and for what makes and changes them."""
    from mishkah.rowtypes.python import write_python
    from mishkah.rowtypes.typescript import write_typescript

    write = {"ts": write_typescript, "py": write_python}[language]
    with trouble():
        rules = _rules(load_catalog(data), module, branch)
        numbered = {name: [one.field for one in some] for name, some in rules.sequences.items()}
        click.echo(write(rules.schema, numbered), nl=False)


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
