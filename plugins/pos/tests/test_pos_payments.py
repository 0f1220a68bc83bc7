"""What is paid, and paid back, never passes what is due and what was paid."""

from decimal import Decimal
from typing import Any

import pytest

from mishkah.core.messages import Insert, Transaction, Update

PAID = {"id": "p1", "order_id": "o1", "method_id": "cash", "amount": 100}
BACK = {"id": "r1", "payment_id": "p1", "amount": 40}


def refund(amount: int, identifier: str = "r1") -> Transaction:
    """Return what pays back *amount* of `p1` where nothing was paid back before."""
    return Transaction(
        ops=[
            Insert(table="refund", data={**BACK, "id": identifier, "amount": amount}),
            Update(table="payment", id="p1", changes={"refunded": amount}),
        ]
    )


def test_payments_stop_at_the_total(pos: Any) -> None:
    pos.insert("payment", **PAID)
    rest = {**PAID, "id": "p2", "amount": Decimal("27.69")}
    assert pos.refused_at(pos.insert, "payment", **rest) == "/amount"
    pos.insert("payment", **{**rest, "amount": Decimal("27.68")})
    assert pos.refused_at(pos.update, "payment", "p1", amount=101) == "/amount"


def test_what_was_paid_back_may_be_paid_again(pos: Any) -> None:
    pos.insert("payment", **PAID)
    pos.run(refund(100))
    pos.insert("payment", **{**PAID, "id": "p2", "amount": Decimal("127.68")})
    assert pos.refused_at(pos.insert, "payment", **{**PAID, "id": "p3"}) == "/amount"


def test_a_lost_refund_makes_no_order_overpaid(pos: Any) -> None:
    pos.insert("payment", **PAID)
    pos.run(refund(100))
    pos.insert("payment", **{**PAID, "id": "p2"})
    pos.delete("refund", "r1")
    assert pos.refused_at(pos.update, "payment", "p1", refunded=0) == "/amount"


def test_a_payment_moves_only_where_it_is_due(pos: Any) -> None:
    pos.insert("order_header", id="o2", total=99)
    pos.insert("payment", **PAID)
    assert pos.refused_at(pos.update, "payment", "p1", order_id="o2") == "/amount"
    pos.update("order_header", "o2", total=100)
    pos.update("payment", "p1", order_id="o2")


def test_a_total_stays_above_what_is_paid(pos: Any) -> None:
    pos.insert("payment", **PAID)
    cheaper = {"discount": 28, "total": Decimal("99.68")}
    assert pos.refused_at(pos.update, "order_header", "o1", **cheaper) == "/total"
    pos.together(
        Update(table="order_header", id="o1", changes=cheaper),
        Update(table="payment", id="p1", changes={"amount": Decimal("99.68")}),
    )


def test_an_order_closes_when_it_is_paid(pos: Any) -> None:
    pos.insert("payment", **PAID)
    assert pos.refused_at(pos.update, "order_header", "o1", status="closed") == "/status"
    pos.insert("payment", **{**PAID, "id": "p2", "amount": Decimal("27.68")})
    pos.update("order_header", "o1", status="closed")


def test_a_cancelled_order_owes_nothing_and_keeps_nothing(pos: Any) -> None:
    pos.insert("payment", **PAID)
    assert pos.refused_at(pos.update, "order_header", "o1", status="cancelled") == "/status"
    pos.run(refund(100))
    pos.update("order_header", "o1", status="cancelled")
    assert pos.refused_at(pos.insert, "payment", **{**PAID, "id": "p2"}) == "/amount"


def test_no_more_is_paid_back_than_was_paid(pos: Any) -> None:
    pos.insert("payment", **PAID)
    assert pos.refused_at(pos.run, refund(101)) == "/ops/0/amount"
    pos.run(refund(60))
    more = {**BACK, "id": "r2", "amount": 41}
    assert pos.refused_at(pos.insert, "refund", **more) == "/amount"
    assert pos.refused_at(pos.update, "payment", "p1", refunded=101) == "/refunded"
    assert pos.refused_at(pos.update, "payment", "p1", amount=59) == "/refunded"
    pos.together(
        Insert(table="refund", data={**more, "amount": 40}),
        Update(table="payment", id="p1", changes={"refunded": 100}),
    )


def test_a_refund_and_its_payment_say_the_same(pos: Any) -> None:
    pos.insert("payment", **PAID)
    assert pos.refused_at(pos.insert, "refund", **BACK) == "/amount"
    assert pos.refused_at(pos.update, "payment", "p1", refunded=40) == "/refunded"
    pos.run(refund(40))
    assert pos.refused_at(pos.update, "refund", "r1", amount=30) == "/amount"
    pos.update("refund", "r1", note="برد الطعام")


def test_a_refund_that_moves_is_judged_in_both_payments(pos: Any) -> None:
    pos.insert("payment", **{**PAID, "amount": 50})
    pos.insert("payment", **{**PAID, "id": "p2", "amount": 50})
    pos.run(refund(40))
    moved = Update(table="refund", id="r1", changes={"payment_id": "p2"})
    gains = Update(table="payment", id="p2", changes={"refunded": 40})
    transaction = Transaction(ops=[moved, gains])
    assert pos.refused_at(pos.run, transaction) == "/ops/0/amount"
    pos.together(moved, gains, Update(table="payment", id="p1", changes={"refunded": 0}))


def test_a_payment_with_a_refund_stays(pos: Any) -> None:
    pos.insert("payment", **PAID)
    pos.run(refund(40))
    assert pos.refused_at(pos.delete, "payment", "p1") == "/id"


@pytest.mark.parametrize("amount", [0, -5, Decimal("0.009")])
@pytest.mark.parametrize(("table", "row"), [("payment", PAID), ("refund", BACK)])
def test_money_is_more_than_nothing(
    pos: Any, table: str, row: dict[str, Any], amount: object
) -> None:
    assert pos.refused_at(pos.insert, table, **{**row, "amount": amount}) == "/amount"


def test_a_payment_of_an_order_keeps_its_other_fields_free(pos: Any) -> None:
    pos.insert("payment", **PAID)
    pos.delete("order_line", "l1")
    pos.update("payment", "p1", reference="1", method_id="card")
