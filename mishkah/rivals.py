"""Who else has changed a row since its user looked: worked out from the log."""

from collections.abc import Iterator
from itertools import islice

from mishkah.core.commands import ops_of
from mishkah.core.messages import Based, Insert
from mishkah.core.seen import RowKey, Seen, written_by_others
from mishkah.core.state import State
from mishkah.journal import Journal
from mishkah.requests import Ask

LONGEST = 500
"""Commits of one row that are looked at; beyond, it counts as changed altogether."""
MOST = 5000
"""Commits that are looked at for all rows of one command."""


async def seen_by(ask: Ask, state: State, journal: Journal) -> Seen | None:
    """Return what the user of *ask* saw, and what others have changed since, up to *state*.

    None where the command names no base.
    """
    command = ask.command
    if not isinstance(command, Based) or command.base is None:
        return None
    keys = {(op.table, op.id) for op in ops_of(command) if not isinstance(op, Insert)}
    known = command.epoch in (None, journal.epoch) and 0 <= command.base <= state.seq
    if not known:  # another history: nothing can be told, so every row is a newer one
        return Seen(-1, dict.fromkeys(keys))
    rivals: dict[RowKey, frozenset[str] | None] = dict.fromkeys(keys, frozenset())
    looks = iter(range(MOST))
    for key in keys:
        if key[0] in state.tables and (record := state.record(*key)) is not None:
            rivals[key] = await _since(command.base, key, record.seq, ask, journal, looks)
    return Seen(command.base, rivals)


async def _since(
    base: int, key: RowKey, last: int, ask: Ask, journal: Journal, looks: Iterator[int]
) -> frozenset[str] | None:
    """Follow the row *key* back from its commit *last* to *base*; None where the log does not say.

    Each entry of a row names the one before it.
    """
    fields: frozenset[str] = frozenset()
    for _ in islice(looks, LONGEST):
        if last <= base:
            return fields
        found = await journal.commits(last - 1, last)
        if not found:
            return None
        more, last = written_by_others(found[0], key, ask.client)
        fields |= more
    return fields if last <= base else None
