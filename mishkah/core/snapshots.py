"""A view as it was at one commit, written down while it is sent."""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from mishkah.core.frames import CONTINUATION, TEXT, frame_of
from mishkah.core.schema import Table
from mishkah.core.state import Record, State
from mishkah.core.views import View
from mishkah.core.where import candidates
from mishkah.core.wire import Signature, quote

PIECE = 256 * 1024
"""Bytes that are put together at a time, about."""
_SCANNED = 500
"""Rows that a filter looks at in one go."""
_KEPT = 8
"""Frames that are kept for others who are at the same place."""


_json = attrgetter("json")


class Snapshot:
    """The rows of *view* at the `seq` of *state*, by reference: who waits for its end costs little.

    What is put together is shared by those who are sent it at the same time.
    """

    def __init__(self, signature: Signature, state: State, view: View) -> None:
        self.seq = state.seq
        self._signature = signature
        self._view = view
        self._rows = [
            (table, candidates(state, table, view.wheres.get(table.name)))
            for table in view.tables.values()
        ]
        self._names = [quote(table.name) for table, _ in self._rows]
        self._parts = _Shared()
        self._fragments = _Shared()

    @property
    def size(self) -> int:
        """The bytes of all rows, those that a filter would leave out too."""
        return sum(len(row.json) for _, rows in self._rows for row in rows)

    def whole(self) -> Iterator[bytes]:
        """Yield the frames of one SNAPSHOT message; an empty one is none yet."""
        return self._fragments.frames(self._fragment)

    def parts(self) -> Iterator[bytes]:
        """Yield the SNAPSHOT messages of protocol v1, each a frame; an empty one is none yet."""
        return self._parts.frames(self._part)

    def _part(self, place: "_Place") -> "_Made":
        """Put a part together, or some of it, from *place* on."""
        place, full = self._go_on(place)
        last = place.table == len(self._rows)
        if not (full or last):
            return _Made(b"", place)
        found: dict[int, list[bytes]] = {}
        if not place.frame:  # it names all tables
            found = {number: [] for number in range(len(self._rows))}
        for run in place.runs:
            if run.rows:
                found.setdefault(run.table, []).extend(run.rows)
        extra = b',"part":%d,"last":%b' % (place.frame, b"true" if last else b"false")
        said = [self._head(extra)]
        for number, rows in found.items():
            said += (
                b"," if len(said) > 1 else b"",
                self._names[number],
                b":[",
                b",".join(rows),
                b"]",
            )
        said.append(b"}}")
        return _Made(frame_of(said), None if last else place.after(begun=False))

    def _fragment(self, place: "_Place") -> "_Made":
        """Put a frame of the one message together, or some of it, from *place* on."""
        place, full = self._go_on(place)
        last = place.table == len(self._rows)
        if not (full or last):
            return _Made(b"", place)
        said = [] if place.frame else [self._head(b"")]
        begun = place.begun
        for run in place.runs:
            if run.begins:
                said += b"," if run.table else b"", self._names[run.table], b":["
            if run.rows:
                said += b"," if begun else b"", b",".join(run.rows)
            begun = not run.ends and (begun or bool(run.rows))
            if run.ends:
                said.append(b"]")
        if last:
            said.append(b"}}")
        kind = CONTINUATION if place.frame else TEXT
        whole = frame_of(said, kind, final=last)
        return _Made(whole, None if last else place.after(begun=begun))

    def _go_on(self, place: "_Place") -> tuple["_Place", bool]:
        """Take more rows, as many as may be judged in one go; tell whether the frame is full.

        Where rows are judged, it is full when another is there that has no room. So nothing of
        those that are left out can be told from where frames end.
        """
        _, t, at, _, size, runs = place
        scanned, full = 0, False
        while t < len(self._rows) and not full and scanned < _SCANNED:
            table, rows = self._rows[t]
            some = self._judged if self._is_work(table) else self._some
            taken, end, more, full = some(table, rows, at, PIECE - size, _SCANNED - scanned)
            if end > at or end == len(rows):
                runs = (*runs, _Run(t, at == 0, taken, end == len(rows)))
            size += more
            scanned += end - at if self._is_work(table) else 0
            t, at = (t + 1, 0) if end == len(rows) else (t, end)
        return place._replace(table=t, row=at, size=size, runs=runs), full

    def _is_work(self, table: Table) -> bool:
        """Tell whether each row of *table* must be looked at."""
        return table.hides or table.name in self._view.wheres

    def _some(
        self, table: Table, rows: Sequence[Record], at: int, room: int, most: int
    ) -> tuple[list[bytes], int, int, bool]:
        """Return rows from *at* on that fill *room* bytes, where they end, how many bytes they
        have, and whether they fill it.
        """
        taken: list[bytes] = []
        size = 0
        while at < len(rows) and size < room:
            step = list(map(_json, rows[at : at + 64]))
            taken += step
            size += sum(map(len, step))
            at += len(step)
        return taken, at, size, size >= room

    def _judged(
        self, table: Table, rows: Sequence[Record], at: int, room: int, most: int
    ) -> tuple[list[bytes], int, int, bool]:
        """Return what may be seen of the next *most* rows; the last has found no room if full."""
        where = self._view.wheres.get(table.name)
        taken: list[bytes] = []
        size = 0
        for _, line in rows[at : at + most]:
            row = table.decode(line)
            if where is None or where.holds(row):
                seen = table.trim(line, row)
                if room - size < min(len(seen), PIECE):
                    return taken, at, size, True
                taken.append(seen)
                size += len(seen)
            at += 1
        return taken, at, size, False

    def _head(self, extra: bytes) -> bytes:
        return b'{"type":"SNAPSHOT",%b,"seq":%d%b,"data":{' % (
            self._signature.of(self._view.id),
            self.seq,
            extra,
        )


class _Run(NamedTuple):
    """Rows of one table that follow each other; whether its first and its last are among them."""

    table: int
    begins: bool
    rows: list[bytes]
    ends: bool


class _Place(NamedTuple):
    """Where a frame begins, and what was taken for it: *runs* of so many bytes.

    *begun* tells whether a row of the table was written in a frame before.
    """

    frame: int = 0
    table: int = 0
    row: int = 0
    begun: bool = False
    size: int = 0
    runs: tuple[_Run, ...] = ()

    def after(self, *, begun: bool) -> "_Place":
        """Return the place of the next frame."""
        return _Place(self.frame + 1, self.table, self.row, begun)


class _Made(NamedTuple):
    """A frame, empty while it is not full, and where to go on; None after the last."""

    frame: bytes
    next: _Place | None


class _Shared:
    """Frames that are put together once for all who are at the same place."""

    def __init__(self) -> None:
        self._recent: dict[int, _Made] = {}

    def frames(self, make: Callable[[_Place], _Made]) -> Iterator[bytes]:
        i = 0
        place = _Place()
        while True:
            made = self._recent.get(i)
            if made is None:
                made = self._recent[i] = make(place)
                if len(self._recent) > _KEPT:
                    del self._recent[next(iter(self._recent))]
            yield made.frame
            if made.next is None:
                return
            i, place = i + 1, made.next
