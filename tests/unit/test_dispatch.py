"""Who looks at what: an index finds the views that a commit concerns, and forgets the others."""

from itertools import chain
from typing import Any

import pytest

from mishkah.core import wire
from mishkah.core.grants import everything
from mishkah.core.ids import StoreId
from mishkah.core.views import View, read_view
from mishkah.dispatch import Dispatch
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


def test_a_frame_is_written_once_for_all_who_look_at_the_view(shop: Any, dispatch: Watched) -> None:
    """Whenever they joined, and however they said it."""
    wheres = [{"and": [["slot", "=", 1], ["kind", "=", "food"]]},
              {"and": [["kind", "=", "food"], {"not": ["slot", "!=", 1]}]}]  # fmt: skip
    for n in range(20):
        dispatch.look(wheres[n % 2])
    dispatch.note(shop.run({"type": "INSERT", "table": "item",
                            "data": {"id": "a", "name": "n", "slot": 1}}))  # fmt: skip
    dispatch.publish()
    late = dispatch.look(wheres[0])
    dispatch.note(shop.update("item", "a", {"name": "m"}))
    dispatch.publish()
    sent = [
        [*chain(*(letter.pieces for letter in outbox._letters))] for outbox in dispatch.outboxes
    ]
    assert all(frames[-1] is sent[0][-1] for frames in sent)
    assert [len(frames) for frames in sent] == [2] * 20 + [1]
    assert late is dispatch.outboxes[-1]


def test_views_that_nobody_looks_at_any_more_are_forgotten(shop: Any, dispatch: Watched) -> None:
    """A client that comes and goes with ever other filters leaves nothing behind."""
    stays = dispatch.look(["slot", "=", -1])
    for n in range(5000):
        outbox = dispatch.look(["slot", "=", n])
        outbox.hang_up()
    assert len(dispatch._audiences) < 200
    assert sum(map(len, dispatch._index.values())) == len(dispatch._audiences)
    dispatch.note(shop.run({"type": "INSERT", "table": "item",
                            "data": {"id": "a", "name": "n", "slot": -1}}))  # fmt: skip
    dispatch.publish()
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


def test_views_of_several_tables_are_found_by_each(
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
    dispatch.publish()
    (letter,) = dispatch.outboxes[0]._letters
    messages = read_frames(b"".join(letter.pieces))
    assert [message["data"]["table"] for message in messages] == ["item", "bill"]
