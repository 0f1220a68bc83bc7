"""One moment of a store's file, read while another process may be writing it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import apsw

from mishkah.core.commit import Commit
from mishkah.core.state import State
from mishkah.journal import JournalDamaged, JournalFailed
from mishkah.sqlite.lines import Head
from mishkah.sqlite.migrating import read_source
from mishkah.sqlite.reading import UNREADABLE, Mismatch, load_state, read_history
from mishkah.sqlite.tables import SqlTable


def read_state(path: Path, module: str) -> State:
    """Return the rows of *path* after its last commit, each held against its checksum.

    Raises JournalDamaged or JournalFailed.
    """
    try:
        with beside(path) as db:
            db.execute("BEGIN")  # what follows is one moment
            said = {str(k): v for k, v in db.execute("SELECT key, value FROM _meta")}
            schema = read_source(str(said.get("schema")), module)
            tables = {name: SqlTable(table) for name, table in schema.tables.items()}
            return load_state(db, tables, schema, Head.decode(str(said.get("head"))))
    except (Mismatch, ValueError, LookupError, TypeError) as error:
        raise JournalDamaged(f"{path}: {error}") from error
    except apsw.Error as error:
        raise JournalFailed(f"{path}: {error}") from error


_STEPS = 100_000
"""Steps of SQLite's machine between looks at whether ^C was pressed."""


def read_row_history(
    path: Path, module: str, table: str, identifier: str, limit: int
) -> list[Commit]:
    """Return the last *limit* commits of *path* that changed one row; see `Reader.history`.

    The log is read through, however long it is. Raises as `read_state` does.
    """
    found: list[Commit] = []
    try:
        with beside(path) as db:
            db.set_progress_handler(lambda: False, _STEPS)
            db.execute("BEGIN")  # what follows is one moment
            said = {str(k): v for k, v in db.execute("SELECT key, value FROM _meta")}
            schema = read_source(str(said.get("schema")), module)
            form = int(str(said.get("format")))
            while len(found) < limit:
                before, room = (found[-1].seq if found else None), limit - len(found)
                older = read_history(db, schema, table, identifier, before, room, form)
                if not older:
                    break
                found += older
            return found
    except (Mismatch, *UNREADABLE) as error:
        raise JournalDamaged(f"{path}: {error}") from error
    except apsw.Error as error:
        raise JournalFailed(f"{path}: {error}") from error


@contextlib.contextmanager
def beside(path: Path) -> Iterator[apsw.Connection]:
    """Lend a connection to *path* that can't write, whoever else has it open.

    A store that nobody has open is read as it lies; else SQLite would write beside it.
    """
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    with contextlib.closing(apsw.Connection(f"file:{quote(str(path))}?{how}", flags)) as db:
        db.set_busy_timeout(5000)
        yield db
