"""What was done to one row, in words for people: who, when, and each field's old and new value."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mishkah.core.commit import Change, Commit
from mishkah.core.schema import Table
from mishkah.core.where import Where

SECRET = "(secret)"
"""What stands for the value of a secret field."""


class Replaced(msgspec.Struct, frozen=True):
    """The value of a field before and after; None is an empty field, or no row."""

    old: Any
    new: Any


class Done(msgspec.Struct, frozen=True):
    """One change of a row: commit *seq* did it, at *timestamp*. *by* is as in a DELTA."""

    seq: int
    timestamp: str
    by: Mapping[str, str | int]
    operation: str
    fields: Mapping[str, Replaced]


def seen(commit: Commit, held: Where | None) -> Commit:
    """Return *commit* as it looks to who may see the rows that *held* holds.

    A row that comes into sight looks inserted, one that goes out of it deleted: what it was while
    it was not to be seen is not told.
    """
    if held is None:
        return commit
    shown = (_seen(change, held) for change in commit.changes)
    return msgspec.structs.replace(commit, changes=tuple(one for one in shown if one is not None))


def _seen(change: Change, held: Where) -> Change | None:
    before, after = change.before(), change.new
    was = before is not None and held.holds(before)
    if after is not None and held.holds(after):
        return change if was else msgspec.structs.replace(change, old=None)
    return msgspec.structs.replace(change, new=None, old=before, json=b"") if was else None


def done(commit: Commit, table: Table) -> Iterator[Done]:
    """Yield what *commit* did, whose changes are of one row of *table*.

    Fields that *table* does not have are left out: of one that is gone nobody knows any more
    whether it was secret. What a secret field holds is not even looked at.
    """
    for change in commit.changes:
        fields = dict(_replaced(change, table))
        yield Done(commit.seq, commit.at, commit.by, change.operation, fields)


def _replaced(change: Change, table: Table) -> Iterator[tuple[str, Replaced]]:
    old, new = change.old or {}, change.new or {}
    touched = old if change.operation == "UPDATE" else table.fields
    for name, field in table.fields.items():
        if name not in touched:
            continue
        if field.secret:
            yield name, Replaced(SECRET if old else None, SECRET if new else None)
        elif old.get(name) is not None or new.get(name) is not None:
            yield name, Replaced(old.get(name), new.get(name))
