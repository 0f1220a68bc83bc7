"""What people type about who comes in: secrets, where roles count, and spans of time."""

import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import rich_click as click

from mishkah.core.errors import Refused
from mishkah.identity.scopes import Scopes, kept_scopes, scopes_of
from mishkah.who import ANY, Scope

Check = Callable[[str], str]

NOTATION = "ROLE[@BRANCH[,BRANCH]][/MODULE[,MODULE]]"

_SPAN = re.compile(r"(\d{1,5})([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def scopes_option(help: str, *, any_role: bool = False) -> Callable[[Any], Any]:
    """Give a command ``--role``, whose value is its argument *scopes*; None where it is not given.

    With *any_role* a role may be left out: it is whichever role somebody has there.
    """

    def read(
        context: click.Context, param: click.Parameter, texts: tuple[str, ...]
    ) -> list[dict[str, Any]] | None:
        found = [read_scope(text) for text in texts]
        if not any_role and any(scope.role == ANY for scope in found):
            raise click.BadParameter(f"it is {NOTATION}")
        return kept_scopes(found) or None

    return click.option(
        "--role", "scopes", multiple=True, metavar=NOTATION, callback=read, help=help
    )


def read_scope(text: str) -> Scope:
    """Return the role and the places in *text*: ``cashier@dar,gim/pos``.

    Without branches, or modules, it is all of them; a branch may end in ``*``.
    """
    role, at, places = text.partition("@")
    if not at:
        role, slash, modules = text.partition("/")
        branches = ""
    else:
        branches, slash, modules = places.partition("/")
    return Scope(role or ANY, _names(branches, at), _names(modules, slash))


def _names(text: str, mark: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if mark and not all(names):
        raise click.BadParameter(f"it is {NOTATION}")
    return names if mark else (ANY,)


def write_scope(scope: Scope) -> str:
    """Return *scope* as it is typed."""
    branches = "" if scope.branches == (ANY,) else "@" + ",".join(scope.branches)
    modules = "" if scope.modules == (ANY,) else "/" + ",".join(scope.modules)
    role = scope.role if scope.role != ANY or not (branches or modules) else ""
    return f"{role}{branches}{modules}"


def with_roles(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return *row* with its scopes as they are typed, under ``roles``."""
    scopes: Scopes = scopes_of(row["scopes"] or [])
    return {**row, "roles": [write_scope(scope) for scope in scopes]}


def moment(text: str, way: int, now: datetime) -> datetime:
    """Return the moment that *text* means: ``90d`` from *now*, back where *way* is -1; or a date.

    A date or time without a zone is UTC. Raises BadParameter.
    """
    if found := _SPAN.fullmatch(text):
        return now + way * timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time: write 45m, 12h, 90d, 2w, or 2026-01-31"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def secret(prompt: str, check: Check, *, from_stdin: bool) -> str:
    """Return a secret that `check` takes: asked for twice, unseen; or the first line of stdin.

    Never an argument, which every process of the machine may read, and the shell's history keeps.
    """
    if from_stdin:
        line = sys.stdin.readline().rstrip("\r\n")
        try:
            return check(line)
        except Refused as no:
            raise click.UsageError(no.said.en) from None
    while True:
        typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True)
        try:
            return check(typed)
        except Refused as no:
            click.echo(no.said.en, err=True)
