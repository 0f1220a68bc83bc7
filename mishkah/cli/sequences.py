"""`mishkah-trio sequence`: the rules of numbers, and how far their counters are."""

from pathlib import Path

import rich_click as click

from mishkah.cli.common import data_option, json_option
from mishkah.cli.lists import show
from mishkah.cli.trouble import load_catalog, trouble
from mishkah.clock import wall_clock


@click.group()
def sequence() -> None:
    """Show the rules that number rows."""


@sequence.command("list")
@data_option
@json_option
def list_sequences(data: Path, as_json: bool) -> None:
    """List the rules, their counters, and the next number of each."""
    from mishkah.numbers import sequences

    with trouble():
        lines = list(sequences(load_catalog(data), wall_clock()))
        columns = ["branch", "module", "table", "field", "from", "reset", "last", "next"]
        show(lines, columns, as_json=as_json)
