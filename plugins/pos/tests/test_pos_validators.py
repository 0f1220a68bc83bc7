"""What a till refuses, and what it must not refuse."""

from decimal import Decimal
from typing import Any

import mishkah_pos
import pytest

from mishkah.core.messages import Insert, Update

ORDER = {"id": "o1", "subtotal": 100, "service": 12, "tax": Decimal("15.68"), "discount": 0,
         "total": Decimal("127.68")}  # fmt: skip
LINE = {"id": "l1", "order_id": "o1", "item_id": "item_taameya", "quantity": 2, "unit_price": 50,
        "total": 100}  # fmt: skip


@pytest.fixture
def pos(open_store: Any) -> Any:
    store = open_store(mishkah_pos, "pos")
    store.insert("order_header", **ORDER)
    return store


def test_a_menu_item_has_a_price_and_a_category(pos: Any) -> None:
    item = {"id": "i1", "category_id": "cat_grills", "name": {"en": "Rib"}, "price": 1}
    assert pos.refused_at(pos.insert, "menu_item", **{**item, "price": -1}) == "/price"
    path = pos.refused_at(pos.insert, "menu_item", **{**item, "category_id": "none"})
    assert path == "/category_id"
    pos.insert("menu_item", **item)


@pytest.mark.parametrize("field", ["table_id", "customer_id"])
def test_an_order_names_what_exists(pos: Any, field: str) -> None:
    order = {"id": "o2", field: "nobody"}
    assert pos.refused_at(pos.insert, "order_header", **order) == f"/{field}"


@pytest.mark.parametrize("field", ["subtotal", "discount", "service", "tax", "total"])
def test_an_order_has_no_negative_amount(pos: Any, field: str) -> None:
    order = {"id": "o2", field: Decimal("-0.01")}
    assert pos.refused_at(pos.insert, "order_header", **order) == f"/{field}"


def test_an_orders_total_follows_from_its_parts(pos: Any) -> None:
    assert pos.refused_at(pos.update, "order_header", "o1", tax=0) == "/total"
    pos.update("order_header", "o1", tax=None, discount=Decimal("0.1"), total=Decimal("111.9"))


def test_a_till_that_keeps_only_totals_is_believed(pos: Any) -> None:
    pos.update("order_header", "o1", subtotal=None, total=1)


def test_a_lines_total_is_exact(pos: Any) -> None:
    pos.insert("order_line", **LINE)
    weighed = {**LINE, "id": "l2", "quantity": Decimal("0.35"), "unit_price": Decimal("619.99")}
    path = pos.refused_at(pos.insert, "order_line", **{**weighed, "total": Decimal("217")})
    assert path == "/total"
    pos.insert("order_line", **{**weighed, "discount": Decimal("0.9965"), "total": 216})


def test_a_product_of_thirty_digits_is_not_rounded(pos: Any) -> None:
    amount = Decimal("999999.999999999")
    huge = {**LINE, "quantity": amount, "unit_price": amount}
    near = {**huge, "total": Decimal("999999999999.998")}  # 10⁻¹⁸ too little
    assert pos.refused_at(pos.insert, "order_line", **near) == "/total"


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_line_has_a_quantity(pos: Any, quantity: int) -> None:
    line = {**LINE, "quantity": quantity, "total": 0}
    assert pos.refused_at(pos.insert, "order_line", **line) == "/quantity"


@pytest.mark.parametrize("field", ["order_id", "item_id"])
def test_a_line_names_what_exists(pos: Any, field: str) -> None:
    assert pos.refused_at(pos.insert, "order_line", **{**LINE, field: "none"}) == f"/{field}"


@pytest.mark.parametrize("status", ["closed", "cancelled"])
def test_a_settled_order_takes_no_new_line(pos: Any, status: str) -> None:
    pos.insert("order_line", **LINE)
    pos.update("order_header", "o1", status=status)
    more = {**LINE, "id": "l2"}
    free = {**more, "discount": 100, "total": 0}
    assert pos.refused_at(pos.insert, "order_line", **more) == "/order_id"
    assert pos.refused_at(pos.insert, "order_line", **free) == "/order_id"
    assert pos.refused_at(pos.update, "order_line", "l1", quantity=1, total=50) == "/order_id"
    pos.update("order_line", "l1", status="served")


def test_a_settled_order_without_a_subtotal_takes_no_line(pos: Any) -> None:
    pos.insert("order_header", id="o2", status="closed", total=100)
    assert pos.refused_at(pos.insert, "order_line", **{**LINE, "order_id": "o2"}) == "/order_id"


def test_no_line_moves_into_a_settled_order(pos: Any) -> None:
    pos.insert("order_line", **LINE)
    path = pos.refused_at(pos.update, "order_line", "l1", order_id="seed-order-1")
    assert path == "/order_id"


def test_a_settled_order_may_come_whole(pos: Any) -> None:
    line = {**LINE, "order_id": "o2"}
    pos.together(
        Insert(table="order_header", data={**ORDER, "id": "o2", "status": "closed"}),
        Insert(table="order_line", data={**line, "id": "l2", "quantity": 1, "total": 50}),
        Insert(table="order_line", data={**line, "id": "l3", "quantity": 1, "total": 50}),
    )


def test_payments_stop_at_the_total(pos: Any) -> None:
    first = {"id": "p1", "order_id": "o1", "method_id": "cash", "amount": 100}
    pos.insert("payment", **first)
    rest = {**first, "id": "p2", "amount": Decimal("27.69")}
    assert pos.refused_at(pos.insert, "payment", **rest) == "/amount"
    pos.insert("payment", **{**rest, "amount": Decimal("27.68")})
    assert pos.refused_at(pos.update, "payment", "p1", amount=101) == "/amount"


def test_a_total_stays_above_what_is_paid(pos: Any) -> None:
    pos.insert("payment", id="p1", order_id="o1", amount=100)
    cheaper = {"discount": 28, "total": Decimal("99.68")}
    assert pos.refused_at(pos.update, "order_header", "o1", **cheaper) == "/total"
    pos.together(
        Update(table="order_header", id="o1", changes=cheaper),
        Update(table="payment", id="p1", changes={"amount": Decimal("99.68")}),
    )


@pytest.mark.parametrize("amount", [0, -5])
def test_a_payment_is_more_than_nothing(pos: Any, amount: int) -> None:
    assert pos.refused_at(pos.insert, "payment", id="p1", order_id="o1", amount=amount) == "/amount"


@pytest.mark.parametrize("field", ["order_id", "method_id"])
def test_a_payment_names_what_exists(pos: Any, field: str) -> None:
    paid = {"id": "p1", "order_id": "o1", "amount": 1, field: "none"}
    assert pos.refused_at(pos.insert, "payment", **paid) == f"/{field}"


def test_what_a_deleted_order_leaves_can_still_be_changed(pos: Any) -> None:
    pos.insert("order_line", **LINE)
    pos.insert("payment", id="p1", order_id="o1", amount=1)
    pos.delete("order_header", "o1")
    pos.update("order_line", "l1", note="بدون بصل", total=99, discount=1)
    pos.update("payment", "p1", reference="1")
