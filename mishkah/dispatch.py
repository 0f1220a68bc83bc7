"""Who is shown which commit: views, their listeners, and an index that finds them by value."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from weakref import WeakValueDictionary

import trio

from mishkah.core import wire
from mishkah.core.commit import Commit
from mishkah.core.schema import Row, Schema
from mishkah.core.snapshots import Snapshot
from mishkah.core.state import State
from mishkah.core.views import View
from mishkah.letters import CHUNK, Piece
from mishkah.listener import Listener
from mishkah.tally import StoreTally

Slot = tuple[str, str, Any]
"""(table, field, value); the field "" leads to the views that require no value."""
_FIRST_SWEEP = 64
"""So many views more than twice those that were looked at last time, and they are swept."""
_SNAPSHOTS = 8
"""Snapshots that are kept while nothing changes, beside those that are being sent."""
AT_ONCE = 200
"""Clients that are sent a small frame before everybody else has a turn: about a millisecond."""
_SMALL = 16 * 1024
"""So many bytes more cost as much as one more send, about."""
_SPARE = 16
"""So many listeners more than twice those that were there, and who has gone is forgotten."""


class Audience:
    """A view and who looks at it. *prev* is the last commit that it showed.

    *slots* are the places in the index that lead to it.
    """

    def __init__(
        self, signature: wire.Signature, view: View, prev: int, slots: Sequence["Slot"]
    ) -> None:
        self._signature = signature.through(view.lens)
        self.view = view
        self.prev = prev
        self.slots = slots
        self.listeners: list[Listener] = []
        self._most = _SPARE
        self.shown = 0
        """DELTAs that wait for each listener."""
        self._waiting: list[Piece] = []

    def join(self, listener: Listener) -> None:
        """Show *listener* what comes; where nothing does, those who have left are forgotten too."""
        if len(self.listeners) >= self._most:
            self.is_looked_at()
            self._most = 2 * len(self.listeners) + _SPARE
        self.listeners.append(listener)

    def show(self, commit: Commit) -> None:
        """Write down what the view shows of *commit*, once for all."""
        shown = self.view.shows(commit.changes)
        if not shown:
            return
        frames = wire.deltas(self._signature, self.view.id, commit, shown, self.prev)
        self.prev = commit.seq
        self.shown += len(shown)
        self._waiting.append(Piece(frames, commit.seq))

    def publish(self) -> Iterator[int]:
        """Put what waits into every outbox; yield, now and then, what that has cost since.

        The cost is in sends of a small frame. Who is read meanwhile may leave, or fall behind: what
        shows nothing any more is passed over, and what is to come back reads this from the log.
        """
        pieces = list(together(self._waiting))
        self._waiting.clear()
        cost = 1 + sum(len(piece.frames) for piece in pieces) // _SMALL
        step = -(-AT_ONCE // cost)
        listeners, self.shown = self.listeners, 0
        for at in range(0, len(listeners), step):
            some = listeners[at : at + step]
            for listener in some:
                listener.outbox.put(listener, pieces)
            yield cost * len(some)

    def is_looked_at(self) -> bool:
        """Forget who has gone, and tell whether anybody is left."""
        self.listeners = [listener for listener in self.listeners if listener.live]
        return bool(self.listeners)


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

    The index leads from a slot to the views all of whose rows of that table have that value.
    """

    def __init__(
        self, signature: wire.Signature, schema: Schema, tally: StoreTally | None = None
    ) -> None:
        self._signature = signature
        self._tally = tally or StoreTally()
        self._audiences: dict[str, Audience] = {}
        self._index: dict[Slot, dict[str, Audience]] = {}
        self._fields: dict[str, set[str]] = {name: set() for name in schema.tables}
        self._touched: dict[str, Audience] = {}
        self._most = _FIRST_SWEEP
        self._last: dict[str, Snapshot] = {}
        self._sent: WeakValueDictionary[str, Snapshot] = WeakValueDictionary()

    @property
    def listeners(self) -> list[Listener]:
        return [one for audience in self._audiences.values() for one in audience.listeners]

    def join(self, listener: Listener, view: View, seq: int) -> None:
        """Show *listener* every commit after *seq*, which is the last one."""
        audience = self._of(view, seq)  # which forgets the listener where it fell behind there
        listener.live = True
        audience.join(listener)

    def snapshot(self, view: View, state: State) -> Snapshot:
        """Return *view* as it is now; who comes before it changes gets the same."""
        snapshot = self._sent.get(view.id)
        if snapshot is None or snapshot.seq != state.seq:
            signature = self._signature.through(view.lens)
            snapshot = self._sent[view.id] = Snapshot(signature, state, view)
        self._last.pop(view.id, None)
        self._last[view.id] = snapshot
        if len(self._last) > _SNAPSHOTS:
            del self._last[next(iter(self._last))]
        return snapshot

    def note(self, commit: Commit) -> None:
        """Write *commit* down for each view that shows it."""
        self._last.clear()
        for audience in self._concerned(commit).values():
            audience.show(commit)
            self._touched[audience.view.id] = audience

    async def publish(self) -> None:
        """Put what was noted into the outboxes; forget views that nobody looks at.

        Others have their turn while it is put into many. Only the store's task publishes, so what
        is noted later goes out later to everyone.
        """
        spent = 0
        for audience in self._touched.values():
            self._tally.deltas += audience.shown * len(audience.listeners)
            for cost in audience.publish():
                spent += cost
                if spent >= AT_ONCE:
                    spent = 0
                    await trio.lowlevel.checkpoint()
            if not audience.is_looked_at():
                self._forget(audience)
        self._touched.clear()

    def _of(self, view: View, seq: int) -> Audience:
        if (audience := self._audiences.get(view.id)) is None:
            if len(self._audiences) >= self._most:
                self._sweep()
            slots = self._slots(view)
            audience = self._audiences[view.id] = Audience(self._signature, view, seq, slots)
            for slot in audience.slots:
                self._index.setdefault(slot, {})[view.id] = audience
                if slot[1]:
                    self._fields[slot[0]].add(slot[1])
        elif not audience.is_looked_at():  # it may be forgotten or not: that must not be seen
            audience.prev = seq
        return audience

    def _sweep(self) -> None:
        """Forget views that nobody looks at any more, though nothing changed in them."""
        for audience in list(self._audiences.values()):
            if not audience.is_looked_at():
                self._forget(audience)
        self._most = 2 * len(self._audiences) + _FIRST_SWEEP

    def _forget(self, audience: Audience) -> None:
        del self._audiences[audience.view.id]
        for slot in audience.slots:
            holders = self._index[slot]
            del holders[audience.view.id]
            if not holders:
                del self._index[slot]

    def _slots(self, view: View) -> list[Slot]:
        """Return where the index shall have *view*: under values that lead to few others.

        Many views may ask for the same status, and each for another table.
        """
        return [slot for table in view.tables for slot in self._slots_of(view, table)]

    def _slots_of(self, view: View, table: str) -> list[Slot]:
        where = view.wheres.get(table)
        choices: list[list[Slot]] = [
            [(table, field, value) for value in values]
            for field, values in (where.equalities if where is not None else {}).items()
        ]
        return min(
            choices or [[(table, "", None)]],
            key=lambda slots: (sum(len(self._index.get(s, ())) for s in slots), len(slots)),
        )

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
