"""`mishkah-trio audit`: who came in, who did not, and who changed what."""

from pathlib import Path

import rich_click as click

from mishkah.cli.common import data_option, json_option
from mishkah.cli.lists import show
from mishkah.cli.trouble import file_of, load_catalog, trouble
from mishkah.cli.typed import moment
from mishkah.clock import wall_clock
from mishkah.core.draft import View
from mishkah.core.values import stamp
from mishkah.identity.tables import IDENTITY
from mishkah.sqlite import read_state

COLUMNS = ["at", "event", "user", "device", "session", "address", "detail", "count"]


@click.command()
@click.option("--since", metavar="TIME", help="From then on: 12h or 7d ago; or 2026-01-31.")
@click.option("--event", "events", multiple=True, help="Only these, such as login-failed.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True,
              help="How many, the newest first.")  # fmt: skip
@data_option
@json_option
def audit(
    since: str | None, events: tuple[str, ...], limit: int, data: Path, as_json: bool
) -> None:
    """Show logins, refusals and changes of who may come in; a server may run meanwhile.

    The last 10,000 are there. The log of the identity store keeps all: see `history`.
    """
    begin = "" if since is None else stamp(moment(since, -1, wall_clock()))
    with trouble():
        view = View(read_state(file_of(load_catalog(data), IDENTITY), IDENTITY.module))
        rows = [
            row
            for row in view.rows("audit")
            if row["at"] >= begin and (not events or row["event"] in events)
        ]
    show(rows[-limit:][::-1], COLUMNS, as_json=as_json)
