"""`mishkah-trio device`: tills, screens and turnstiles that belong to the house."""

from pathlib import Path
from typing import Any

import rich_click as click

from mishkah.cli.common import data_option, json_option
from mishkah.cli.finish import finish, hand_over
from mishkah.cli.lists import show
from mishkah.cli.operate import ask
from mishkah.cli.trouble import load_catalog, trouble
from mishkah.cli.typed import scopes_option, with_roles
from mishkah.cli.users import chosen

roles_option = scopes_option("What it may by itself, and where people act on it by their PIN.")


@click.group()
def device() -> None:
    """Let devices of the house in, by a code that is typed once."""


@device.command("code")
@click.argument("device")
@click.option("--label", default="", help="What the device is for people.")
@roles_option
@data_option
@json_option
def create_code(
    device: str, label: str, scopes: list[Any] | None, data: Path, as_json: bool
) -> None:
    """Print a code by which DEVICE enrols within 10 minutes, once; a new DEVICE is made.

    A device that has enrolled before is let in anew, and its older token is good no more.
    """
    with trouble():
        told = ask(load_catalog(data), "create_code", device=device, label=label, scopes=scopes)
    hand_over(told, f"Type it on {device} within 10 minutes.", as_json=as_json)


@device.command("list")
@data_option
@json_option
def list_devices(data: Path, as_json: bool) -> None:
    """List devices, who acts on them, and until when wrong PINs lock them."""
    with trouble():
        rows = [with_roles(row) for row in ask(load_catalog(data), "devices")]
    columns = ["id", "label", "roles", "acting", "acting_until", "locked_until", "disabled"]
    show(rows, columns, as_json=as_json)


@device.command("change")
@click.argument("device")
@click.option("--label", help="Another label.")
@roles_option
@click.option("--no-role", is_flag=True, help="Take all roles away.")
@data_option
@json_option
def change_device(
    device: str, label: str | None, scopes: list[Any] | None, no_role: bool, data: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Give DEVICE another label, or other roles in place of those it has."""
    scopes = chosen(scopes, no_role)
    if label is None and scopes is None:
        raise click.UsageError("Say what changes: --label, --role or --no-role.")
    with trouble():
        ask(load_catalog(data), "change_device", device=device, label=label, scopes=scopes)
    finish({"device": device}, f"{device} is changed.", as_json=as_json)


@device.command("disable")
@click.argument("device")
@data_option
@json_option
def disable_device(device: str, data: Path, as_json: bool) -> None:
    """Let DEVICE in no more: its open sockets close at once."""
    with trouble():
        ask(load_catalog(data), "disable_device", device=device)
    finish({"device": device}, f"{device} comes in no more.", as_json=as_json)


@device.command("enable")
@click.argument("device")
@data_option
@json_option
def enable_device(device: str, data: Path, as_json: bool) -> None:
    """Let DEVICE in again; wrong PINs are forgotten."""
    with trouble():
        ask(load_catalog(data), "enable_device", device=device)
    finish({"device": device}, f"{device} may come in again.", as_json=as_json)
