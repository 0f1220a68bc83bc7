"""Who looks at what: an index finds the views that a commit concerns, and forgets the others."""

from itertools import chain, pairwise
from typing import Any

import pytest
import trio
import trio.testing

from mishkah.core import wire
from mishkah.core.grants import everything
from mishkah.core.ids import StoreId
from mishkah.core.views import View, read_view
from mishkah.dispatch import AT_ONCE, Dispatch
from mishkah.feed import Outbox
from mishkah.listener import Listener

STORE = StoreId("b", "m")
VIEWS = 2000


class Watched(Dispatch):
    """A dispatch that tells which views a commit had it look at."""

    def __init__(self, shop: Any) -> None:
        super().__init__(wire.Signature(STORE, "e"), shop.rules.schema)
        self.schema = shop.rules.schema
        self.outboxes: list[Outbox] = []

    def look(self, where: Any, view: View | None = None) -> Outbox:
        """Let a new client look at *where*."""
        outbox = Outbox()
        self.outboxes.append(outbox)
        seen = view or read_view(everything(self.schema), ["item"], where)
        self.join(Listener(outbox, STORE, seed=False), seen, 0)
        return outbox

    def looked_at(self, commit: Any) -> int:
        return len(self._concerned(commit))


@pytest.fixture
def dispatch(shop: Any) -> Watched:
    return Watched(shop)


FOOD = ["kind", "=", "food"]
WHERES: dict[str, Any] = {
    "=": lambda n: ["slot", "=", n],
    "in": lambda n: ["slot", "in", [n, n + VIEWS]],
    "and": lambda n: {"and": [FOOD, ["slot", "=", n], ["price", ">", 0]]},
    "and in": lambda n: {"and": [FOOD, ["slot", "in", [n, -n - 1]]]},
    "or": lambda n: {"or": [["slot", "=", n], {"and": [["slot", "=", -n - 1], FOOD]}]},
}


@pytest.mark.parametrize("kind", WHERES)
def test_of_two_thousand_views_a_commit_looks_at_those_it_concerns(
    shop: Any, dispatch: Watched, kind: str
) -> None:
    for n in range(VIEWS):
        dispatch.look(WHERES[kind](n))
    row = {"id": "a", "name": "n", "price": 1}
    enters = shop.run({"type": "INSERT", "table": "item", "data": {**row, "slot": 7}})
    moves = shop.update("item", "a", {"slot": 8})
    goes = shop.delete("item", "a")
    other = shop.run({"type": "INSERT", "table": "bill", "data": {"id": "b"}})
    looked = [dispatch.looked_at(commit) for commit in (enters, moves, goes, other)]
    one_more = 1 if kind.startswith("and") else 0  # the first view may be found by its kind
    assert looked == [1 + one_more, 2 + one_more, 1 + one_more, 0]


async def test_a_frame_is_written_once_for_all_who_look_at_the_view(
    shop: Any, dispatch: Watched
) -> None:
    """Whenever they joined, and however they said it."""
    wheres = [{"and": [["slot", "=", 1], ["kind", "=", "food"]]},
              {"and": [["kind", "=", "food"], {"not": ["slot", "!=", 1]}]}]  # fmt: skip
    for n in range(20):
        dispatch.look(wheres[n % 2])
    dispatch.note(shop.run({"type": "INSERT", "table": "item",
                            "data": {"id": "a", "name": "n", "slot": 1}}))  # fmt: skip
    await dispatch.publish()
    late = dispatch.look(wheres[0])
    dispatch.note(shop.update("item", "a", {"name": "m"}))
    await dispatch.publish()
    sent = [
        [*chain(*(letter.pieces for letter in outbox._letters))] for outbox in dispatch.outboxes
    ]
    assert all(frames[-1] is sent[0][-1] for frames in sent)
    assert [len(frames) for frames in sent] == [2] * 20 + [1]
    assert late is dispatch.outboxes[-1]


async def test_views_that_nobody_looks_at_any_more_are_forgotten(
    shop: Any, dispatch: Watched
) -> None:
    """A client that comes and goes with ever other filters leaves nothing behind."""
    stays = dispatch.look(["slot", "=", -1])
    for n in range(5000):
        outbox = dispatch.look(["slot", "=", n])
        outbox.hang_up()
    assert len(dispatch._audiences) < 200
    assert sum(map(len, dispatch._index.values())) == len(dispatch._audiences)
    dispatch.note(shop.run({"type": "INSERT", "table": "item",
                            "data": {"id": "a", "name": "n", "slot": -1}}))  # fmt: skip
    await dispatch.publish()
    assert len(stays._letters) == 1


def test_few_snapshots_are_kept_and_none_when_something_changes(
    shop: Any, dispatch: Watched
) -> None:
    for n in range(50):
        view = read_view(everything(dispatch.schema), ["item"], ["slot", "=", n])
        assert dispatch.snapshot(view, shop.state) is dispatch.snapshot(view, shop.state)
    assert len(dispatch._sent) < 10
    dispatch.note(shop.run({"type": "INSERT", "table": "bill", "data": {"id": "b"}}))
    assert len(dispatch._sent) == 0


async def test_views_of_several_tables_are_found_by_each(
    shop: Any, dispatch: Watched, read_frames: Any
) -> None:
    both = read_view(everything(dispatch.schema), None, ["id", "=", "a"])
    dispatch.look(None, both)
    item = shop.run({"type": "INSERT", "table": "item", "data": {"id": "a", "name": "n"}})
    bill = shop.run({"type": "INSERT", "table": "bill", "data": {"id": "a"}})
    other = shop.run({"type": "INSERT", "table": "bill", "data": {"id": "b"}})
    assert [dispatch.looked_at(c) for c in (item, bill, other)] == [1, 1, 0]
    for commit in (item, bill, other):
        dispatch.note(commit)
    await dispatch.publish()
    (letter,) = dispatch.outboxes[0]._letters
    messages = read_frames(b"".join(letter.pieces))
    assert [message["data"]["table"] for message in messages] == ["item", "bill"]


def inserted(shop: Any, key: str, name: str = "n") -> Any:
    return shop.run({"type": "INSERT", "table": "item", "data": {"id": key, "name": name}})


class Crowd:
    """Many clients at one view, each with nothing that waits; what they are sent, in its order."""

    def __init__(self, dispatch: Watched, many: int) -> None:
        self.sent: list[tuple[Outbox, bytes]] = []
        self.outboxes = [dispatch.look(None) for _ in range(many)]

    async def listen(self, outbox: Outbox) -> None:
        """Send at once what goes at once, and later what waits, if anything does."""

        def now(frames: bytes) -> int:
            self.sent.append((outbox, frames))
            return len(frames)

        outbox.now = now
        while (mail := await outbox.take()) is not None:
            if taken := b"".join(mail.pieces):
                self.sent.append((outbox, taken))

    def heard(self, outbox: Outbox) -> list[bytes]:
        return [frames for one, frames in self.sent if one is outbox]


async def test_everyone_has_a_turn_while_many_are_sent_a_commit(
    shop: Any, dispatch: Watched, autojump_clock: Any
) -> None:
    crowd = Crowd(dispatch, 6 * AT_ONCE)
    turns = [0]

    async def neighbour() -> None:
        while True:
            turns.append(len(crowd.sent))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for outbox in crowd.outboxes:
            nursery.start_soon(crowd.listen, outbox)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(neighbour)
        for name in "ab":
            dispatch.note(inserted(shop, name))
            await dispatch.publish()
        nursery.cancel_scope.cancel()
    most = max(after - before for before, after in pairwise([*turns, len(crowd.sent)]))
    assert most <= 2 * AT_ONCE, "first in one round of the loop and last in the next"
    both = crowd.heard(crowd.outboxes[0])
    assert [b'"id":"a"' in both[0], b'"id":"b"' in both[1]] == [True, True]
    assert all(crowd.heard(outbox) == both for outbox in crowd.outboxes)


async def test_who_leaves_or_falls_behind_while_others_are_sent_a_commit_is_passed_over(
    shop: Any, dispatch: Watched, autojump_clock: Any
) -> None:
    """The last two would be sent it after a turn of the others: one has left, one lags."""
    crowd = Crowd(dispatch, 3 * AT_ONCE)
    *_, leaves, lags = crowd.outboxes

    async def meanwhile() -> None:
        leaves.hang_up()
        lags._fall_behind()

    async with trio.open_nursery() as nursery:
        for outbox in crowd.outboxes[:-2]:
            nursery.start_soon(crowd.listen, outbox)
        await trio.testing.wait_all_tasks_blocked()
        dispatch.note(inserted(shop, "a"))
        nursery.start_soon(meanwhile)
        await dispatch.publish()
        assert len(crowd.sent) == 3 * AT_ONCE - 2
        mail = await lags.take()
        assert mail is not None
        assert (mail.pieces, [one.cursor for one in mail.behind]) == ((), [-1])
        nursery.cancel_scope.cancel()
    assert lags.listeners[0] not in dispatch.listeners, "it joins again when it has read the log"


async def test_large_frames_are_sent_to_fewer_before_others_have_a_turn(
    shop: Any, dispatch: Watched
) -> None:
    crowd = Crowd(dispatch, AT_ONCE)
    turns = [0]

    async def neighbour() -> None:
        while True:
            turns.append(sum(outbox.size > 0 for outbox in crowd.outboxes))
            await trio.lowlevel.checkpoint()

    dispatch.note(inserted(shop, "a", "n" * 100_000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(neighbour)
        await dispatch.publish()
        nursery.cancel_scope.cancel()
    most = max(after - before for before, after in pairwise([*turns, AT_ONCE]))
    assert most <= AT_ONCE // 3, "100 kB cost as much as seven sends of a small frame"
