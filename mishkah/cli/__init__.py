"""Words typed by a person: `mishkah-trio`. Data goes to stdout, talk to stderr."""

from typing import Any

import rich_click as click

from mishkah.cli.access import access
from mishkah.cli.audit import audit
from mishkah.cli.check import check
from mishkah.cli.config import config
from mishkah.cli.devices import device
from mishkah.cli.doctor import doctor
from mishkah.cli.editor import editor
from mishkah.cli.exchange import export, import_
from mishkah.cli.history import history
from mishkah.cli.init import init
from mishkah.cli.inspect import branches, modules, plugins
from mishkah.cli.new import new
from mishkah.cli.openapi import openapi
from mishkah.cli.rows import delete, get, insert, list_rows, query, update
from mishkah.cli.schemas import schema
from mishkah.cli.sequences import sequence
from mishkah.cli.serve import serve
from mishkah.cli.stores import backup, migrate, restore
from mishkah.cli.tokens import sessions, token
from mishkah.cli.users import user
from mishkah.cli.watch import watch

__all__ = ["main"]


INTERRUPTED = 130
"""What shells expect of a command that ^C has ended."""


class _Commands(click.RichGroup):
    def invoke(self, context: click.Context) -> Any:
        """Run a command; ^C ends it with `INTERRUPTED`, and without a traceback."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except click.Abort as abort:  # at a question ^C is an Abort, as no answer is
            if isinstance(abort.__context__, KeyboardInterrupt):
                raise SystemExit(INTERRUPTED) from None
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mishkah-trio", prog_name="mishkah-trio")
def main() -> None:
    """A real-time, schema-driven, multi-branch backend for shops, restaurants and gyms.

    Begin with `serve` in a folder that has `data/`, or with `new module NAME --branch B`. When
    something is wrong, ask `check` and `doctor`.
    """


main.add_command(serve)
main.add_command(get)
main.add_command(list_rows)
main.add_command(insert)
main.add_command(update)
main.add_command(delete)
main.add_command(query)
main.add_command(watch)
main.add_command(history)
main.add_command(check)
main.add_command(backup)
main.add_command(restore)
main.add_command(migrate)
main.add_command(export)
main.add_command(import_)
main.add_command(editor)
main.add_command(new)
main.add_command(branches)
main.add_command(modules)
main.add_command(plugins)
main.add_command(schema)
main.add_command(openapi)
main.add_command(sequence)
main.add_command(doctor)
main.add_command(config)
main.add_command(access)
main.add_command(init)
main.add_command(user)
main.add_command(token)
main.add_command(device)
main.add_command(sessions)
main.add_command(audit)
