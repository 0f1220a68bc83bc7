"""`mishkah-trio config`: the settings in force, and where each comes from."""

from collections.abc import Iterator
from typing import Any

import msgspec
import rich_click as click

from mishkah.cli.common import json_option
from mishkah.cli.lists import show
from mishkah.cli.serve import serve
from mishkah.limits import Limits

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
        where = _origin(context, param)
        for setting, value, given in _said(param, values[str(param.name)]):
            line = {"setting": setting, "value": value}
            lines.append({**line, "origin": where if given else "default"} if origin else line)
    show(lines, ["setting", "value", *(["origin"] if origin else [])], as_json=as_json)


def _origin(context: click.Context, param: click.Parameter) -> str:
    source = context.get_parameter_source(str(param.name))
    where = _ORIGINS.get(source.name if source else "", "default")
    return f"environment {param.envvar}" if where == "environment" else where


def _said(param: click.Parameter, value: Any) -> Iterator[tuple[str, Any, bool]]:
    """Yield what *param* sets, to which value, and whether that may be another than the default."""
    name = param.opts[0].lstrip("-")
    if isinstance(value, Limits):
        usual = msgspec.structs.asdict(Limits())
        for key, one in msgspec.structs.asdict(value).items():
            yield f"{name} {key}", one, one != usual[key]
    else:
        yield name, _plain(value), True


def _plain(value: Any) -> Any:
    """Return *value* as JSON has it."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value if value is None or isinstance(value, int | float) else str(value)
