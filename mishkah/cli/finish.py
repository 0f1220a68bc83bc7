"""How commands that change something end."""

from collections.abc import Mapping
from typing import Any

import msgspec
import rich_click as click

from mishkah.cli.common import printable


def finish(told: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Say what was done: *told* as JSON on stdout, or the *sentence* on stderr."""
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
    else:
        for line in sentence.splitlines():
            click.echo(printable(line), err=True)


def hand_over(secret: Mapping[str, str], sentence: str, *, as_json: bool) -> None:
    """Print a *secret* (its name → its text), this once, on stdout: for a pipe or a person."""
    if as_json:
        click.echo(msgspec.json.encode(secret).decode())
        return
    (text,) = secret.values()
    click.echo(text)
    click.echo(printable(sentence), err=True)
