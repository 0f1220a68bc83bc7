"""A filtered view is always the filter of the whole, live and from any cursor on."""

import gc
import json
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core import wire
from mishkah.core.errors import Refused
from mishkah.core.ids import StoreId
from mishkah.core.messages import WHOLE
from mishkah.core.snapshots import Snapshot
from mishkah.core.views import View, read_view
from mishkah.core.where import candidates, read_where
from mishkah.dispatch import Dispatch
from mishkah.feed import Listener, Outbox

SIGN = wire.Signature(StoreId("b", "m"), "e")
WHERES: list[Any] = [
    None,
    ["kind", "=", "drink"],
    ["slot", "in", [1, 2]],
    ["slot", "null", True],
    {"and": [["kind", "=", "food"], ["slot", ">", 1]]},
    {"or": [["kind", "=", "drink"], ["slot", "=", 3]]},
]
IDS = st.sampled_from("abc")
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["food", "drink"]),
        "slot": st.sampled_from([None, 1, 2, 3]),
        "name": st.sampled_from(["x", "y"]),
    },
)
OPS = st.one_of(
    st.builds(lambda i, v: {"type": "INSERT", "table": "item", "data": {"id": i, "name": "n", **v}},
              IDS, VALUES),
    st.builds(lambda i, v: {"type": "UPDATE", "table": "item", "id": i, "changes": v}, IDS, VALUES),
    st.builds(lambda i: {"type": "DELETE", "table": "item", "id": i}, IDS),
)  # fmt: skip
COMMANDS = st.lists(st.lists(OPS, min_size=1, max_size=4), max_size=12)


def run(shop: Any, commands: list[list[Any]]) -> None:
    for ops in commands:
        try:
            shop.run({"type": "TRANSACTION", "ops": ops})
        except Refused:
            continue


def rows_of(messages: list[Any], rows: dict[str, Any]) -> dict[str, Any]:
    """Apply *messages* as any client would."""
    for message in messages:
        data = message["data"]
        if message["type"] == "SNAPSHOT":
            rows.update((row["id"], row) for row in data.get("item", ()))
        elif data["operation"] == "DELETE":
            del rows[data["id"]]
        elif data["operation"] == "INSERT":
            assert data["id"] not in rows, "it has entered before"
            rows[data["id"]] = data["changes"]
        else:
            rows[data["id"]].update(data["changes"])
    return rows


def filtered(shop: Any, view: View) -> dict[str, Any]:
    whole = json.loads(json.dumps(shop.rows("item"), default=float))
    held = [row["id"] for row in shop.rows("item") if view.where is None or view.where.holds(row)]
    return {row["id"]: row for row in whole if row["id"] in held}


@pytest.mark.parametrize("where", WHERES, ids=str)
@given(before=COMMANDS, after=COMMANDS, cut=st.integers(0, 12))
def test_a_view_is_the_filter_of_the_whole(
    open_shop: Any, read_frames: Any, where: Any, before: Any, after: Any, cut: int
) -> None:
    shop = open_shop()
    view = read_view(shop.rules.schema, ["item"], where)
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
def test_the_index_finds_every_view_that_a_commit_concerns(open_shop: Any, commands: Any) -> None:
    shop = open_shop()
    dispatch = Dispatch(SIGN, shop.rules.schema)
    views = [read_view(shop.rules.schema, ["item"], where) for where in WHERES]
    views.append(read_view(shop.rules.schema, None, None))
    outboxes = []
    for view in views:
        outboxes.append(Outbox())
        dispatch.join(Listener(outboxes[-1], StoreId("b", "m"), seed=False), view, 0)
    run(shop, commands)
    for commit in shop.history:
        dispatch.note(commit)
    dispatch.publish()
    for view, outbox in zip(views, outboxes, strict=True):
        expected = [c.seq for c in shop.history if view.shows(c.changes)]
        assert [letter.upto for letter in outbox._letters] == expected[-1:]


def test_the_name_of_a_view_is_that_of_what_it_shows(shop: Any) -> None:
    schema = shop.rules.schema
    assert read_view(schema, None, None).id == read_view(schema, ["bill", "item"], None).id == WHOLE
    one = read_view(schema, ["item"], {"and": [["slot", "=", 1], ["kind", "=", "food"]]})
    other = read_view(schema, ["item", "item"], {"and": [["kind", "=", "food"], ["slot", "=", 1]]})
    assert one.id == other.id
    assert len({one.id, WHOLE, read_view(schema, ["item"], None).id}) == 3


def test_a_large_snapshot_comes_in_parts_that_others_share(shop: Any, read_frames: Any) -> None:
    for n in range(1200):
        shop.insert("item", {"id": f"i{n}", "name": "x" * 1000, "slot": n % 7})
    view = read_view(shop.rules.schema, None, None)
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
    view = read_view(shop.rules.schema, ["item"], ["slot", "<", 4000])
    messages = read_frames(b"".join(Snapshot(SIGN, shop.state, view).parts()))
    assert len(messages) > 2
    assert sum(len(m["data"].get("item", ())) for m in messages) == 4000
    few = read_view(
        shop.rules.schema, ["item"], {"and": [["kind", "=", "drink"], ["slot", "<", 9]]}
    )
    (only,) = read_frames(b"".join(Snapshot(SIGN, shop.state, few).parts()))
    assert only["data"] == {"item": []}


def test_views_of_one_moment_share_its_rows(shop: Any) -> None:
    """Sixty filters over a large table cost the list of its rows once, not sixty times."""
    shop.insert("item", {"id": "a", "name": "n"})
    table = shop.rules.schema.tables["item"]
    first, other = (read_where(["name", "prefix", text], [table]) for text in "ab")
    lines = candidates(shop.state, table, first)
    assert candidates(shop.state, table, other) is lines
    shop.update("item", "a", {"slot": 5})
    assert [json.loads(line)["slot"] for line in lines] == [None], "it stays what it was"
    now = candidates(shop.state, table, first)
    assert [json.loads(line)["slot"] for line in now] == [5]
    shop.delete("item", "a")
    assert candidates(shop.state, table, first) == []


def test_nobody_who_left_a_quiet_view_is_kept(shop: Any) -> None:
    dispatch = Dispatch(SIGN, shop.rules.schema)
    view = read_view(shop.rules.schema, None, None)
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
