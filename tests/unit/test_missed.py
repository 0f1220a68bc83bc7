"""A view that comes back: it has what the filter of the whole has, and was told of nothing else."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.histories import COMMANDS, WHERES, filtered, rows_of, run

from mishkah.core import wire
from mishkah.core.commit import Commit
from mishkah.core.grants import everything
from mishkah.core.ids import StoreId
from mishkah.core.missed import as_they_were, without_visits
from mishkah.core.views import View, read_view

SIGN = wire.Signature(StoreId("b", "m"), "e")


def told(read_frames: Any, view: View, commits: Sequence[Commit], since: int) -> list[Any]:
    """Return the messages that bring a client at *since* to the end of *commits*."""
    messages = []
    prev = since
    for step in without_visits(view, commits):
        if frames := wire.deltas_of_some(SIGN, view.id, step, prev):
            messages += read_frames(frames)
            prev = step.seq
    return messages


def take(messages: Sequence[Any], rows: dict[str, Any], cursor: int) -> int:
    """Apply the groups of *messages* that are whole; return the cursor that the client then has."""
    group: list[Any] = []
    for message in messages:
        group.append(message)
        assert message["prev"] <= cursor < message["seq"] == group[0]["seq"]
        assert message.get("tx", {"i": 0})["i"] == len(group) - 1
        if len(group) == message.get("tx", {"n": 1})["n"]:
            rows_of(group, rows)
            cursor, group = message["seq"], []
    return cursor


@pytest.mark.parametrize("where", WHERES, ids=str)
@given(before=COMMANDS, after=COMMANDS, cuts=st.lists(st.integers(0, 9), max_size=3))
def test_a_view_that_comes_back_is_told_of_no_row_that_came_and_went(
    open_shop: Any, read_frames: Any, where: Any, before: Any, after: Any, cuts: list[int]
) -> None:
    """However often its connection is cut meanwhile, and wherever."""
    shop = open_shop()
    view = read_view(everything(shop.rules.schema), ["item"], where)
    run(shop, before)
    rows, cursor = filtered(shop, view), shop.state.seq
    run(shop, after)
    now = filtered(shop, view)
    for heard in [*cuts, None]:
        had = set(rows)
        messages = told(read_frames, view, shop.history[cursor:], cursor)
        for message in messages:
            data = message["data"]
            assert data["id"] in had | set(now)
            assert data["operation"] != "DELETE" or data["id"] in had
        cursor = take(messages[:heard], rows, cursor)
    assert rows == now


@given(commands=COMMANDS, size=st.integers(1, 4))
def test_it_may_be_read_in_parts(
    open_shop: Any, read_frames: Any, commands: Any, size: int
) -> None:
    shop = open_shop()
    view = read_view(everything(shop.rules.schema), ["item"], ["kind", "=", "drink"])
    run(shop, commands)
    rows: dict[str, Any] = {}
    for at in range(0, len(shop.history), size):
        take(told(read_frames, view, shop.history[at : at + size], at), rows, at)
    assert rows == filtered(shop, view)


@given(commands=COMMANDS)
def test_what_hides_nothing_is_shown_commit_by_commit(open_shop: Any, commands: Any) -> None:
    """A frame is the same for those who come back and those who stayed."""
    shop = open_shop()
    view = read_view(everything(shop.rules.schema), ["item"], ["kind", "=", "drink"])
    run(shop, commands)
    shown = [(step.seq, step.told) for step in as_they_were(view, shop.history)]
    left = {(c.table, c.id) for _, told in shown for _, some in told for c, op, *_ in some
            if op == "DELETE"}  # fmt: skip
    if not left:
        assert [(step.seq, step.told) for step in without_visits(view, shop.history)] == shown


def drink(key: str) -> dict[str, Any]:
    return {"type": "INSERT", "table": "item", "data": {"id": key, "name": "n", "kind": "drink"}}


def test_the_commits_of_a_visit_are_one(shop: Any, read_frames: Any) -> None:
    view = read_view(everything(shop.rules.schema), ["item"], ["kind", "=", "drink"])
    shop.run(drink("stays"))
    shop.run(drink("visitor"))
    shop.run(drink("new"))
    shop.update("item", "stays", {"name": "m"})
    shop.update("item", "visitor", {"kind": "food"})
    shop.delete("item", "stays")
    messages = told(read_frames, view, shop.history[1:], 1)
    assert [(m["seq"], m["prev"], m.get("tx"), m["data"]["id"], m["data"]["operation"])
            for m in messages] == [
        (5, 1, {"i": 0, "n": 2}, "new", "INSERT"),
        (5, 1, {"i": 1, "n": 2}, "stays", "UPDATE"),
        (6, 5, None, "stays", "DELETE"),
    ]  # fmt: skip
    assert messages[0]["data"]["timestamp"] == shop.history[2].at


def test_a_visit_within_one_commit_is_hidden(shop: Any, read_frames: Any) -> None:
    view = read_view(everything(shop.rules.schema), ["item"], ["kind", "=", "drink"])
    gone = {"type": "DELETE", "table": "item", "id": "v"}
    shop.together(drink("v"), drink("w"), gone)
    (message,) = told(read_frames, view, shop.history, 0)
    assert (message["data"]["id"], "tx" in message) == ("w", False)


def test_who_left_and_came_back_is_told_so(shop: Any, read_frames: Any) -> None:
    view = read_view(everything(shop.rules.schema), ["item"], ["kind", "=", "drink"])
    shop.run(drink("a"))
    for kind in ("food", "drink", "food", "drink"):
        shop.update("item", "a", {"kind": kind})
    operations = [m["data"]["operation"] for m in told(read_frames, view, shop.history[1:], 1)]
    assert operations == ["DELETE", "INSERT"]
