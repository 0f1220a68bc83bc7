"""A shift takes nothing after it closed, and closes with settled orders and counted cash."""

from decimal import Decimal
from typing import Any

import pytest

from mishkah.core.messages import Insert, Transaction, Update

BEGAN, NOW, LATER = "2025-10-29T06:00:00Z", "2025-10-29T10:00:00Z", "2025-10-29T10:00:01Z"
CLOSED = ("shift_1", "shift_2", "shift_3")
SHIFT = {"id": "s1", "terminal_id": "tablet_1", "cashier_id": "employee_02", "opened_at": BEGAN,
         "opening_cash": 500}  # fmt: skip
CLOSING = {"status": "closed", "closed_at": NOW, "expected_cash": 500, "counted_cash": 499}
ROWS = {
    "order_header": {"id": "o2"},
    "payment": {"id": "p2", "order_id": "o1", "amount": 1},
    "refund": {"id": "r2", "payment_id": "p1", "amount": 1},
    "cash_movement": {"id": "m2", "kind": "out", "amount": 1, "purpose": "ice"},
}


@pytest.fixture
def pos(pos: Any) -> Any:
    pos.insert("shift", **SHIFT)
    pos.insert("payment", id="p1", order_id="o1", amount=1)
    return pos


def placed(table: str, shift: str = "s1") -> Transaction:
    """Return what puts a row of *table* into the shift."""
    ops: list[Any] = [Insert(table=table, data={**ROWS[table], "shift_id": shift})]
    if table == "refund":
        ops.append(Update(table="payment", id="p1", changes={"refunded": 1}))
    return Transaction(ops=ops)


@pytest.mark.parametrize("table", ROWS)
def test_a_closed_shift_takes_nothing_new(pos: Any, table: str) -> None:
    pos.update("shift", "s1", **CLOSING)
    assert pos.refused_at(pos.run, placed(table)) == "/ops/0/shift_id"


@pytest.mark.parametrize("table", ROWS)
def test_nothing_moves_into_a_closed_shift_or_out_of_it(pos: Any, table: str) -> None:
    pos.run(placed(table))
    row = ROWS[table]["id"]
    assert pos.refused_at(pos.update, table, row, shift_id="shift_2") == "/shift_id"
    pos.update(table, row, shift_id="shift_4")
    settled = [row["id"] for row in pos.rows(table) if row["shift_id"] in CLOSED]
    assert settled
    for row in settled:
        assert pos.refused_at(pos.update, table, row, shift_id="s1") == "/shift_id"


def test_an_order_is_not_dated_back_into_a_closed_shift(pos: Any) -> None:
    order = {"id": "o2", "shift_id": "shift_2", "created_at": "2025-10-28T15:00:00Z"}
    assert pos.refused_at(pos.insert, "order_header", **order) == "/created_at"
    order = {"id": "o2", "shift_id": "shift_2", "opened_at": "2025-10-28T15:00:00Z"}
    assert pos.refused_at(pos.insert, "order_header", **order) == "/shift_id"


def test_an_order_of_a_closed_shift_may_still_get_a_note(pos: Any) -> None:
    pos.update("order_header", "seed-order-1", note="asked for a copy of the invoice")
    pos.update("payment", "seed-order-3-payment-1", reference="1")


@pytest.mark.parametrize("changes", [{"amount": 999}, {"method_id": "card"}])
def test_the_money_of_a_closed_shift_stays_as_it_is(pos: Any, changes: dict[str, Any]) -> None:
    path = pos.refused_at(pos.update, "payment", "seed-order-3-payment-1", **changes)
    assert path == "/shift_id"


def test_a_terminal_has_one_open_shift(pos: Any) -> None:
    other = {**SHIFT, "id": "s2"}
    assert pos.refused_at(pos.insert, "shift", **other) == "/terminal_id"
    path = pos.refused_at(pos.update, "shift", "s1", terminal_id="till_1")
    assert path == "/terminal_id"
    pos.update("shift", "s1", **CLOSING)
    pos.insert("shift", **other)


@pytest.mark.parametrize("closed_at", [None, "2025-10-29T05:59:59Z", LATER])
def test_a_shift_closes_after_it_opened_and_not_in_the_future(
    pos: Any, closed_at: str | None
) -> None:
    closing = {**CLOSING, "closed_at": closed_at}
    assert pos.refused_at(pos.update, "shift", "s1", **closing) == "/closed_at"


def test_an_open_shift_has_no_end(pos: Any) -> None:
    assert pos.refused_at(pos.update, "shift", "s1", closed_at=NOW) == "/closed_at"


def test_a_closed_shift_stays_closed(pos: Any) -> None:
    pos.update("shift", "s1", **CLOSING)
    opened = {"status": "open", "closed_at": None}
    assert pos.refused_at(pos.update, "shift", "s1", **opened) == "/status"
    assert pos.refused_at(pos.update, "shift", "s1", counted_cash=500) == "/counted_cash"
    pos.update("shift", "s1", note="one pound is missing")


def test_a_shift_closes_when_its_orders_are_settled(pos: Any) -> None:
    pos.run(placed("order_header"))
    assert pos.refused_at(pos.update, "shift", "s1", **CLOSING) == "/status"
    pos.update("order_header", "o2", status="closed")
    pos.update("shift", "s1", **CLOSING)


def test_the_cash_that_should_be_there_is_all_that_came_and_went(pos: Any) -> None:
    in_it = {"shift_id": "s1", "order_id": "o1"}
    pos.insert("payment", id="p2", method_id="cash", amount=Decimal("50.5"), **in_it)
    pos.insert("payment", id="p3", method_id="card", amount=20, **in_it)
    pos.insert("payment", id="p4", amount=5, **in_it)
    pos.together(
        Insert(table="refund", data={**ROWS["refund"], "payment_id": "p2", "shift_id": "s1"}),
        Update(table="payment", id="p2", changes={"refunded": 1}),
    )
    moved = {**ROWS["cash_movement"], "shift_id": "s1"}
    pos.insert("cash_movement", **{**moved, "amount": 100})
    pos.insert("cash_movement", **{**moved, "id": "m3", "kind": "in", "amount": 30})
    assert pos.refused_at(pos.update, "shift", "s1", **CLOSING) == "/expected_cash"
    pos.update("shift", "s1", **{**CLOSING, "expected_cash": Decimal("479.5")})


@pytest.mark.parametrize("field", ["counted_cash", "expected_cash"])
def test_a_shift_does_not_close_uncounted(pos: Any, field: str) -> None:
    closing = {**CLOSING, field: None}
    assert pos.refused_at(pos.update, "shift", "s1", **closing) == f"/{field}"
