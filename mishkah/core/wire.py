"""What the server says: each message as the bytes of one text frame, written once for everyone."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mishkah.core.commit import Commit
from mishkah.core.errors import MAX_DETAILS, Conflict, Refused
from mishkah.core.frames import frame
from mishkah.core.grants import Grant
from mishkah.core.ids import StoreId
from mishkah.core.messages import WHOLE
from mishkah.core.missed import Step
from mishkah.core.views import Shown

MAX_ERROR = 3000
"""The longest ERROR message, in characters, `current` aside."""

quote = msgspec.json.Encoder().encode


def seen_as(epoch: str, lens: str) -> str:
    """Return the epoch of a history that is seen through *lens*: what was seen through another,
    before a role changed, is not to be added to.
    """
    return f"{epoch}.{lens}" if lens else epoch


def history_of(epoch: str) -> str:
    """Return the epoch of the history itself; see `seen_as`."""
    return epoch.partition(".")[0]


class Signature:
    """How one store signs its messages."""

    def __init__(self, identity: StoreId, epoch: str) -> None:
        self.epoch = epoch
        self._identity = identity
        self._names = {"branch": identity.branch, "module": identity.module}
        self._plain = quote({**self._names, "epoch": epoch})[1:-1]

    def through(self, lens: str) -> "Signature":
        """Return how the store signs for who sees it through *lens*."""
        return Signature(self._identity, seen_as(self.epoch, lens)) if lens else self

    def of(self, view: str) -> bytes:
        """Return the members that say which view of the store speaks; the whole is not named."""
        return self._plain if view == WHOLE else b'%b,"view":"%b"' % (self._plain, view.encode())

    def tell(self, kind: str, view: str, **more: Any) -> bytes:
        """Return a message about one subscription."""
        said = {**self._names, "view": view, "epoch": self.epoch, **more}
        return frame(b'{"type":"%b",%b' % (kind.encode(), quote(said)[1:]))


def deltas(
    signature: Signature, view: str, commit: Commit, shown: Sequence[Shown], prev: int
) -> bytes:
    """Return the DELTA frames of what a view shows of *commit*, one for each change, together.

    *prev* is the `seq` of the last commit that these listeners were shown.
    """
    return deltas_of_some(signature, view, Step(commit.seq, [(commit, list(shown))]), prev)


def deltas_of_some(signature: Signature, view: str, step: Step, prev: int) -> bytes:
    """Return the DELTA frames of commits that are taken as one; see `deltas`."""
    head = b'{"type":"DELTA",%b,"seq":%d,"prev":%d' % (signature.of(view), step.seq, prev)
    count = sum(len(shown) for _, shown in step.told)
    frames: list[bytes] = []
    for commit, shown in step.told:
        by = _by(commit)
        for one in shown:
            i = len(frames)
            together = b',"tx":{"i":%d,"n":%d}' % (i, count) if count > 1 else b""
            data = _change(commit, one)
            frames.append(frame(b'%b%b%b,"data":%b}' % (head, together, by, data)))
    return b"".join(frames)


def _change(commit: Commit, shown: Shown) -> bytes:
    return b'{"table":%b,"operation":"%b","id":%b,"changes":%b,"timestamp":"%b"%b}' % (
        quote(shown.change.table),
        shown.operation.encode(),
        quote(shown.change.id),
        shown.body,
        commit.at.encode(),
        b',"reason":"left"' if shown.left else b"",
    )


def _by(commit: Commit) -> bytes:
    by = commit.by
    return b',"by":%b' % quote(by) if by else b""


def ack(
    ref: str | int, seq: int, commit: Commit | None, grant: Grant, *, dup: bool = False
) -> bytes:
    """Return the ACK of a write, with the rows that *grant* lets its writer read.

    *commit* is None where the log no longer has it.
    """
    rows = b""
    if commit is not None:
        lines = [line for change in commit.changes if (line := grant.line(change)) is not None]
        rows = b',"rows":[%b]' % b",".join(lines)
        if commit.numbers:
            rows = b',"numbers":%b' % quote(commit.numbers)
    again = b',"dup":true' if dup else b""
    return frame(b'{"type":"ACK","ref":%b,"seq":%d%b%b}' % (quote(ref), seq, rows, again))


class _Error(msgspec.Struct, tag="ERROR", tag_field="type", omit_defaults=True):
    error: str
    code: str
    text: dict[str, str]
    ref: str | int | None = None
    details: list[dict[str, Any]] = []
    more: int = 0
    current: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    retry_ms: int = 0


def error(refusal: Refused, ref: str | int | None = None, *, arabic: bool = False) -> bytes:
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
    current: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    aside = 0
    if isinstance(refusal, Conflict):
        current, aside = msgspec.Raw(refusal.current), len(refusal.current.decode())
    while True:
        payload = quote(
            _Error(
                error=said.ar if arabic else said.en,
                code=refusal.code,
                text={"ar": said.ar, "en": said.en},
                ref=ref,
                details=shown,
                more=len(refusal.details) - len(shown),
                current=current,
                retry_ms=refusal.retry_ms,
            )
        )
        if len(payload.decode()) - aside <= MAX_ERROR or not shown:
            return frame(payload)
        shown.pop()


def welcome(version: str, now: str, limits: Mapping[str, int], user: str | None) -> bytes:
    """Return the answer to HELLO."""
    said = {"v": 1, "server": "mishkah", "version": version, "now": now, "limits": limits}
    if user is not None:
        said["user"] = user
    return frame(b'{"type":"WELCOME",%b' % quote(said)[1:])


def result(ref: str | int | None, rows: Sequence[bytes], after: str | None, seq: int) -> bytes:
    """Return the RESULT of a QUERY: its *rows* as JSON, and where the next page begins."""
    told = b"" if ref is None else b',"ref":%b' % quote(ref)
    more = b"" if after is None else b',"next":%b' % quote(after)
    body = (told, b",".join(rows), more, seq)
    return frame(b'{"type":"RESULT"%b,"rows":[%b]%b,"seq":%d}' % body)


def pong(now: str) -> bytes:
    return frame(b'{"type":"PONG","now":%b}' % quote(now))


def goaway(retry_ms: int) -> bytes:
    """Return what is said before a socket is closed, to be opened again after *retry_ms*."""
    return frame(b'{"type":"GOAWAY","retry_ms":%d}' % retry_ms)
