"""The state that a command's user saw, and whether others have changed it since."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mishkah.core.commit import Commit
from mishkah.core.errors import Conflict, Detail, pointer
from mishkah.core.schema import Row, Table

RowKey = tuple[str, str]
"""(table, id)"""


Author = tuple[str, str]
"""A client's name, and whose client it is."""


def author(
    client: str | None, device: str | None, user: str | None, session: str | None
) -> Author | None:
    """Return by whose hand something is written; None where the client has no name.

    Clients of the same name are one only within what they belong to: a device, whoever acts at it,
    or else a person, or else the token of a program. These are what a commit records; it has no
    owner of its own.
    """
    return None if client is None else (client, device or user or session or "")


class Written(msgspec.Struct, frozen=True):
    """What one commit of *author* wrote: row → its fields, and the commit before of that row."""

    author: Author | None
    rows: Mapping[RowKey, tuple[frozenset[str], int]]

    def rivals(self, key: RowKey, author: Author | None) -> frozenset[str]:
        """Return the fields of the row *key* that were written; none where *author* did it."""
        own = author is not None and self.author == author
        return frozenset() if own else self.rows[key][0]


def written(commit: Commit) -> Written:
    """Return what *commit* wrote; so that however many rows are asked for, it is read once."""
    rows: dict[RowKey, tuple[frozenset[str], int]] = {}
    for change in commit.changes:
        key = (change.table, change.id)
        fields = ((change.old or change.new) if change.new is not None else change.old) or ()
        known, was = rows.get(key, (frozenset(), change.was))
        rows[key] = (known.union(fields), was)
    whose = author(commit.client, commit.device, commit.user, commit.session)
    return Written(whose, rows)


class Seen(msgspec.Struct, frozen=True):
    """What is known of the commits after *base*.

    *rivals* leads from each row of a command to the fields that other clients have changed since;
    None where that can't be told.
    """

    base: int
    rivals: Mapping[RowKey, frozenset[str] | None] = {}

    def after(self, later: Mapping[RowKey, Sequence[Written]], author: Author | None) -> "Seen":
        """Return what is known when *later* commits, since the log was asked, wrote rows."""
        rivals = dict(self.rivals)
        for key, known in self.rivals.items():
            for one in later.get(key, ()):
                known = None if known is None else known | one.rivals(key, author)
            rivals[key] = known
        return Seen(self.base, rivals)

    def check(
        self,
        table: Table,
        identifier: str,
        seq: int,
        row: Row,
        changes: Iterable[str] | None,
        at: tuple[str | int, ...],
    ) -> None:
        """Raise Conflict where another client has written what *changes* would overwrite.

        *row* was written last by commit *seq*. No *changes* are a deletion: all fields. The
        conflict is about the fields that *table* has, and shows them: nobody saw the others.
        """
        if seq <= self.base:
            return
        rivals = self.rivals.get((table.name, identifier), frozenset())
        fields = table.fields.keys() if rivals is None else table.fields.keys() & rivals
        clash = sorted(fields if changes is None else fields & set(changes))
        if clash or rivals is None:
            whole = changes is None or not clash
            paths = [pointer(*at, "id")] if whole else [pointer(*at, n) for n in clash]
            details = tuple(Detail(path, "base", Conflict.text) for path in paths)
            raise Conflict(details, table.encode({name: row[name] for name in table.fields}))
