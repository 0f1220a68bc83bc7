"""A view as it was at one commit, written down while it is sent."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mishkah.core.frames import CONTINUATION, TEXT, frame
from mishkah.core.schema import Table
from mishkah.core.state import State
from mishkah.core.views import View
from mishkah.core.where import candidates
from mishkah.core.wire import Signature, quote

PIECE = 256 * 1024
"""Bytes that are put together at a time, about."""
_SCANNED = 500
"""Rows that a filter looks at for one part."""
_KEPT = 8
"""Frames that are kept for others who are at the same place."""


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
        self._parts = _Shared()
        self._fragments = _Shared()

    @property
    def size(self) -> int:
        """The bytes of all rows, those that a filter would leave out too."""
        return sum(len(row) for _, rows in self._rows for row in rows)

    def whole(self) -> Iterator[bytes]:
        """Yield the frames of one SNAPSHOT message."""
        return self._fragments.frames(self._fragment)

    def parts(self) -> Iterator[bytes]:
        """Yield the SNAPSHOT messages of protocol v1, each a frame."""
        return self._parts.frames(self._part)

    def _part(self, i: int, t: int, at: int, begun: bool) -> "_Made":
        """Put part *i* together, from row *at* of table *t* on."""
        found: dict[str, list[bytes]] = {}
        size = scanned = 0
        if i == 0:
            found = {table.name: [] for table, _ in self._rows}
        while t < len(self._rows) and size < PIECE and scanned < _SCANNED:
            table, rows = self._rows[t]
            taken, end = self._some(table, rows, at, PIECE - size, _SCANNED - scanned)
            if taken:
                found.setdefault(table.name, []).extend(taken)
            size += sum(map(len, taken))
            scanned += end - at if self._is_work(table) else 0
            t, at = (t + 1, 0) if end == len(rows) else (t, end)
        last = t == len(self._rows)
        tables = b",".join(
            b"%b:[%b]" % (quote(name), b",".join(rows)) for name, rows in found.items()
        )
        extra = b',"part":%d,"last":%b' % (i, b"true" if last else b"false")
        whole = frame(b"%b%b}}" % (self._head(extra), tables))
        return _Made(whole, None if last else (t, at, False))

    def _fragment(self, i: int, t: int, at: int, begun: bool) -> "_Made":
        """Put frame *i* of the one message together, from row *at* of table *t* on.

        *begun* tells whether a row of that table was written before.
        """
        said = [] if i else [self._head(b"")]
        size = scanned = 0
        while t < len(self._rows) and size < PIECE and scanned < _SCANNED:
            table, rows = self._rows[t]
            if at == 0:
                said.append(b"%b%b:[" % (b"," if t else b"", quote(table.name)))
            taken, end = self._some(table, rows, at, PIECE - size, _SCANNED - scanned)
            if taken:
                said.append((b"," if begun else b"") + b",".join(taken))
            size += sum(map(len, taken))
            scanned += end - at if self._is_work(table) else 0
            begun = begun or bool(taken)
            if end == len(rows):
                said.append(b"]")
            t, at, begun = (t + 1, 0, False) if end == len(rows) else (t, end, begun)
        last = t == len(self._rows)
        if last:
            said.append(b"}}")
        whole = frame(b"".join(said), CONTINUATION if i else TEXT, final=last)
        return _Made(whole, None if last else (t, at, begun))

    def _is_work(self, table: Table) -> bool:
        """Tell whether each row of *table* must be looked at."""
        return table.hides or table.name in self._view.wheres

    def _some(
        self, table: Table, rows: Sequence[bytes], at: int, room: int, most: int
    ) -> tuple[list[bytes], int]:
        """Return rows from *at* on, and where they end: *room* bytes, or *most* that are judged."""
        taken: list[bytes] = []
        if not self._is_work(table):
            while at < len(rows) and room > 0:
                step = rows[at : at + 64]
                taken += step
                room -= sum(map(len, step))
                at += len(step)
            return taken, at
        where = self._view.wheres.get(table.name)
        for line in rows[at : at + most]:
            at += 1
            row = table.decode(line)
            if where is None or where.holds(row):
                taken.append(table.trim(line, row))
                room -= len(taken[-1])
                if room <= 0:
                    break
        return taken, at

    def _head(self, extra: bytes) -> bytes:
        return b'{"type":"SNAPSHOT",%b,"seq":%d%b,"data":{' % (
            self._signature.of(self._view.id),
            self.seq,
            extra,
        )


Place = tuple[int, int, bool]
"""(table, row, whether a row of the table was written before)"""


class _Made(NamedTuple):
    """A frame, and where the next begins; None after the last."""

    frame: bytes
    next: Place | None


class _Shared:
    """Frames that are put together once for all who are at the same place."""

    def __init__(self) -> None:
        self._recent: dict[int, _Made] = {}

    def frames(self, make: Callable[[int, int, int, bool], _Made]) -> Iterator[bytes]:
        i = 0
        place: Place = (0, 0, False)
        while True:
            made = self._recent.get(i)
            if made is None:
                made = self._recent[i] = make(i, *place)
                if len(self._recent) > _KEPT:
                    del self._recent[next(iter(self._recent))]
            yield made.frame
            if made.next is None:
                return
            i, place = i + 1, made.next
