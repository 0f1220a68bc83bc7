"""`mishkah-trio config`: the settings in force, and where each comes from."""

from typing import Any

import rich_click as click

from mishkah.cli.common import json_option
from mishkah.cli.lists import show
from mishkah.cli.serve import serve

_SETTINGS = [param for param in serve.params if param.name != "as_json"]
_ORIGINS = {"COMMANDLINE": "flag", "ENVIRONMENT": "environment"}


@click.group()
def config() -> None:
    """Show what `serve` would go by."""


@config.command("show", params=[*_SETTINGS])
@click.option("--origin", is_flag=True, help="Say where each setting comes from.")
@json_option
@click.pass_context
def show_config(context: click.Context, /, origin: bool, as_json: bool, **values: Any) -> None:
    """Show the settings that `serve` would have with these options."""
    lines = []
    for param in _SETTINGS:
        name = str(param.name)
        source = context.get_parameter_source(name)
        where = _ORIGINS.get(source.name if source else "", "default")
        if where == "environment":
            where = f"environment {param.envvar}"
        value = values[name]
        plain = value if isinstance(value, int | float | tuple) else str(value)
        line = {"setting": param.opts[0].lstrip("-"), "value": plain}
        lines.append({**line, "origin": where} if origin else line)
    show(lines, ["setting", "value", *(["origin"] if origin else [])], as_json=as_json)
