"""The state that a command's user saw, and whether others have changed it since."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mishkah.core.commit import Commit
from mishkah.core.errors import Conflict, Detail, pointer
from mishkah.core.schema import Row, Table

RowKey = tuple[str, str]
"""(table, id)"""


class Seen(msgspec.Struct, frozen=True):
    """What is known of the rows of a command after the commit *base*.

    *rivals* leads from each to the fields that other clients have changed since; None where that
    can't be told.
    """

    base: int
    rivals: Mapping[RowKey, frozenset[str] | None]

    def after(self, written: Mapping[RowKey, Sequence[Commit]], client: str | None) -> "Seen":
        """Return what is known when rows were *written* by commits since the log was asked."""
        rivals = dict(self.rivals)
        for key, known in self.rivals.items():
            for commit in written.get(key, ()):
                fields, _ = written_by_others(commit, key, client)
                known = None if known is None else known | fields
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

        *row* was written last by commit *seq*. No *changes* are a deletion: all fields.
        """
        if seq <= self.base:
            return
        rivals = self.rivals.get((table.name, identifier), frozenset())
        set_here = table.fields if changes is None else changes
        clash = sorted(set_here) if rivals is None else sorted(rivals.intersection(set_here))
        if clash:
            paths = [pointer(*at, "id")] if changes is None else [pointer(*at, n) for n in clash]
            details = tuple(Detail(path, "base", Conflict.text) for path in paths)
            raise Conflict(details, table.encode(row))


def written_by_others(
    commit: Commit, key: RowKey, client: str | None
) -> tuple[frozenset[str], int]:
    """Return the fields of the row *key* that *commit* wrote, and the commit before of that row.

    The fields are none where *client* itself made the commit.
    """
    changes = [change for change in commit.changes if (change.table, change.id) == key]
    fields = frozenset(
        name
        for change in changes
        for name in ((change.old or change.new) if change.new is not None else change.old) or ()
    )
    own = client is not None and commit.client == client
    return (frozenset() if own else fields), (changes[0].was if changes else 0)
