"""The client without a socket, when it is somebody else, or may see something else."""

from typing import Any

import pytest
from support.pair import Pair, insert

from mishkah.client.errors import Denied, Refusal
from mishkah.client.replica import Cursor
from mishkah.core.messages import Update


def other_rights(pair: Pair, *rows: dict[str, Any]) -> None:
    """Show *rows* and nothing else from now on, as a server does when a role has changed."""
    pair.say("RESYNC", view="*", epoch="e", reason="rules")
    pair.say("SUBSCRIBED", view="v", epoch="e.x", seq=2, resumed=False)
    view = {"view": "v", "epoch": "e.x", "seq": 2}
    pair.say("SNAPSHOT", **view, part=0, last=True, data={"item": rows})
    pair.say("SYNCED", **view)


def test_other_rights_show_the_new_view_and_nothing_else() -> None:
    pair = Pair().begin({"id": "a", "n": 1, "cost": 5}, {"id": "b", "n": 2, "cost": 6})
    pair.machine.screen.watched["item"] = 1
    other_rights(pair, {"id": "a", "n": 1})
    assert pair.machine.screen.rows("item") == [{"id": "a", "n": 1}]
    assert (pair.machine.status, pair.machine.replica.cursor) == ("live", Cursor("e.x", 2))
    told = {(one.id, one.operation, one.left) for one in pair.machine.screen.changes}
    assert told == {("a", "UPDATE", False), ("b", "DELETE", False)}
    assert pair.sent() == [], "nothing need be asked for"
    pair.delta(3, 2, "c", epoch="e.x", view="v")
    assert pair.ids() == ["a", "c"]
    pair.machine.cut()
    again = pair.greet()[-1]
    assert (again["since"], again["epoch"]) == (3, "e.x")


def test_a_table_that_may_not_be_seen_any_more_is_gone() -> None:
    pair = Pair()
    pair.subscribed(pair.greet()[-1]["ref"], keys={"shelf": "code"})
    data = {"item": [{"id": "a"}], "shelf": [{"code": "A"}]}
    pair.say("SNAPSHOT", epoch="e", seq=1, part=0, last=True, data=data)
    pair.say("SYNCED", epoch="e", seq=1)
    pair.machine.screen.watched["shelf"] = 1
    other_rights(pair, {"id": "a"})
    assert list(pair.machine.replica.picture) == ["item"]
    assert [(one.id, one.operation) for one in pair.machine.screen.changes] == [("A", "DELETE")]


def test_what_is_not_confirmed_stays_on_top_when_rights_change() -> None:
    pair = Pair().begin({"id": "a", "n": 1}, {"id": "b", "n": 1})
    pair.machine.write(Update(table="item", id="a", changes={"n": 5}))
    pair.machine.write(Update(table="item", id="b", changes={"n": 5}))
    pair.machine.write(insert("c"))
    refs = [message["ref"] for message in pair.sent()]
    other_rights(pair, {"id": "a"})
    assert pair.machine.screen.rows("item") == [{"id": "a", "n": 5}, {"id": "c"}]
    for seq, ref in enumerate(refs):
        pair.say("ACK", ref=ref, seq=seq + 3, rows=[None])
    assert (pair.ids(), pair.machine.outbox.writes) == (["a"], 0)


def test_half_of_the_old_view_is_dropped_and_its_last_words_are_passed_over() -> None:
    pair = Pair().begin({"id": "a"})
    pair.delta(2, 1, "b", tx={"i": 0, "n": 2})
    pair.say("SUBSCRIBED", view="v", epoch="e.x", seq=2, resumed=False)
    pair.delta(2, 1, "c", tx={"i": 1, "n": 2})
    pair.say("SYNCED", epoch="e", seq=9)
    assert (pair.ids(), pair.sent(), pair.machine.status) == (["a"], [], "catching up")


def test_fields_that_may_not_be_read_are_missing_from_answers() -> None:
    pair = Pair().begin({"id": "a", "n": 1}, decimals={"item": ["price"]})
    errand = pair.machine.write(Update(table="item", id="a", changes={"price": 3}))
    stale = pair.machine.write(Update(table="item", id="a", changes={"price": 4}))
    refs = [message["ref"] for message in pair.sent()]
    pair.say("ACK", ref=refs[0], seq=2, rows=[{"id": "a", "n": 1}])
    pair.say("ERROR", ref=refs[1], error="no", code="CONFLICT", current={"id": "a"})
    assert errand.answer is not None
    assert not isinstance(errand.answer, Refusal)
    assert errand.answer.rows == [{"id": "a", "n": 1}]
    assert isinstance(stale.answer, Refusal)
    assert stale.answer.current == {"id": "a"}


def test_a_function_is_asked_for_the_token_before_each_hello() -> None:
    tokens = iter(["first", "second"])
    pair = Pair(lambda: next(tokens))
    pair.machine.connected()
    pair.machine.cut()
    pair.machine.connected()
    assert [hello["token"] for hello in pair.sent()] == ["second"]


def test_another_token_is_shown_by_hello_and_nothing_is_sent_twice() -> None:
    pair = Pair("old").begin()
    pair.machine.write(insert("a"))
    pair.sent()
    pair.machine.show("new")
    assert [(hello["type"], hello["token"]) for hello in pair.sent()] == [("HELLO", "new")]
    assert not pair.machine.is_known
    pair.say("WELCOME", limits={}, user="amal")
    assert (pair.machine.is_known, pair.machine.user) == (True, "amal")
    assert pair.sent() == []


def test_a_token_that_is_given_while_there_is_no_connection_is_shown_on_the_next() -> None:
    pair = Pair("old")
    pair.machine.show("new")
    assert pair.sent() == []
    pair.machine.connected()
    assert [hello["token"] for hello in pair.sent()] == ["new"]
    pair.say("WELCOME")
    assert pair.machine.is_known


@pytest.mark.parametrize("code", ["AUTH_REQUIRED", "AUTH_EXPIRED"])
def test_a_token_that_is_refused_ends_the_client_and_its_writes_are_kept(code: str) -> None:
    pair = Pair("old").begin()
    pair.machine.write(insert("a"))
    with pytest.raises(Refusal, match=code):
        pair.say("ERROR", error="no", code=code, ref=pair.sent()[0]["ref"])
    pair.machine.cut()
    assert (pair.machine.status, pair.machine.outbox.writes, pair.ids()) == ("refused", 1, ["a"])
    for late in (lambda: pair.machine.show("new"), lambda: pair.machine.write(insert("b"))):
        with pytest.raises(Refusal, match=code):
            late()


def test_a_function_is_asked_once_more_and_then_no_more() -> None:
    pair = Pair(lambda: "token").begin()
    for _ in range(2):  # each time that it has been let in
        pair.machine.write(insert("a", n=1), ref="w")
        with pytest.raises(Denied):
            pair.say("ERROR", error="over", code="AUTH_EXPIRED")
        pair.machine.cut()
        assert pair.greet()[0]["ref"] == "w"
        pair.say("ACK", ref="w", seq=1)
    with pytest.raises(Denied):
        pair.say("ERROR", error="over", code="AUTH_EXPIRED")
    pair.machine.cut()
    pair.machine.connected()
    with pytest.raises(Refusal, match="AUTH_REQUIRED"):
        pair.say("ERROR", error="no", code="AUTH_REQUIRED")


def test_a_token_that_was_shown_too_late_is_tried_on_the_next_connection() -> None:
    pair = Pair("old").begin()
    pair.machine.show("new")
    with pytest.raises(Denied):
        pair.say("ERROR", error="the old one is over", code="AUTH_EXPIRED")
    pair.machine.cut()
    pair.sent()
    pair.machine.connected()
    assert [hello["token"] for hello in pair.sent()] == ["new"]
    with pytest.raises(Refusal, match="AUTH_REQUIRED"):
        pair.say("ERROR", error="no", code="AUTH_REQUIRED")
