"""The client without a socket: what it says, and what it shows, frame by frame."""

from decimal import Decimal
from typing import Any

import pytest
from support.pair import Pair, insert

from mishkah.client.belongs import belongs
from mishkah.client.errors import Lost, OutboxFull, Refusal
from mishkah.client.outbox import MAX_PENDING
from mishkah.client.replica import Cursor
from mishkah.core.messages import Insert, Next, Query, Update


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
