"""The client without a socket: what it says, and what it shows, frame by frame."""

import json
from decimal import Decimal
from typing import Any

import pytest

from mishkah.client.belongs import belongs
from mishkah.client.errors import Denied, Lost, OutboxFull, Refusal
from mishkah.client.machine import Machine
from mishkah.client.outbox import MAX_PENDING
from mishkah.client.replica import Cursor
from mishkah.core.messages import Insert, Next, Query, Subscribe, Update


class Pair:
    """A machine, and the frames of a server that a test writes by hand."""

    def __init__(self, token: Any = None, **asked: Any) -> None:
        refs = iter(f"r{n}" for n in range(10**6))
        asked_for = Subscribe(branch="b", module="m", **asked)
        self.machine = Machine(asked_for, "me", refs, token=token)

    def say(self, kind: str, **more: Any) -> None:
        self.machine.hear(json.dumps({"type": kind, **more}))

    def sent(self) -> list[dict[str, Any]]:
        """Return what has gone out since the last look."""
        told = [json.loads(frame) for frame in self.machine.outgoing]
        self.machine.outgoing.clear()
        return told

    def greet(self) -> list[dict[str, Any]]:
        self.machine.connected()
        assert [message["type"] for message in self.sent()] == ["HELLO"]
        self.say("WELCOME", limits={"message": 1000})
        return self.sent()

    def subscribed(self, ref: str, *, resumed: bool = False, **more: Any) -> None:
        self.say("SUBSCRIBED", epoch="e", seq=1, resumed=resumed, ref=ref, **more)

    def begin(self, *rows: dict[str, Any], **told: Any) -> "Pair":
        """Go live at commit 1 of epoch e."""
        self.subscribed(self.greet()[-1]["ref"], **told)
        self.say("SNAPSHOT", epoch="e", seq=1, part=0, last=True, data={"item": rows})
        self.say("SYNCED", epoch="e", seq=1)
        assert self.machine.status == "live"
        return self

    def delta(self, seq: int, prev: int, identifier: str, epoch: str = "e", **more: Any) -> None:
        body = {"operation": "INSERT", "changes": {"id": identifier}, **more.pop("data", {})}
        body |= {"table": "item", "id": identifier}
        self.say("DELTA", epoch=epoch, seq=seq, prev=prev, data=body, **more)

    def ids(self) -> list[str]:
        return [row["id"] for row in self.machine.screen.rows("item")]


def insert(identifier: str, **more: Any) -> Insert:
    return Insert(table="item", data={"id": identifier, **more})


def test_what_has_no_answer_is_sent_again_in_order_and_before_the_subscription() -> None:
    pair = Pair().begin()
    pair.machine.write(insert("a"))
    pair.machine.write(Next(table="item", field="code"))
    pair.machine.ask(Query(table="item"))
    first = pair.sent()
    pair.machine.cut()
    pair.machine.write(insert("b"))
    assert pair.sent() == []
    again = pair.greet()
    assert again[:3] == first
    assert [message["type"] for message in again] == [
        "INSERT", "NEXT", "QUERY", "INSERT", "SUBSCRIBE",
    ]  # fmt: skip
    assert (again[-1]["since"], again[-1]["epoch"]) == (1, "e")


def test_half_a_commit_and_half_a_snapshot_are_not_shown_even_after_a_cut() -> None:
    pair = Pair().begin()
    pair.delta(2, 1, "a", tx={"i": 0, "n": 2})
    assert pair.ids() == []
    pair.machine.cut()
    pair.subscribed(pair.greet()[-1]["ref"], resumed=True)
    pair.delta(2, 1, "a", tx={"i": 0, "n": 2})
    assert pair.ids() == []
    pair.delta(2, 1, "b", tx={"i": 1, "n": 2})
    assert pair.ids() == ["a", "b"]
    pair.say("RESYNC", reason="slow")
    pair.say("SNAPSHOT", epoch="e", seq=9, part=0, last=False, data={"item": [{"id": "x"}]})
    assert pair.ids() == ["a", "b"]
    pair.machine.cut()
    pair.say("SNAPSHOT", epoch="e", seq=9, part=1, last=True, data={"item": [{"id": "y"}]})
    assert pair.ids() == ["a", "b"]
    assert pair.greet()[-1]["since"] == 2


def test_old_deltas_are_passed_over() -> None:
    pair = Pair().begin({"id": "a", "n": 1})
    pair.delta(2, 1, "a", data={"operation": "UPDATE", "changes": {"n": 2}})
    pair.delta(3, 2, "a", data={"operation": "UPDATE", "changes": {"n": 3}})
    pair.delta(2, 1, "a", data={"operation": "UPDATE", "changes": {"n": 2}})
    assert pair.machine.screen.row("item", "a") == {"id": "a", "n": 3}
    assert pair.sent() == []


@pytest.mark.parametrize("delta", [{"seq": 5, "prev": 4}, {"seq": 2, "prev": 1, "epoch": "other"}])
def test_a_gap_is_noticed_and_the_view_is_subscribed_to_again(delta: dict[str, Any]) -> None:
    pair = Pair().begin()
    pair.delta(identifier="a", **delta)
    (asked,) = pair.sent()
    assert (asked["type"], asked["since"], asked["epoch"]) == ("SUBSCRIBE", 1, "e")
    pair.delta(2, 1, "still of the old subscription")
    pair.say("SYNCED", epoch="e", seq=5)
    assert (pair.ids(), pair.machine.status) == ([], "catching up")
    pair.subscribed(asked["ref"], resumed=True)
    pair.delta(2, 1, "b")
    pair.say("SYNCED", epoch="e", seq=5)
    assert (pair.ids(), pair.machine.status) == (["b"], "live")
    assert pair.machine.replica.cursor == Cursor("e", 5)


def test_an_ack_between_resync_and_synced_leaves_the_write_on_top() -> None:
    pair = Pair().begin({"id": "a", "n": 1})
    pair.machine.write(Update(table="item", id="a", add={"n": 1}))
    (sent,) = pair.sent()
    pair.say("RESYNC", reason="slow")
    pair.say("ACK", ref=sent["ref"], seq=3, rows=[{"id": "a", "n": 2}])
    assert pair.machine.outbox.writes == 0
    assert pair.machine.screen.row("item", "a") == {"id": "a", "n": 2}
    pair.delta(2, 1, "b")
    assert pair.machine.screen.row("item", "a") == {"id": "a", "n": 2}
    pair.delta(3, 2, "a", data={"operation": "UPDATE", "changes": {"n": 2}})
    assert pair.machine.screen.row("item", "a") == {"id": "a", "n": 2}, "not added twice"
    pair.say("SYNCED", epoch="e", seq=3)
    assert pair.machine.screen.row("item", "a") == {"id": "a", "n": 2}


def test_synced_takes_away_what_the_view_does_not_show() -> None:
    pair = Pair(where=["n", ">", 0]).begin()
    pair.machine.write(insert("a", n=1))
    pair.machine.write(insert("b", n=0))
    assert pair.ids() == ["a"]
    refs = [message["ref"] for message in pair.sent()]
    pair.say("RESYNC", reason="slow")
    for seq, ref in enumerate(refs):
        pair.say("ACK", ref=ref, seq=seq + 2)
    assert pair.ids() == ["a"]
    pair.say("SYNCED", epoch="e", seq=3)
    assert pair.ids() == [], "someone took it away meanwhile"


def test_another_history_takes_away_what_was_acknowledged_in_the_old_one() -> None:
    pair = Pair().begin()
    pair.machine.write(insert("a"))
    (sent,) = pair.sent()
    pair.say("RESYNC", reason="slow")
    pair.say("ACK", ref=sent["ref"], seq=50)
    pair.machine.cut()
    pair.subscribed(pair.greet()[-1]["ref"])
    assert pair.ids() == ["a"]
    pair.say("SNAPSHOT", epoch="f", seq=2, data={"item": []})
    assert pair.ids() == []


def test_a_row_that_leaves_the_view_is_told_as_left() -> None:
    pair = Pair(where=["n", ">", 0]).begin({"id": "a", "n": 1}, {"id": "b", "n": 1})
    pair.machine.screen.watched["item"] += 1
    pair.delta(2, 1, "a", data={"operation": "DELETE", "changes": {}, "reason": "left"})
    pair.delta(3, 2, "b", data={"operation": "DELETE", "changes": {}})
    told = [(change.operation, change.id, change.left) for change in pair.machine.screen.changes]
    assert told == [("DELETE", "a", True), ("DELETE", "b", False)]


def test_a_refusal_has_all_that_the_server_said_and_the_row_goes_back() -> None:
    pair = Pair().begin({"id": "a", "n": 1})
    pair.machine.write(Update(table="item", id="a", changes={"n": 5}), base=Cursor("e", 1))
    pair.machine.write(Update(table="item", id="a", changes={"m": 6}))
    first, _ = pair.sent()
    assert (first["base"], first["epoch"]) == (1, "e")
    pair.delta(2, 1, "a", data={"operation": "UPDATE", "changes": {"n": 2}})
    text = {"ar": "لا", "en": "no"}
    details = [{"path": "/n", "rule": "base", "message": "no", "text": text}]
    pair.say("ERROR", ref=first["ref"], code="CONFLICT", error="no", text=text, details=details,
             current={"id": "a", "n": 2})  # fmt: skip
    (errand,) = pair.machine.settled
    assert isinstance(errand.answer, Refusal)
    assert (errand.answer.code, errand.answer.path, errand.answer.text) == ("CONFLICT", "/n", text)
    assert errand.answer.current == {"id": "a", "n": 2}
    assert pair.machine.screen.row("item", "a") == {"id": "a", "n": 2, "m": 6}, "rebased"


@pytest.mark.parametrize("code", ["STORE_FAILED", "BUSY", "RATE_LIMITED", "GOING_AWAY"])
def test_what_can_not_be_served_now_is_asked_again_later(code: str) -> None:
    pair = Pair().begin()
    pair.machine.write(insert("a"))
    (sent,) = pair.sent()
    with pytest.raises(Lost):
        pair.say("ERROR", ref=sent["ref"], code=code, error="not now", retry_ms=5)
    assert (pair.machine.retry_ms, pair.machine.outbox.writes) == (5, 1)
    pair.machine.cut()
    assert pair.greet()[0] == sent


def test_who_is_not_served_at_all_is_told_so_from_then_on() -> None:
    pair = Pair()
    ref = pair.greet()[-1]["ref"]
    with pytest.raises(Refusal):
        pair.say("ERROR", ref=ref, code="UNKNOWN_MODULE", error="Module not found")
    pair.machine.cut()
    assert pair.machine.status == "refused"
    with pytest.raises(Refusal, match="UNKNOWN_MODULE"):
        pair.machine.write(insert("a"))


def test_a_write_that_no_server_takes_is_refused_here() -> None:
    pair = Pair().begin()
    pair.machine.write(insert("a", text="x" * 2000))
    (errand,) = pair.machine.settled
    assert isinstance(errand.answer, Refusal)
    assert (errand.answer.code, pair.sent()) == ("TOO_LARGE", [])
    assert pair.ids() == [], "it leaves nothing behind"
    with pytest.raises(Refusal, match="BAD_MESSAGE"):
        pair.machine.write(Update(table="item", id="a"))
    for value in (float("nan"), Decimal("NaN")):
        with pytest.raises((ValueError, Refusal)):
            pair.machine.write(insert("a", n=value))
    with pytest.raises(TypeError):
        pair.machine.write(insert("a", n=object()))
    pair.machine.write(insert("a"), ref="mine")
    with pytest.raises(ValueError, match="waiting already"):
        pair.machine.write(insert("b"), ref="mine")
    assert pair.machine.outbox.writes == 1


def test_an_outbox_that_is_full_takes_nothing_more_and_loses_nothing() -> None:
    pair = Pair()
    for n in range(MAX_PENDING):
        pair.machine.write(insert(str(n)))
    with pytest.raises(OutboxFull):
        pair.machine.write(insert("more"))
    assert pair.machine.outbox.writes == MAX_PENDING


def test_what_turns_out_to_be_too_large_is_refused_and_the_rest_is_sent() -> None:
    pair = Pair().begin()
    pair.sent()
    pair.machine.cut()
    pair.machine.write(insert("big", text="x" * 2000))
    pair.machine.write(insert("small"))
    assert pair.ids() == ["big", "small"]
    assert [message["type"] for message in pair.greet()] == ["INSERT", "SUBSCRIBE"]
    assert pair.ids() == ["small"]


def test_a_row_without_its_key_ends_the_connection_and_no_more() -> None:
    pair = Pair()
    pair.subscribed(pair.greet()[-1]["ref"])
    with pytest.raises(Lost):
        pair.say("SNAPSHOT", epoch="e", seq=1, data={"item": [{"code": "a"}]})


def test_unknown_messages_and_fields_are_passed_over_and_nonsense_ends_the_connection() -> None:
    pair = Pair().begin()
    pair.say("NOTICE", words=["new"])
    pair.say("PONG", now="x", more=1)
    for nonsense in ('{"type":"DELTA"}', "[1]", "{", '{"type":5}', '{"seq":1}', b"\xff"):
        with pytest.raises(Lost):
            pair.machine.hear(nonsense)


def test_numbers_are_exact_and_decimals_stay_decimals() -> None:
    row = {"id": "a", "n": 1, "price": 2, "weight": 0.1}
    pair = Pair().begin(row, decimals={"item": ["price", "weight"]})
    pair.machine.write(Update(table="item", id="a", add={"price": Decimal("0.5"), "weight": 0.2}))
    shown = pair.machine.screen.row("item", "a")
    assert shown == {"id": "a", "n": 1, "price": Decimal("2.5"), "weight": Decimal("0.3")}
    pair.machine.write(Update(table="item", id="a", add={"price": Decimal("0.5")}))
    shown = pair.machine.screen.row("item", "a")
    assert shown is not None
    assert isinstance(shown["price"], Decimal)
    assert shown["price"] == 3
    assert b'"price":0.5' in pair.machine.outgoing[0].encode()


def test_a_primary_key_may_have_any_name() -> None:
    pair = Pair()
    pair.subscribed(pair.greet()[-1]["ref"], keys={"item": "code"})
    pair.say("SNAPSHOT", epoch="e", seq=1, data={"item": [{"code": "a", "id": 7}]})
    assert pair.machine.screen.row("item", "a") == {"code": "a", "id": 7}
    pair.machine.write(Insert(table="item", data={"code": "b"}))
    assert pair.machine.screen.row("item", "b") == {"code": "b"}
    pair.machine.write(Insert(table="item", data={}))
    assert len(pair.machine.screen.rows("item")) == 2, "only the server can name it"


@pytest.mark.parametrize(
    ("where", "row", "holds"),
    [
        (["n", ">", 1], {"n": 2}, True),
        (["n", ">", 1], {}, False),
        (["n", "!=", 1], {}, True),
        (["n", "in", [1, 2]], {"n": 2}, True),
        (["n", "between", [1, 2]], {"n": 3}, False),
        (["n", "null", True], {}, True),
        (["s", "prefix", "a"], {"s": "ab"}, True),
        (["s", "contains", "b"], {"s": "c"}, False),
        ({"and": [["n", "=", 1], {"not": ["s", "=", "x"]}]}, {"n": 1, "s": "y"}, True),
        ({"or": [["n", "=", 1], ["s", "=", "x"]]}, {"n": 2, "s": "y"}, False),
        (["n", ">", 1], {"n": "text"}, True),
        (["s", "prefix", "a"], {"s": 5}, True),
        (["n", "in", [1]], {"n": []}, True),
    ],
)
def test_whether_a_new_row_belongs_is_guessed_as_the_server_would_judge(
    where: Any, row: dict[str, Any], holds: bool
) -> None:
    assert belongs(where)(row) is holds


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
