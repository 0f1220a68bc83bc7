"""A whole copy of a store's file, taken while it is served, and proved to be whole."""

import contextlib
import os
import shutil
from pathlib import Path

import apsw

from mishkah.core.schema import Schema
from mishkah.journal import JournalDamaged, JournalFailed
from mishkah.sqlite.file import StoreFile, claim, new_epoch, set_meta


def back_up(source: Path, target: Path, schema: Schema) -> int:
    """Copy the store *source* to *target*, verify the copy, and return its `seq`.

    Readers of SQLite see one moment of a file, whatever its writer does meanwhile. *schema* tells
    the module; the copy is read with the schema that it has. Raises JournalDamaged, JournalFailed,
    and FileExistsError where *target* is there; then nothing is left at *target*.
    """
    if target.exists():
        raise FileExistsError(f"{target} is there already")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}-new")
    draft.unlink(missing_ok=True)
    try:
        claim(draft, schema)
        _copy(source, draft)
        seq = verified(draft, schema)
        draft.rename(target)
    except apsw.NotADBError as error:
        raise JournalDamaged(f"{source}: this is no store's file") from error
    except apsw.Error as error:
        raise JournalFailed(f"{source}: {error}") from error
    except JournalDamaged as error:  # what is wrong with the copy is wrong with the source
        raise JournalDamaged(str(error).replace(str(draft), str(source))) from error
    finally:
        for leftover in target.parent.glob(f"{draft.name}*"):
            leftover.unlink()
    return seq


def _copy(source: Path, target: Path) -> None:
    readable = apsw.SQLITE_OPEN_READONLY
    with (
        contextlib.closing(apsw.Connection(str(source), flags=readable)) as here,
        contextlib.closing(apsw.Connection(str(target))) as there,
    ):
        with there.backup("main", here, "main") as copying:
            while not copying.done:
                copying.step(1000)
        there.pragma("journal_mode", "delete")  # one file: a copy has no -wal beside it


def verified(path: Path, schema: Schema) -> int:
    """Check everything in the store *path*, which nobody serves; return its `seq`."""
    file = StoreFile(path, schema, as_is=True)
    try:
        file.verify()
        return file.load().seq
    finally:
        file.close()


def restore(backup: Path, store: Path, aside: Path, schema: Schema) -> int:
    """Put a copy of *backup* in the place of *store*, which nobody serves; return its `seq`.

    What was there goes to *aside*. The restored history has a new epoch: clients that saw the
    other one start afresh. Raises as `back_up` does, and then *store* is as before.
    """
    draft = store.with_name(f"{store.name}-restored")
    for leftover in store.parent.glob(f"{draft.name}*"):
        leftover.unlink()
    seq = back_up(backup, draft, schema)
    with contextlib.closing(apsw.Connection(str(draft))) as db:
        db.pragma("synchronous", "FULL")
        set_meta(db, "epoch", new_epoch())
    if store.exists():
        _keep(store, aside, schema)
    draft.replace(store)
    return seq


def _keep(store: Path, aside: Path, schema: Schema) -> None:
    """Keep *store* at *aside* too, and leave no WAL that would be read into what replaces it."""
    aside.parent.mkdir(parents=True, exist_ok=True)
    wal = store.with_name(f"{store.name}-wal")
    with contextlib.suppress(JournalDamaged, JournalFailed):
        verified(store, schema)  # brings what is in the WAL into the file
    if wal.exists():
        if wal.stat().st_size:  # a damaged store: its WAL is evidence
            shutil.copy2(wal, aside.with_name(f"{aside.name}-wal"))
        wal.unlink()
    os.link(store, aside)
