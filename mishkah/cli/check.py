"""`mishkah-trio check`: what is wrong, before anyone is served."""

from pathlib import Path

import rich_click as click

from mishkah.belonging import check_belonging
from mishkah.checking import check as check_catalog
from mishkah.checking import check_files, check_stores, mistakes, read_catalog
from mishkah.cli.common import FINDINGS, data_option, existing, json_option, tell
from mishkah.core.errors import Finding
from mishkah.jsonfile import BadFile
from mishkah.lock import CantServe
from mishkah.plugins import BrokenPlugin
from mishkah.watchdog import Watchdog


@click.command()
@data_option
@click.option("--stores", is_flag=True, help="Read every store's file too, against its checksums.")
@json_option
def check(data: Path, stores: bool, as_json: bool) -> None:
    """Check schemas, seeds, sequence rules, plugins, roles and who has them; exit 1 on findings.

    Each finding names the file, the path in it and what is wrong. A note says what a schema asks
    for and is not enforced, or which role is none; it is told, and hinders nothing.
    """
    findings = _findings(existing(data), stores)
    tell(findings, as_json=as_json)
    if mistakes(findings):
        raise SystemExit(FINDINGS)
    if not as_json:
        click.echo("Nothing is wrong.", err=True)


def _findings(data: Path, stores: bool) -> list[Finding]:
    """Return what is wrong, as far as it can be read."""
    watchdog = Watchdog()
    try:
        with watchdog.watching():
            catalog = read_catalog(data, watchdog)
            found = [*check_catalog(catalog), *check_files(catalog), *check_belonging(catalog)]
            return found if mistakes(found) or not stores else [*check_stores(catalog), *found]
    except BadFile as bad:
        return list(bad.findings)
    except BrokenPlugin as broken:
        return [Finding(f"plugin {broken.plugin}", "", broken.why)]
    except CantServe as busy:
        return [Finding(str(data), "", str(busy))]
