"""`mishkah-trio openapi`: a module's REST interface, for generators of clients."""

from pathlib import Path

import msgspec
import rich_click as click

from mishkah.cli.common import data_option
from mishkah.cli.schemas import branch_option
from mishkah.cli.trouble import load_catalog, trouble
from mishkah.rest.openapi import describe_api

_json = msgspec.json.Encoder(decimal_format="number")


@click.command()
@branch_option
@click.option("--module", help="The module; the branch's first if left out.")
@data_option
def openapi(branch: str | None, module: str | None, data: Path) -> None:
    """Write the OpenAPI 3.1 description of one module of one branch."""
    with trouble():
        catalog = load_catalog(data)
        if branch is None and module is not None:
            stores = (store for store in catalog.listed if store.module == module)
            store = next(stores, None)
        else:
            store = catalog.resolve(branch, module)
        if store is None:
            raise LookupError("There is no such module, or no such branch has it.")
        described = _json.encode(describe_api(catalog.recipe(store)))
        click.echo(msgspec.json.format(described, indent=2).decode())
