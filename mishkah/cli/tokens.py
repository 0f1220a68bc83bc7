"""`mishkah-trio token`: what programs show to come in."""

from pathlib import Path
from typing import Any

import rich_click as click

from mishkah.cli.common import data_option, json_option
from mishkah.cli.finish import finish, hand_over
from mishkah.cli.lists import show
from mishkah.cli.operate import ask
from mishkah.cli.trouble import load_catalog, trouble
from mishkah.cli.typed import moment, scopes_option, with_roles
from mishkah.clock import wall_clock
from mishkah.core.values import stamp


@click.group()
def token() -> None:
    """Let programs in, by a token that stands for a person and may do less."""


@token.command("create")
@click.argument("user")
@click.option("--label", default="", help="What the token is for.")
@scopes_option("Less than USER may: a role, or only @BRANCH or /MODULE; several times.",
               any_role=True)  # fmt: skip
@click.option("--expires", metavar="TIME", help="When it ends: in 90d, 12h; or on 2026-12-31.")
@data_option
@json_option
def create_token(
    user: str, label: str, scopes: list[Any] | None, expires: str | None, data: Path, as_json: bool
) -> None:
    """Make a token for a program of USER, and print it: this once, only a hash is kept."""
    until = None if expires is None else stamp(moment(expires, 1, wall_clock()))
    with trouble():
        told = ask(
            load_catalog(data), "create_token",
            user=user, label=label, scopes=scopes, expires=until,
        )  # fmt: skip
    hand_over(told, "Keep it where only the program can read it.", as_json=as_json)


@token.command("list")
@click.option("--user", help="Only this person's.")
@data_option
@json_option
def list_tokens(user: str | None, data: Path, as_json: bool) -> None:
    """List the tokens of programs; never the tokens themselves."""
    with trouble():
        rows = [
            with_roles(row)
            for row in ask(load_catalog(data), "tokens")
            if row["kind"] == "program" and user in (None, row["user"])
        ]
    columns = ["id", "user", "label", "roles", "created", "expires", "revoked"]
    show(rows, columns, as_json=as_json)


@token.command("revoke")
@click.argument("identifier", metavar="ID")
@data_option
@json_option
def revoke_token(identifier: str, data: Path, as_json: bool) -> None:
    """Let nobody in any more by the token ID: of a program, a session or a device."""
    with trouble():
        ask(load_catalog(data), "revoke_token", token=identifier)
    finish({"token": identifier}, f"{identifier} is good for nothing now.", as_json=as_json)


@click.group()
def sessions() -> None:
    """See where people are signed in, and end it."""


@sessions.command("list")
@click.argument("user", required=False)
@data_option
@json_option
def list_sessions(user: str | None, data: Path, as_json: bool) -> None:
    """List where people, or only USER, are signed in."""
    with trouble():
        now = stamp(wall_clock())
        rows = [
            row
            for row in ask(load_catalog(data), "tokens")
            if row["kind"] == "session" and user in (None, row["user"]) and row["expires"] > now
        ]
    show(rows, ["id", "user", "created", "expires"], as_json=as_json)


@sessions.command("end")
@click.argument("user")
@data_option
@json_option
def end_sessions(user: str, data: Path, as_json: bool) -> None:
    """Let USER sign in anew everywhere; open sockets of their sessions close at once."""
    with trouble():
        told = ask(load_catalog(data), "end_sessions", user=user)
    finish({"user": user, **told}, f"Sessions of {user} that have ended: {told['ended']}.",
           as_json=as_json)  # fmt: skip
