"""Who else has changed a row since its user looked: worked out from the log."""

from collections.abc import Sequence
from heapq import heappop, heappush

from mishkah.core.commands import ops_of
from mishkah.core.commit import Commit
from mishkah.core.messages import Based, Insert
from mishkah.core.seen import Author, RowKey, Seen, Written, written
from mishkah.core.state import State
from mishkah.core.wire import history_of
from mishkah.journal import Journal
from mishkah.requests import Ask, Request

LONGEST = 500
"""Commits that are looked at for one command; beyond, its rows count as changed altogether."""
MOST_ROWS = 20_000
"""Rows that these may have written together."""


class Rivals:
    """What the users of a batch's commands saw, and what others have written since."""

    def __init__(self) -> None:
        self._seen: dict[int, Seen] = {}
        self._written: dict[RowKey, list[Written]] = {}

    async def look(self, batch: Sequence[Request], state: State, journal: Journal) -> None:
        """Ask the log for what was written up to *state*."""
        for request in batch:
            if isinstance(request, Ask):
                seen = await seen_by(request, state, journal)
                if seen is not None:
                    self._seen[id(request)] = seen

    def of(self, ask: Ask) -> Seen | None:
        """Return what the user of *ask* saw; None where its command names no base."""
        seen = self._seen.get(id(ask))
        return seen and seen.after(self._written, ask.author)

    def note(self, commit: Commit) -> None:
        """Count *commit*, which the batch has made, for the commands after it."""
        if self._seen:
            one = written(commit)
            for key in one.rows:
                self._written.setdefault(key, []).append(one)


async def seen_by(ask: Ask, state: State, journal: Journal) -> Seen | None:
    """Return what the user of *ask* saw, and what others have changed since, up to *state*.

    None where the command names no base.
    """
    command = ask.command
    if not isinstance(command, Based) or command.base is None:
        return None
    keys = {(op.table, op.id) for op in ops_of(command) if not isinstance(op, Insert)}
    same = command.epoch is None or history_of(command.epoch) == journal.epoch
    known = same and 0 <= command.base <= state.seq
    if not known:  # another history: nothing can be told, so every row is a newer one
        return Seen(-1, dict.fromkeys(keys))
    if ask.exact:
        return Seen(command.base, dict.fromkeys(keys))
    last = {
        key: record.seq
        for key in keys
        if key[0] in state.tables and (record := state.record(*key)) is not None
    }
    found = await _since(command.base, last, ask.author, journal)
    return Seen(command.base, {**dict.fromkeys(keys, frozenset()), **found})


async def _since(
    base: int, last: dict[RowKey, int], author: Author | None, journal: Journal
) -> dict[RowKey, frozenset[str] | None]:
    """Follow rows back to *base*, from the commits that wrote them *last*, the newest first.

    Each entry of a row names the one before it. None is a row of which the log does not say.
    """
    rivals: dict[RowKey, frozenset[str] | None] = {}
    waiting: dict[int, list[RowKey]] = {}
    newest: list[int] = []

    def follow(key: RowKey, seq: int) -> None:
        if seq > base:
            if seq not in waiting:
                heappush(newest, -seq)
            waiting.setdefault(seq, []).append(key)

    for key, seq in last.items():
        follow(key, seq)
    looked = rows = 0
    while newest and looked < LONGEST and rows < MOST_ROWS:
        seq = -heappop(newest)
        commits = await journal.commits(seq - 1, seq)
        one = written(commits[0]) if commits else Written(None, {})
        looked, rows = looked + 1, rows + len(one.rows)
        for key in waiting.pop(seq):
            known = rivals.get(key, frozenset())
            if key not in one.rows or known is None:
                rivals[key] = None
            else:
                rivals[key] = known | one.rivals(key, author)
                follow(key, one.rows[key][1])
    return rivals | dict.fromkeys(key for keys in waiting.values() for key in keys)
