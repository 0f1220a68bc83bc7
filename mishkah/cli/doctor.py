"""`mishkah-trio doctor`: what may be wrong with the machine or the installation, and what to do."""

from pathlib import Path

import msgspec
import rich_click as click

from mishkah.cli.common import FINDINGS, data_option, existing, json_option, printable
from mishkah.clock import wall_clock

_MARKS = {"ok": "ok     ", "warning": "warning", "problem": "PROBLEM"}


@click.command()
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, envvar="MISHKAH_HOST",
              show_envvar=True, help="The address that is served.")  # fmt: skip
@click.option("--port", default=8080, show_default=True, envvar="MISHKAH_PORT",
              show_envvar=True, type=click.IntRange(0, 65535),
              help="The port that is served.")  # fmt: skip
@json_option
def doctor(data: Path, host: str, port: int, as_json: bool) -> None:
    """Examine versions, disk, clock, port, plugins and installation; exit 1 on problems."""
    from mishkah.doctor import PROBLEM, examine

    lines = list(examine(existing(data), host, port, wall_clock()))
    if as_json:
        click.echo(msgspec.json.encode(lines).decode())
    else:
        for line in lines:
            click.echo(f"{_MARKS[line.status]}  {line.name}: {printable(line.said)}")
            if line.todo:
                click.echo(f"         -> {line.todo}")
    if any(line.status == PROBLEM for line in lines):
        raise SystemExit(FINDINGS)
