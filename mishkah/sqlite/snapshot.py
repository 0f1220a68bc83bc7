"""One moment of a store's file, read while another process may be writing it."""

import contextlib
from pathlib import Path

import apsw

from mishkah.core.state import State
from mishkah.journal import JournalDamaged, JournalFailed
from mishkah.sqlite.lines import Head
from mishkah.sqlite.migrating import read_source
from mishkah.sqlite.reading import Mismatch, load_state
from mishkah.sqlite.tables import SqlTable


def read_state(path: Path, module: str) -> State:
    """Return the rows of *path* after its last commit, each held against its checksum.

    Raises JournalDamaged or JournalFailed.
    """
    try:
        readable = apsw.SQLITE_OPEN_READONLY
        with contextlib.closing(apsw.Connection(str(path), flags=readable)) as db:
            db.set_busy_timeout(5000)
            db.execute("BEGIN")  # what follows is one moment
            said = {str(k): v for k, v in db.execute("SELECT key, value FROM _meta")}
            schema = read_source(str(said.get("schema")), module)
            tables = {name: SqlTable(table) for name, table in schema.tables.items()}
            return load_state(db, tables, schema, Head.decode(str(said.get("head"))))
    except (Mismatch, ValueError, LookupError, TypeError) as error:
        raise JournalDamaged(f"{path}: {error}") from error
    except apsw.Error as error:
        raise JournalFailed(f"{path}: {error}") from error
