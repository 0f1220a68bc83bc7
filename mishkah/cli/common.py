"""What the commands share: the data folder, findings, and logs that can't be forged."""

import logging
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import rich_click as click

from mishkah.core.errors import Finding

FINDINGS = 1
USAGE = 2

data_option = click.option(
    "--data",
    "data",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    envvar="MISHKAH_DATA",
    show_envvar=True,
    help="The installation's folder.",
)
of_branch = click.option("--branch", required=True, help="The branch.")
of_module = click.option("--module", required=True, help="The module.")
json_option = click.option("--json", "as_json", is_flag=True, help="Speak JSON on stdout.")


def existing(data: Path) -> Path:
    """Return *data*, or end with what to run where there is no installation."""
    if (data / "branches.config.json").is_file():
        return data.resolve()
    click.echo(
        f"There is no installation in {data}: no branches.config.json.\n"
        "Run this in a folder that has one, or name it: mishkah-trio serve --data DIR",
        err=True,
    )
    raise SystemExit(USAGE)


def tell(findings: Iterable[Finding], *, as_json: bool) -> None:
    """Print findings and notes: a line each on stderr, or as JSON on stdout."""
    if as_json:
        click.echo(msgspec.json.encode({"findings": list(findings)}).decode())
        return
    for finding in findings:
        click.echo(printable(f"{'note: ' * finding.note}{finding}"), err=True)


def printable(text: str) -> str:
    """Return *text* with its control characters escaped: one line stays one line."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class _OneLine(logging.Formatter):
    """Escapes what a client may have sent; a traceback, which we wrote, keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        head, _, stack = record.message.partition("\n")
        record.message = printable(head)[:2000] + (f"\n{stack}" if stack else "")
        return super().formatMessage(record)


def log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("trio-websocket").setLevel(logging.ERROR)
