"""A view as it was at one commit, written down while it is sent."""

from collections.abc import Iterator, Sequence

from mishkah.core.frames import frame, frame_head
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
"""Parts that are kept for others who are at the same place."""


class Snapshot:
    """The rows of *view* at the `seq` of *state*, by reference: who waits for its end costs little.

    What is put together is shared by those who are sent it at the same time.
    """

    def __init__(self, signature: Signature, state: State, view: View) -> None:
        self.seq = state.seq
        self._signature = signature
        self._view = view
        self._rows = [
            (table, candidates(state, table, view.where)) for table in view.tables.values()
        ]
        self._starts = [(0, 0)]
        self._recent: dict[int, tuple[bytes, bool]] = {}

    @property
    def size(self) -> int:
        """The bytes of all rows, those that a filter would leave out too."""
        return sum(len(row) for _, rows in self._rows for row in rows)

    def whole(self) -> Iterator[bytes]:
        """Yield the pieces of one SNAPSHOT message; its view has no filter."""
        start = self._head(b"")
        heads = [b"%b:[" % quote(table.name) for table, _ in self._rows]
        size = len(start) + sum(map(len, heads)) + 2 * len(heads) - 1 + len(b"}}")
        size += sum(sum(map(len, rows)) + max(len(rows) - 1, 0) for _, rows in self._rows)
        yield frame_head(size) + start
        between = b""
        for head, (_, rows) in zip(heads, self._rows, strict=True):
            yield between + head
            yield from _joined(rows)
            between = b"],"
        yield b"]}}"

    def parts(self) -> Iterator[bytes]:
        """Yield the SNAPSHOT messages of protocol v1, each a frame."""
        i, last = 0, False
        while not last:
            part, last = self._part(i)
            yield part
            i += 1

    def _part(self, i: int) -> tuple[bytes, bool]:
        if i not in self._recent:
            self._recent[i] = self._make(i)
            if len(self._recent) > _KEPT:
                del self._recent[next(iter(self._recent))]
        return self._recent[i]

    def _make(self, i: int) -> tuple[bytes, bool]:
        """Put part *i* together, and note where the next begins."""
        t, at = self._starts[i]
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
            scanned += end - at if self._view.where else 0
            t, at = (t + 1, 0) if end == len(rows) else (t, end)
        last = t == len(self._rows)
        if not last and len(self._starts) == i + 1:
            self._starts.append((t, at))
        tables = b",".join(
            b"%b:[%b]" % (quote(name), b",".join(rows)) for name, rows in found.items()
        )
        extra = b',"part":%d,"last":%b' % (i, b"true" if last else b"false")
        return frame(b"%b%b}}" % (self._head(extra), tables)), last

    def _some(
        self, table: Table, rows: Sequence[bytes], at: int, room: int, most: int
    ) -> tuple[list[bytes], int]:
        """Return rows from *at* on, and where they end: *room* bytes, or *most* that are judged."""
        taken: list[bytes] = []
        where = self._view.where
        if where is None:
            while at < len(rows) and room > 0:
                step = rows[at : at + 64]
                taken += step
                room -= sum(map(len, step))
                at += len(step)
            return taken, at
        for row in rows[at : at + most]:
            at += 1
            if where.holds(table.decode(row)):
                taken.append(row)
                room -= len(row)
                if room <= 0:
                    break
        return taken, at

    def _head(self, extra: bytes) -> bytes:
        return b'{"type":"SNAPSHOT",%b,"seq":%d%b,"data":{' % (
            self._signature.of(self._view.id),
            self.seq,
            extra,
        )


def _joined(rows: Sequence[bytes]) -> Iterator[bytes]:
    if not rows:
        return
    average = sum(map(len, rows)) // len(rows) + 1
    step = PIECE // average + 1
    for i in range(0, len(rows), step):
        yield (b"," if i else b"") + b",".join(rows[i : i + step])
