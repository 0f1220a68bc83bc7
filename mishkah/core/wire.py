"""What the server says: each message as the bytes of one text frame, written once for everyone."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mishkah.core.commit import Commit
from mishkah.core.errors import MAX_DETAILS, Refused
from mishkah.core.frames import frame, frame_head
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.core.state import State

MAX_ERROR = 3000
"""The longest ERROR message, in characters."""

_quote = msgspec.json.Encoder().encode


class Store:
    """How one store signs its messages."""

    def __init__(self, identity: StoreId, epoch: str) -> None:
        names = {"branch": identity.branch, "module": identity.module, "epoch": epoch}
        self.signature = _quote(names)[1:-1]


PIECE = 256 * 1024
"""Bytes of a large message that are put together at a time, about."""


class Snapshot:
    """The SNAPSHOT of every table, the empty ones too, as pieces of one frame.

    It keeps the rows as they were by reference, so that those who still wait for its end cost
    little, however many they are.
    """

    def __init__(self, store: Store, state: State) -> None:
        self._start = b'{"type":"SNAPSHOT",%b,"seq":%d,"data":{' % (store.signature, state.seq)
        self._tables = [
            (b"%b:[" % _quote(name), [record.json for record in rows.records.values()])
            for name, rows in state.tables.items()
        ]

    def __iter__(self) -> Iterator[bytes]:
        size = len(self._start) + len(self._tables) - 1 + len(b"}}")
        size += sum(len(name) + _joined_size(rows) + len(b"]") for name, rows in self._tables)
        yield frame_head(size) + self._start
        comma = b""
        for name, rows in self._tables:
            yield comma + name
            yield from joined(rows, b",")
            comma = b"],"
        yield b"]}}"


def _joined_size(rows: Sequence[bytes]) -> int:
    return sum(map(len, rows)) + max(len(rows) - 1, 0)


def joined(parts: Sequence[bytes], between: bytes = b"") -> Iterator[bytes]:
    """Yield *parts* joined, in pieces of about `PIECE`."""
    if not parts:
        return
    average = sum(map(len, parts)) // len(parts) + 1
    step = PIECE // average + 1
    for i in range(0, len(parts), step):
        yield (between if i else b"") + between.join(parts[i : i + step])


def deltas(store: Store, schema: Schema, commit: Commit, prev: int) -> bytes:
    """Return the DELTA frames of *commit*, one for each change, together.

    *prev* is the `seq` of the last commit that these listeners were shown.
    """
    head = b'{"type":"DELTA",%b,"seq":%d,"prev":%d' % (store.signature, commit.seq, prev)
    by = _by(commit)
    count = len(commit.changes)
    frames = []
    for i, change in enumerate(commit.changes):
        together = b',"tx":{"i":%d,"n":%d}' % (i, count) if count > 1 else b""
        data = b'{"table":%b,"operation":"%b","id":%b,"changes":%b,"timestamp":"%b"}' % (
            _quote(change.table),
            change.operation.encode(),
            _quote(change.id),
            change.changes(schema.tables[change.table]),
            commit.at.encode(),
        )
        frames.append(frame(b'%b%b%b,"data":%b}' % (head, together, by, data)))
    return b"".join(frames)


def _by(commit: Commit) -> bytes:
    who = {"client": commit.client, "ref": commit.ref, "user": commit.user}
    known = {key: value for key, value in who.items() if value is not None}
    return b',"by":%b' % _quote(known) if known else b""


def ack(ref: str | int, seq: int, commit: Commit | None, *, dup: bool = False) -> bytes:
    """Return the ACK of a write; *commit* is None where the log no longer has it."""
    rows = b""
    if commit is not None:
        lines = b",".join(change.json or b"null" for change in commit.changes)
        rows = b',"rows":[%b]' % lines
    again = b',"dup":true' if dup else b""
    return frame(b'{"type":"ACK","ref":%b,"seq":%d%b%b}' % (_quote(ref), seq, rows, again))


class _Error(msgspec.Struct, tag="ERROR", tag_field="type", omit_defaults=True):
    error: str
    code: str
    text: dict[str, str]
    ref: str | int | None = None
    details: list[dict[str, Any]] = []
    more: int = 0


def error(refusal: Refused, ref: str | int | None = None) -> bytes:
    """Return the ERROR that tells *refusal*: the first details, and how many more there are."""
    shown = [
        {
            "path": detail.path,
            "rule": detail.rule,
            "message": detail.text.en,
            "text": {"ar": detail.text.ar},
        }
        for detail in refusal.details[:MAX_DETAILS]
    ]
    said = refusal.said
    while True:
        payload = _quote(
            _Error(
                error=said.en,
                code=refusal.code,
                text={"ar": said.ar, "en": said.en},
                ref=ref,
                details=shown,
                more=len(refusal.details) - len(shown),
            )
        )
        if len(payload.decode()) <= MAX_ERROR or not shown:
            return frame(payload)
        shown.pop()
