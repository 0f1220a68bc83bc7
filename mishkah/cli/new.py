"""`mishkah-trio new`: a module or a plugin that works at once."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
import rich_click as click

from mishkah.cli.common import FINDINGS, USAGE, data_option, json_option, tell
from mishkah.clock import wall_clock

if TYPE_CHECKING:
    from mishkah.scaffold import Made


@click.group()
def new() -> None:
    """Make a module or a plugin that works at once; nothing is overwritten."""


@new.command()
@click.argument("name")
@click.option("--branch", required=True, help="The branch that has it; it may be new.")
@data_option
@json_option
def module(name: str, branch: str, data: Path, as_json: bool) -> None:
    """Make the module NAME: folders, schema, seeds, configuration and a sequence rule."""
    from mishkah.checking import check, mistakes, read_catalog
    from mishkah.core.ids import StoreId
    from mishkah.jsonfile import BadFile
    from mishkah.plugins import BrokenPlugin, collect, installed
    from mishkah.scaffold import Refusal, new_module
    from mishkah.watchdog import Watchdog

    at = wall_clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        made = new_module(data, branch, name, collect(installed(), [], Watchdog()), at)
        findings = mistakes(check(read_catalog(data, Watchdog()), [StoreId(branch, name)]))
    except BadFile as bad:
        findings = list(bad.findings)
    except (Refusal, BrokenPlugin, OSError, UnicodeError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(USAGE if isinstance(error, Refusal) else FINDINGS) from None
    if findings:
        tell(findings, as_json=as_json)
        raise SystemExit(FINDINGS)
    url = f"ws://127.0.0.1:8080/?branch={quote(branch, safe='')}&module={quote(name, safe='')}"
    _say(made, as_json, url)
    if not as_json:
        click.echo(f"Next: mishkah-trio serve --data {data}\nThen: {url}", err=True)


@new.command()
@click.argument("name")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), default=Path(),
              show_default=True, help="The folder that takes it.")  # fmt: skip
@json_option
def plugin(name: str, into: Path, as_json: bool) -> None:
    """Make the plugin NAME: a package with a module, a validator, a format and tests."""
    from mishkah.scaffold import Refusal, new_plugin

    try:
        made = new_plugin(into, name)
    except (Refusal, OSError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(USAGE if isinstance(error, Refusal) else FINDINGS) from None
    _say(made, as_json, None)
    if not as_json:
        folder = into / f"mishkah-{name.replace('_', '-')}"
        click.echo(f"Next: pip install -e {folder} && pytest {folder}", err=True)


def _say(made: "Made", as_json: bool, url: str | None) -> None:
    files, changed = [str(p) for p in made.files], [str(p) for p in made.changed]
    if as_json:
        said = {"made": files, "changed": changed, **({"url": url} if url else {})}
        click.echo(msgspec.json.encode(said).decode())
        return
    for path in files:
        click.echo(f"made     {path}")
    for path in changed:
        click.echo(f"changed  {path}")
