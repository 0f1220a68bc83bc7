"""What is written down of who came in, who did not, and who changed what; bounded, however many."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from mishkah.core.draft import View
from mishkah.core.messages import Delete, Insert, Op
from mishkah.core.values import stamp
from mishkah.identity.words import noted
from mishkah.who import NOBODY, Who

KEPT_ROWS = 10_000
"""Rows of the audit that stay rows; the store's log keeps all of them."""
WINDOW = 60.0
ROWS_IN_WINDOW = 20
"""Failures that get a row each in so many seconds; the others are counted."""
ADDRESSES = 20
"""Addresses that are told apart while counting."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. A *failure* costs who causes it nothing, so there may be many."""

    event: str
    user: str | None = None
    device: str | None = None
    session: str | None = None
    address: str | None = None
    detail: str | None = None
    count: int = 1
    failure: bool = False


def entry(
    event: str,
    by: Who = NOBODY,
    address: str | None = None,
    detail: str | None = None,
    *,
    failure: bool = False,
) -> Entry:
    """Return what *by* did, from *address*; texts from outside are cut to one plain line."""
    return Entry(
        event=event,
        user=by.user,
        device=by.device,
        session=by.session,
        address=noted(address),
        detail=noted(detail),
        failure=failure,
    )


class Flood:
    """Which entries get a row now: all, but of many failures the first, and the others' number."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._written = 0
        self._counted: dict[tuple[str, str | None], int] = {}

    def take(self, new: Entry, now: float) -> list[Entry]:
        """Return the entries to write, at *now* in seconds of any clock that does not jump."""
        due = self.due(now)
        if not new.failure:
            return [*due, new]
        if self._written < ROWS_IN_WINDOW:
            self._written += 1
            return [*due, new]
        self.count(new)
        return due

    def count(self, new: Entry) -> None:
        """Only count *new*."""
        key = (new.event, new.address)
        if key not in self._counted and len(self._counted) >= ADDRESSES:
            key = (new.event, None)
        self._counted[key] = self._counted.get(key, 0) + 1

    def due(self, now: float) -> list[Entry]:
        """Return what was only counted in a window that is over, a row for each kind."""
        if now - self._began < WINDOW:
            return []
        self._began, self._written = now, 0
        return self.counted()

    def counted(self) -> list[Entry]:
        """Return what was only counted so far, and forget it."""
        counted, self._counted = self._counted, {}
        return [
            Entry(event=event, address=address, detail="counted", count=count, failure=True)
            for (event, address), count in counted.items()
        ]


def audit_ops(view: View, entries: list[Entry], now: datetime) -> Iterator[Op]:
    """Yield what writes *entries* down, and drops the oldest rows that are too many."""
    for one in entries:
        data: dict[str, Any] = {
            name: getattr(one, name) for name in Entry.__struct_fields__ if name != "failure"
        }
        yield Insert(table="audit", data={"at": stamp(now), **data})
    ids = list(view.ids("audit"))
    for identifier in ids[: max(0, len(ids) + len(entries) - KEPT_ROWS)]:
        yield Delete(table="audit", id=identifier)
