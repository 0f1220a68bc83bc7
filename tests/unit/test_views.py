"""A filtered view is always the filter of the whole, live and from any cursor on."""

import gc
import json
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.histories import COMMANDS, WHERES, filtered, rows_of, run

from mishkah.core import wire
from mishkah.core.grants import everything
from mishkah.core.ids import StoreId
from mishkah.core.messages import WHOLE
from mishkah.core.snapshots import Snapshot
from mishkah.core.views import read_view
from mishkah.core.where import candidates, read_where
from mishkah.dispatch import Dispatch
from mishkah.feed import Outbox
from mishkah.listener import Listener

SIGN = wire.Signature(StoreId("b", "m"), "e")


@pytest.mark.parametrize("where", WHERES, ids=str)
@given(before=COMMANDS, after=COMMANDS, cut=st.integers(0, 12))
def test_a_view_is_the_filter_of_the_whole(
    open_shop: Any, read_frames: Any, where: Any, before: Any, after: Any, cut: int
) -> None:
    shop = open_shop()
    view = read_view(everything(shop.rules.schema), ["item"], where)
    run(shop, before)
    rows = rows_of(read_frames(b"".join(Snapshot(SIGN, shop.state, view).parts())), {})
    assert rows == filtered(shop, view)
    since = prev = shop.state.seq
    run(shop, after)
    for commit in shop.history[since:]:
        shown = view.shows(commit.changes)
        messages = read_frames(wire.deltas(SIGN, view.id, commit, shown, prev))
        together = [message.get("tx", {"i": 0, "n": 1}) for message in messages]
        assert together == [{"i": i, "n": len(shown)} for i in range(len(shown))]
        left = ["left" if one.left else None for one in shown]
        assert [message["data"].get("reason") for message in messages] == left
        rows = rows_of(messages, rows)
    assert rows == filtered(shop, view)


@given(commands=COMMANDS)
async def test_the_index_finds_every_view_that_a_commit_concerns(
    open_shop: Any, commands: Any
) -> None:
    shop = open_shop()
    dispatch = Dispatch(SIGN, shop.rules.schema)
    views = [read_view(everything(shop.rules.schema), ["item"], where) for where in WHERES]
    views.append(read_view(everything(shop.rules.schema), None, None))
    outboxes = []
    for view in views:
        outboxes.append(Outbox())
        dispatch.join(Listener(outboxes[-1], StoreId("b", "m"), seed=False), view, 0)
    run(shop, commands)
    for commit in shop.history:
        dispatch.note(commit)
    await dispatch.publish()
    for view, outbox in zip(views, outboxes, strict=True):
        expected = [c.seq for c in shop.history if view.shows(c.changes)]
        assert [letter.upto for letter in outbox._letters] == expected[-1:]


def test_the_name_of_a_view_is_that_of_what_it_shows(shop: Any) -> None:
    grant = everything(shop.rules.schema)
    whole = read_view(grant, None, None)
    assert whole.id == read_view(grant, ["bill", "item"], None).id == WHOLE

    one = read_view(grant, ["item"], {"and": [["slot", "=", 1], ["kind", "=", "food"]]})
    other = read_view(grant, ["item", "item"], {"and": [["kind", "=", "food"], ["slot", "=", 1]]})
    assert one.id == other.id
    assert len({one.id, WHOLE, read_view(grant, ["item"], None).id}) == 3


def test_a_large_snapshot_comes_in_parts_that_others_share(shop: Any, read_frames: Any) -> None:
    for n in range(1200):
        shop.insert("item", {"id": f"i{n}", "name": "x" * 1000, "slot": n % 7})
    view = read_view(everything(shop.rules.schema), None, None)
    snapshot = Snapshot(SIGN, shop.state, view)
    parts = list(snapshot.parts())
    messages = read_frames(b"".join(parts))
    assert len(parts) > 4
    assert [m["part"] for m in messages] == list(range(len(parts)))
    assert [m["last"] for m in messages] == [False] * (len(parts) - 1) + [True]
    assert set(messages[0]["data"]) == {"item", "bill"}
    assert sum(len(m["data"].get("item", ())) for m in messages) == 1200
    assert all(len(part) < 2 * 256 * 1024 for part in parts)
    together = zip(Snapshot(SIGN, shop.state, view).parts(), snapshot.parts(), strict=True)
    assert all(one == other for one, other in together)
    first, second = snapshot.parts(), snapshot.parts()
    assert all(one is other for one, other in zip(first, second, strict=True)), "one encoding"
    late = snapshot.parts()
    next(late)
    shop.delete("item", "i5")
    assert list(late) == parts[1:], "a snapshot stays what it was"
    (whole,) = read_frames(b"".join(snapshot.whole()))
    assert len(whole["data"]["item"]) == 1200


def test_a_filtered_snapshot_has_what_the_filter_holds(shop: Any, read_frames: Any) -> None:
    for n in range(5000):
        shop.insert("item", {"id": f"i{n}", "name": "x", "slot": n, "shelf": "s"})
    view = read_view(everything(shop.rules.schema), ["item"], ["slot", "<", 4000])
    messages = read_frames(b"".join(Snapshot(SIGN, shop.state, view).parts()))
    assert len(messages) > 2
    assert sum(len(m["data"].get("item", ())) for m in messages) == 4000
    few = read_view(
        everything(shop.rules.schema), ["item"], {"and": [["kind", "=", "drink"], ["slot", "<", 9]]}
    )
    (only,) = read_frames(b"".join(Snapshot(SIGN, shop.state, few).parts()))
    assert only["data"] == {"item": []}


def test_views_of_one_moment_share_its_rows(shop: Any) -> None:
    """Sixty filters over a large table cost the list of its rows once, not sixty times."""
    shop.insert("item", {"id": "a", "name": "n"})
    table = shop.rules.schema.tables["item"]
    first, other = (read_where(["name", "prefix", text], [table]) for text in "ab")
    rows = candidates(shop.state, table, first)
    assert candidates(shop.state, table, other) is rows
    shop.update("item", "a", {"slot": 5})
    assert [json.loads(row.json)["slot"] for row in rows] == [None], "it stays what it was"
    now = candidates(shop.state, table, first)
    assert [json.loads(row.json)["slot"] for row in now] == [5]
    shop.delete("item", "a")
    assert candidates(shop.state, table, first) == []


def test_nobody_who_left_a_quiet_view_is_kept(shop: Any) -> None:
    dispatch = Dispatch(SIGN, shop.rules.schema)
    view = read_view(everything(shop.rules.schema), None, None)
    stays = Listener(Outbox(), StoreId("b", "m"), seed=True)
    dispatch.join(stays, view, 0)
    gone = []
    for _ in range(500):
        outbox = Outbox()
        dispatch.join(Listener(outbox, StoreId("b", "m"), seed=True), view, 0)
        outbox.hang_up()
        gone.append(weakref.ref(outbox))
    del outbox
    gc.collect()
    assert sum(one() is not None for one in gone) < 50
    assert stays in dispatch.listeners
