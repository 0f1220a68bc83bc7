"""The stories are worth something: they notice each rule that is broken on purpose."""

from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mishkah import dispatch, showing
from mishkah import store as stores
from mishkah.client import Undone, greeting, machine
from mishkah.core import wire
from mishkah.core.commit import Commit
from mishkah.core.draft import Draft
from mishkah.core.seen import Seen
from mishkah.core.views import View
from mishkah.feed import Outbox
from mishkah.store import Store
from mishkah.testing import FaultyJournals, write_installation
from simulation.story import Rules, tell
from simulation.world import RULES, SEEDS, TABLES

Patch = pytest.MonkeyPatch
MOST = 60
"""Stories in which a broken rule has to show."""


class Forgetful(Store):
    """Does not look names up."""

    async def _names(self, batch: Any) -> Any:
        return {}


class Backwards(Store):
    """Does what comes last first."""

    async def serve(self, batch: Any) -> None:
        await super().serve(batch[::-1])


class Wasteful(Store):
    """Uses up a number for a refusal."""

    def _work_out(self, request: Any, work: Any) -> Any:
        outcome = super()._work_out(request, work)
        if hasattr(outcome, "refusal"):
            key = ("sale", "no", "")
            work.draft.take(key, (work.draft.counter(key) or 0) + 1)
        return outcome


class LateJournals(FaultyJournals):
    """Say that a commit is kept, and keep it with the next one."""

    @asynccontextmanager
    async def __call__(self, *store: Any) -> Any:
        async with super().__call__(*store) as journal:
            append, waiting = journal.append, list[Commit]()

            async def later(commits: Sequence[Commit]) -> None:
                await append(waiting)
                waiting[:] = commits

            journal.append = later
            yield journal


def with_store(store: type[Store]) -> Callable[[Patch], Rules]:
    return lambda patch: Rules(store=store)


def keeps_late(patch: Patch) -> Rules:
    return Rules(journals=LateJournals)


def does_half(patch: Patch) -> Rules:
    """Keep one change of a transaction."""
    whole = stores.transact

    def half(draft: Draft, *asked: Any) -> Commit:
        commit = whole(draft, *asked)
        kept = commit.changes[:1]
        draft.take_back()
        for change in kept:
            draft.put(change, commit.seq)
        return msgspec.structs.replace(commit, changes=kept)

    patch.setattr(stores, "transact", half)
    return Rules()


def overwrites(patch: Patch) -> Rules:
    """Pay no heed to what the user saw."""
    patch.setattr(Seen, "check", lambda *_: None)
    return Rules()


def drops(patch: Patch) -> Rules:
    """Drop what a slow client can't take, and go on as if it were not so."""
    put = Outbox.put

    def put_or_drop(self: Outbox, listener: Any, pieces: Any) -> None:
        if self.size <= self._limit:
            put(self, listener, pieces)

    patch.setattr(Outbox, "put", put_or_drop)
    return Rules()


def skips(patch: Patch) -> Rules:
    """Leave a commit out where somebody resumes, and keep quiet about it."""
    missed = showing.Showing._send_missed

    async def one_less(self: Any, listener: Any, view: View) -> None:
        whole = self._journal.commits

        async def some(after: int, upto: int) -> list[Commit]:
            first, *rest = await whole(after, upto) or [None]
            empty = first and msgspec.structs.replace(first, changes=())
            return [one for one in (empty, *rest) if one is not None]

        with patch.context() as once:
            once.setattr(self._journal, "commits", some)
            await missed(self, listener, view)

    patch.setattr(showing.Showing, "_send_missed", one_less)
    return Rules()


def tears(patch: Patch) -> Rules:
    """Tell the changes of a commit one by one."""

    def apart(signature: Any, view: str, commit: Commit, shown: Any, prev: int) -> bytes:
        return b"".join(whole(signature, view, commit, [one], prev) for one in shown)

    whole = wire.deltas
    patch.setattr(wire, "deltas", apart)
    return Rules()


def lets_stay(patch: Patch) -> Rules:
    """Say nothing of rows that leave a view."""
    shows = View.shows

    def staying(self: View, changes: Any) -> Any:
        return [one for one in shows(self, changes) if not one.left]

    patch.setattr(View, "shows", staying)
    return Rules()


def forgets_listeners(patch: Patch) -> Rules:
    """Lose a listener's place when another leaves."""
    publish = dispatch.Audience.publish

    def forgetting(self: Any) -> int:
        shown = publish(self)
        self.listeners = self.listeners[-2:]
        return shown

    patch.setattr(dispatch.Audience, "publish", forgetting)
    return Rules()


def renames(patch: Patch) -> Rules:
    """Be another client on each connection."""
    hello = greeting.Greeting.hello

    def under_another_name(self: Any) -> str:
        self._client += "x"
        return hello(self)

    patch.setattr(greeting.Greeting, "hello", under_another_name)
    return Rules()


def gives_up(patch: Patch) -> Rules:
    """Drop unanswered writes when the connection breaks."""
    cut = machine.Machine.cut

    def dropping(self: Any) -> None:
        cut(self)
        for errand in self.outbox:
            self.outbox.settle(errand.ref, None)

    patch.setattr(machine.Machine, "cut", dropping)
    return Rules()


BROKEN = [
    with_store(Forgetful), with_store(Backwards), with_store(Wasteful), keeps_late, does_half,
    overwrites, drops, skips, tears, lets_stay, forgets_listeners, renames, gives_up,
]  # fmt: skip
NAMES = ["Forgetful", "Backwards", "Wasteful", *(rule.__name__ for rule in BROKEN[3:])]


def is_noticed(shop: Path, rules: Rules) -> bool:
    for seed in range(MOST):
        noticed = False
        try:
            tell(seed, shop, rules)
        except* (AssertionError, Undone):
            noticed = True
        if noticed:
            return True
    return False


@pytest.mark.parametrize("rule", BROKEN, ids=NAMES)
def test_a_broken_rule_is_noticed(
    rule: Callable[[Patch], Rules], shop: Path, monkeypatch: Patch
) -> None:
    assert is_noticed(shop, rule(monkeypatch))


def test_a_shelf_below_zero_is_noticed(tmp_path: Path) -> None:
    fields = {**TABLES["item"]["fields"], "stock": {"type": "integer", "required": True}}
    tables = {**TABLES, "item": {"fields": fields}}
    shop = write_installation(tmp_path / "data", tables, rules=RULES, seeds=SEEDS)
    assert is_noticed(shop, Rules())
