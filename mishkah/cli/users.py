"""`mishkah-trio user`: the people who may come in."""

from pathlib import Path
from typing import Any

import rich_click as click

from mishkah.cli.common import data_option, json_option
from mishkah.cli.finish import finish
from mishkah.cli.lists import show
from mishkah.cli.operate import ask
from mishkah.cli.trouble import load_catalog, trouble
from mishkah.cli.typed import scopes_option, secret, with_roles
from mishkah.identity.words import check_password, check_pin

roles_option = scopes_option("A role and where it counts, such as cashier@dar; several times.")
password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from stdin, where nobody is asked."
)


@click.group()
def user() -> None:
    """Say who may come in, and in which roles. A server may run meanwhile: it follows at once."""


@user.command("create")
@click.argument("user")
@click.option("--name", default="", help="The name for people.")
@roles_option
@password_option
@click.option("--no-password", is_flag=True, help="Make no password: for who has a PIN on tills.")
@data_option
@json_option
def create_user(
    user: str, name: str, scopes: list[Any] | None, password_stdin: bool, no_password: bool,
    data: Path, as_json: bool,
) -> None:  # fmt: skip
    """Make a person who signs in as USER, with the password that is asked for."""
    if no_password and password_stdin:
        raise click.UsageError("--no-password and --password-stdin exclude each other.")
    with trouble():
        catalog = load_catalog(data)
        password = None if no_password else _password(user, password_stdin)
        ask(catalog, "create_user", user=user, name=name, scopes=scopes or [], password=password)
    finish({"user": user}, f"{user} is made{'' if scopes else ', with no role yet'}.",
           as_json=as_json)  # fmt: skip


@user.command("list")
@data_option
@json_option
def list_users(data: Path, as_json: bool) -> None:
    """List people, their roles, and whether they have a password and a PIN."""
    with trouble():
        rows = [with_roles(row) for row in ask(load_catalog(data), "users")]
    columns = ["id", "name", "roles", "password", "pin", "disabled", "created"]
    show(rows, columns, as_json=as_json)


@user.command("change")
@click.argument("user")
@click.option("--name", help="Another name for people.")
@roles_option
@click.option("--no-role", is_flag=True, help="Take all roles away.")
@data_option
@json_option
def change_user(
    user: str, name: str | None, scopes: list[Any] | None, no_role: bool, data: Path, as_json: bool
) -> None:
    """Give USER another name, or other roles in place of those they have."""
    scopes = chosen(scopes, no_role)
    if name is None and scopes is None:
        raise click.UsageError("Say what changes: --name, --role or --no-role.")
    with trouble():
        ask(load_catalog(data), "change_user", user=user, name=name, scopes=scopes)
    finish({"user": user}, f"{user} is changed.", as_json=as_json)


def chosen(scopes: list[Any] | None, no_role: bool) -> list[Any] | None:
    """Return the scopes to set; None leaves what is there."""
    if scopes and no_role:
        raise click.UsageError("--role and --no-role exclude each other.")
    return [] if no_role else scopes


@user.command("disable")
@click.argument("user")
@data_option
@json_option
def disable_user(user: str, data: Path, as_json: bool) -> None:
    """Let USER in no more: sessions end and open sockets close at once. Tokens wait."""
    with trouble():
        ask(load_catalog(data), "disable_user", user=user)
    finish({"user": user}, f"{user} comes in no more.", as_json=as_json)


@user.command("enable")
@click.argument("user")
@data_option
@json_option
def enable_user(user: str, data: Path, as_json: bool) -> None:
    """Let USER in again."""
    with trouble():
        ask(load_catalog(data), "enable_user", user=user)
    finish({"user": user}, f"{user} may come in again.", as_json=as_json)


@user.command("password")
@click.argument("user")
@password_option
@data_option
@json_option
def set_password(user: str, password_stdin: bool, data: Path, as_json: bool) -> None:
    """Give USER a new password; their sessions end."""
    with trouble():
        catalog = load_catalog(data)
        ask(catalog, "set_password", user=user, password=_password(user, password_stdin))
    finish({"user": user}, f"{user} has a new password.", as_json=as_json)


@user.command("pin")
@click.argument("user")
@click.option("--pin-stdin", is_flag=True, help="Read the PIN from stdin, where nobody is asked.")
@click.option("--none", "none", is_flag=True, help="Take the PIN away.")
@data_option
@json_option
def set_pin(user: str, pin_stdin: bool, none: bool, data: Path, as_json: bool) -> None:
    """Give USER a PIN, by which they act on a device of the house: 4-8 digits."""
    if none and pin_stdin:
        raise click.UsageError("--none and --pin-stdin exclude each other.")
    with trouble():
        catalog = load_catalog(data)
        pin = None if none else secret("PIN", check_pin, from_stdin=pin_stdin)
        ask(catalog, "set_pin", user=user, pin=pin)
    finish({"user": user}, f"{user} has {'no PIN' if none else 'a new PIN'}.", as_json=as_json)


def _password(user: str, from_stdin: bool) -> str:
    return secret("Password", lambda typed: check_password(typed, user), from_stdin=from_stdin)
