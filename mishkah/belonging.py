"""Who belongs to an installation, as `check` looks at it: an owner, roles, and private files."""

from collections.abc import Iterable

from mishkah.catalog import Catalog
from mishkah.core.draft import View
from mishkah.core.errors import Finding, Invalid
from mishkah.identity.scopes import scopes_of
from mishkah.identity.tables import IDENTITY, has_an_owner
from mishkah.journal import JournalDamaged, JournalFailed
from mishkah.roles import ACCESS
from mishkah.sqlite import read_state
from mishkah.who import ANY

OTHERS = 0o007
"""What a file's mode gives to those who are neither its user nor of its group."""


def check_belonging(catalog: Catalog) -> Iterable[Finding]:
    """Find what is missing or open where there is access control; a server may run meanwhile.

    Nobody who manages the rest, and roles that are none, are notes.
    """
    path = catalog.store_path(IDENTITY)
    try:
        there = path.exists()
    except OSError as error:
        yield Finding("identity", "", f"not looked at: {error.strerror}", note=True)
        return
    if not there:
        if catalog.access is not None:
            yield Finding(ACCESS, "", _NO_OWNER, note=True)
        return
    yield from _readable(catalog)
    name = str(path.relative_to(catalog.data))
    try:
        view = View(read_state(path, IDENTITY.module))
    except (JournalDamaged, JournalFailed) as error:
        yield Finding(name, "", str(error))
        return
    try:
        has_an_owner(view)
    except Invalid:
        yield Finding(name, "user", _NO_OWNER, note=True)
    for table in ("user", "device", "token"):
        for row in view.rows(table):
            roles = {scope.role for scope in scopes_of(row["scopes"] or [])}
            for role in sorted(roles - {*catalog.roles, ANY}):
                message = f"there is no role {role}: it lets nobody do anything"
                yield Finding(name, f"{table} {row['id']}", message, note=True)


def _readable(catalog: Catalog) -> Iterable[Finding]:
    """Find what others on this machine may read of hashes, and of who is who."""
    folder = catalog.folder(IDENTITY)
    if not folder.stat().st_mode & OTHERS:
        return
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.stat().st_mode & OTHERS:
            name = file.relative_to(catalog.data)
            yield Finding(str(name), "", f"others may read this file; run: chmod -R o= {folder}")


_NO_OWNER = "there is no owner who can sign in; make one with: mishkah-trio init"
