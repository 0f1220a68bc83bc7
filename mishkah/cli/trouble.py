"""Opening what a command works on, and saying what went wrong."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import rich_click as click

from mishkah.catalog import Catalog
from mishkah.checking import read_catalog
from mishkah.cli.common import FINDINGS, existing, tell
from mishkah.core.ids import StoreId
from mishkah.journal import JournalDamaged, JournalFailed
from mishkah.jsonfile import BadFile
from mishkah.lock import CantServe
from mishkah.plugins import BrokenPlugin
from mishkah.watchdog import Watchdog


class Declined(Exception):
    """What was asked for is not done; says why."""


@contextlib.contextmanager
def trouble() -> Iterator[None]:
    """Say what went wrong, and end with exit code 1."""
    try:
        yield
    except BadFile as bad:
        tell(bad.findings, as_json=False)
    except BrokenPipeError:
        raise  # whoever reads our stdout has enough
    except (
        JournalDamaged, JournalFailed, CantServe, BrokenPlugin, Declined, OSError, LookupError,
    ) as error:  # fmt: skip
        click.echo(_said(error), err=True)
    else:
        return
    raise SystemExit(FINDINGS)


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error.args[0] if isinstance(error, LookupError) else error)


def there(store: StoreId | None) -> StoreId:
    """Return *store*. Raises LookupError where it is none."""
    if store is None:
        raise LookupError("There is no such branch and module.")
    return store


def file_of(catalog: Catalog, store: StoreId) -> Path:
    """Return the file of *store*. Raises LookupError where there is none yet."""
    path = catalog.store_path(store)
    if not path.is_file():
        raise LookupError("This store has no file yet; serve it once.")
    return path


def load_catalog(data: Path) -> Catalog:
    """Return the installation in *data*, or end where there is none. Raises what `trouble` says."""
    return read_catalog(existing(data), Watchdog())
