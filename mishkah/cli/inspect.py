"""`branches`, `modules` and `plugins`: what the installation has."""

from pathlib import Path

import rich_click as click

from mishkah import inventory
from mishkah.cli.common import FINDINGS, data_option, json_option
from mishkah.cli.lists import show
from mishkah.cli.trouble import load_catalog, trouble


@click.command()
@data_option
@json_option
def branches(data: Path, as_json: bool) -> None:
    """List the branches, and the patterns that open more."""
    with trouble():
        lines = list(inventory.branches(load_catalog(data)))
        show(lines, ["branch", "label", "modules", "timezone", "kind"], as_json=as_json)


@click.command()
@data_option
@json_option
def modules(data: Path, as_json: bool) -> None:
    """List each branch's modules, and where their schema and seeds come from."""
    with trouble():
        lines = list(inventory.modules(load_catalog(data)))
        columns = ["branch", "module", "label", "schema", "seeds", "tables", "problem"]
        show(lines, columns, as_json=as_json)
    if any(line["problem"] for line in lines):
        raise SystemExit(FINDINGS)


@click.command()
@data_option
@json_option
def plugins(data: Path, as_json: bool) -> None:
    """List the installed plugins: version, and what they bring."""
    from mishkah.catalog import Catalog
    from mishkah.plugins import Plugins

    with trouble():
        there = (data / "branches.config.json").is_file()
        named = Catalog(data, Plugins()).named_modules if there else set()
        lines = list(inventory.plugins(frozenset(named)))
        columns = ["plugin", "distribution", "version", "modules", "validators", "formats",
                   "problem"]  # fmt: skip
        show(lines, columns, as_json=as_json)
    if any(line["problem"] for line in lines):
        raise SystemExit(FINDINGS)
