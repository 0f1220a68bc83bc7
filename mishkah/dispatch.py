"""Who is shown which commit: views, their listeners, and an index that finds them by value."""

from collections.abc import Iterable, Iterator
from typing import Any

from mishkah.core import wire
from mishkah.core.commit import Commit
from mishkah.core.schema import Row, Schema
from mishkah.core.snapshots import Snapshot
from mishkah.core.state import State
from mishkah.core.views import View
from mishkah.feed import CHUNK, Listener, Piece

_SPARE = 16
"""So many listeners more than twice those that were there, and who has gone is forgotten."""


class Audience:
    """A view and who looks at it. *prev* is the last commit that it showed."""

    def __init__(self, view: View, prev: int) -> None:
        self.view = view
        self.prev = prev
        self.listeners: list[Listener] = []
        self.snapshot: Snapshot | None = None
        self._most = _SPARE
        self._waiting: list[Piece] = []

    def join(self, listener: Listener) -> None:
        """Show *listener* what comes; where nothing does, those who have left are forgotten too."""
        if len(self.listeners) >= self._most:
            self.listeners = [other for other in self.listeners if other.live]
            self._most = 2 * len(self.listeners) + _SPARE
        self.listeners.append(listener)

    def show(self, signature: wire.Signature, commit: Commit) -> None:
        """Write down what the view shows of *commit*, once for all."""
        shown = self.view.shows(commit.changes)
        if not shown:
            return
        frames = wire.deltas(signature, self.view.id, commit, shown, self.prev)
        self.prev = commit.seq
        self.snapshot = None
        self._waiting.append(Piece(frames, commit.seq))

    def publish(self) -> None:
        """Put what waits into every outbox."""
        pieces = list(together(self._waiting))
        self._waiting.clear()
        for listener in self.listeners:
            listener.outbox.put(listener, pieces)
        self.listeners = [listener for listener in self.listeners if listener.live]


def together(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join the frames of neighbours, as long as they are small."""
    some: list[bytes] = []
    size = upto = 0
    for frames, seq in pieces:
        if some and size + len(frames) > CHUNK:
            yield Piece(b"".join(some), upto)
            some, size = [], 0
        some.append(frames)
        size += len(frames)
        upto = seq
    if some:
        yield Piece(b"".join(some), upto)


class Dispatch:
    """Every view of one store that someone looks at.

    The index leads from (table, field, value) to the views whose rows of that table have that
    value; with the field "" to those that require none.
    """

    def __init__(self, signature: wire.Signature, schema: Schema) -> None:
        self._signature = signature
        self._audiences: dict[str, Audience] = {}
        self._index: dict[_Slot, dict[str, Audience]] = {}
        self._fields: dict[str, set[str]] = {name: set() for name in schema.tables}
        self._touched: dict[str, Audience] = {}

    @property
    def listeners(self) -> list[Listener]:
        return [one for audience in self._audiences.values() for one in audience.listeners]

    def join(self, listener: Listener, view: View, seq: int) -> None:
        """Show *listener* every commit after *seq*, which is the last one."""
        listener.live = True
        self._of(view, seq).join(listener)

    def snapshot(self, view: View, state: State) -> Snapshot:
        """Return *view* as it is now; who comes before it changes gets the same."""
        audience = self._of(view, state.seq)
        if audience.snapshot is None or audience.snapshot.seq != state.seq:
            audience.snapshot = Snapshot(self._signature, state, view)
        return audience.snapshot

    def note(self, commit: Commit) -> None:
        """Write *commit* down for each view that shows it."""
        for audience in self._concerned(commit).values():
            audience.show(self._signature, commit)
            self._touched[audience.view.id] = audience

    def publish(self) -> None:
        """Put what was noted into the outboxes; forget views that nobody looks at."""
        for audience in self._touched.values():
            audience.publish()
            if not audience.listeners:
                self._forget(audience)
        self._touched.clear()

    def _of(self, view: View, seq: int) -> Audience:
        if (audience := self._audiences.get(view.id)) is None:
            audience = self._audiences[view.id] = Audience(view, seq)
            for slot in _slots(view):
                self._index.setdefault(slot, {})[view.id] = audience
                if slot[1]:
                    self._fields[slot[0]].add(slot[1])
        return audience

    def _forget(self, audience: Audience) -> None:
        del self._audiences[audience.view.id]
        for slot in _slots(audience.view):
            holders = self._index[slot]
            del holders[audience.view.id]
            if not holders:
                del self._index[slot]

    def _concerned(self, commit: Commit) -> dict[str, Audience]:
        found: dict[str, Audience] = {}
        if not self._audiences:
            return found
        for change in commit.changes:
            found |= self._index.get((change.table, "", None), {})
            if fields := self._fields[change.table]:
                rows: list[Row] = [r for r in (change.before(), change.new) if r is not None]
                for field in fields:
                    for row in rows:
                        found |= self._index.get((change.table, field, row[field]), {})
        return found


_Slot = tuple[str, str, Any]


def _slots(view: View) -> list[_Slot]:
    """Return where the index has *view*: under the fewest values that its rows must have."""
    required = view.where.equalities if view.where is not None else {}
    field, values = min(required.items(), key=lambda item: len(item[1]), default=("", (None,)))
    return [(table, field, value) for table in view.tables for value in values]
