"""`mishkah-trio init`: an owner, and with them access control."""

from pathlib import Path

import rich_click as click

from mishkah.cli.common import FINDINGS, data_option, json_option
from mishkah.cli.finish import finish
from mishkah.cli.trouble import load_catalog, trouble


@click.command()
@click.option("--user", help="The owner's name to sign in with; asked for unless given.")
@click.option("--name", default="", help="The owner's name for people.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@data_option
@json_option
def init(user: str | None, name: str, password_stdin: bool, data: Path, as_json: bool) -> None:
    """Set up access control: make the owner, who may do everything everywhere.

    From then on nobody comes in without a password, a token or a device's code.
    """
    from mishkah.cli.operate import ask
    from mishkah.cli.typed import secret
    from mishkah.identity.scopes import OWNER, scopes_of
    from mishkah.identity.tables import IDENTITY, is_simple, manages
    from mishkah.identity.words import check_password
    from mishkah.who import Who

    with trouble():
        catalog = load_catalog(data)
        if catalog.store_path(IDENTITY).exists() and (people := ask(catalog, "users")):
            owners = [r["id"] for r in people if manages(Who(scopes=scopes_of(r["scopes"])))]
            click.echo(f"There is an owner already: {', '.join(owners)}.", err=True)
            raise SystemExit(FINDINGS)
        if user is None:
            user = click.prompt("Name to sign in with", err=True)
        if not is_simple(user):
            raise click.UsageError(
                "A name to sign in with has 1-32 small letters, digits and . _ -"
            )
        whose = user
        password = secret(
            "Password", lambda typed: check_password(typed, whose), from_stdin=password_stdin
        )
        ask(
            catalog, "create_user", first=True,
            user=user, name=name, scopes=[{"role": OWNER}], password=password,
        )  # fmt: skip
        branch = next(iter(catalog.branches.branches), "BRANCH")
        roles = ", ".join(sorted(catalog.roles))
    finish(
        {"user": user},
        f"""{user} owns this installation now, and nobody comes in without signing in.

  mishkah-trio serve
  mishkah-trio user create NAME --role ROLE@{branch}
  mishkah-trio device code till-1 --role ROLE@{branch}

Roles: {roles}""",
        as_json=as_json,
    )
