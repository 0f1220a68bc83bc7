"""A bill adds up, from the modifiers of a line to the total of the order."""

from decimal import Decimal
from typing import Any

import pytest

from mishkah.core.messages import Delete, Insert, Transaction, Update

LINE = {"id": "l2", "order_id": "o1", "item_id": "item_kebda", "quantity": 1, "unit_price": 50,
        "total": 50}  # fmt: skip
CHEESE = {"id": "x1", "line_id": "l1", "modifier_id": "mod_extra_cheese", "price": 15}
DEARER = {"subtotal": 150, "service": 18, "tax": Decimal("23.52"), "total": Decimal("191.52")}


def insert(table: str, data: dict[str, Any], **more: Any) -> Insert:
    return Insert(table=table, data={**data, **more})


def update(table: str, identifier: str, **changes: Any) -> Update:
    return Update(table=table, id=identifier, changes=changes)


def refused(pos: Any, *ops: Any) -> str:
    """Return where a transaction of *ops* is refused."""
    path: str = pos.refused_at(pos.run, Transaction(ops=list(ops)))
    return path


def test_an_orders_total_follows_from_its_parts(pos: Any) -> None:
    assert pos.refused_at(pos.update, "order_header", "o1", tax=0) == "/total"
    assert pos.refused_at(pos.update, "order_header", "o1", delivery_fee=1) == "/total"
    less = {"tax": None, "discount": Decimal("0.1"), "delivery_fee": 20}
    pos.update("order_header", "o1", **less, total=Decimal("131.9"))


def test_a_subtotal_is_the_sum_of_the_lines(pos: Any) -> None:
    more = {"subtotal": 101, "total": Decimal("128.68")}
    assert pos.refused_at(pos.update, "order_header", "o1", **more) == "/subtotal"
    assert pos.refused_at(pos.insert, "order_header", id="o2", subtotal=1, total=1) == "/subtotal"


def test_a_line_comes_with_its_orders_subtotal(pos: Any) -> None:
    assert pos.refused_at(pos.insert, "order_line", **LINE) == "/total"
    changed = {"quantity": 3, "total": 150}
    assert pos.refused_at(pos.update, "order_line", "l1", **changed) == "/total"
    pos.together(insert("order_line", LINE), update("order_header", "o1", **DEARER))


@pytest.mark.parametrize("turn", [1, -1])
def test_an_order_comes_before_its_lines_or_after_them(pos: Any, turn: int) -> None:
    header = insert("order_header", {"id": "o2", "subtotal": 50, "total": 50})
    pos.together(*[header, insert("order_line", LINE, order_id="o2")][::turn])


def test_a_line_that_moves_is_judged_in_both_orders(pos: Any) -> None:
    pos.insert("order_header", id="o2")
    assert pos.refused_at(pos.update, "order_line", "l1", order_id="o2") == "/total"
    empty = {"subtotal": 0, "service": 0, "tax": 0, "total": 0}
    pos.together(update("order_line", "l1", order_id="o2"), update("order_header", "o1", **empty))


def test_lines_come_one_by_one_until_the_subtotal_is_given(pos: Any) -> None:
    pos.insert("order_header", id="o2")
    pos.insert("order_line", **{**LINE, "order_id": "o2"})
    pos.insert("order_line", **{**LINE, "id": "l3", "order_id": "o2"})
    path = pos.refused_at(pos.update, "order_header", "o2", subtotal=50, total=50)
    assert path == "/subtotal"
    pos.update("order_header", "o2", subtotal=100, total=100)


def test_a_till_that_keeps_only_totals_is_believed(pos: Any) -> None:
    pos.insert("order_header", id="o2", status="open", total=Decimal("120.5"))


def test_an_order_that_lost_a_line_is_not_paid_before_it_adds_up(pos: Any) -> None:
    pos.delete("order_line", "l1")
    payment = {"id": "p1", "order_id": "o1", "amount": 1}
    assert pos.refused_at(pos.insert, "payment", **payment) == "/order_id"
    assert pos.refused_at(pos.update, "order_header", "o1", status="served") == "/subtotal"
    pos.update("order_header", "o1", note="is looked into")
    pos.update("order_header", "o1", subtotal=0, service=0, tax=0, total=0)
    pos.update("order_header", "o1", status="served")


def test_a_lines_total_is_exact(pos: Any) -> None:
    pos.insert("order_header", id="o2")
    weighed = {**LINE, "order_id": "o2", "quantity": Decimal("0.35"),
               "unit_price": Decimal("619.99")}  # fmt: skip
    path = pos.refused_at(pos.insert, "order_line", **{**weighed, "total": Decimal("217")})
    assert path == "/total"
    pos.insert("order_line", **{**weighed, "discount": Decimal("0.9965"), "total": 216})


def test_a_product_of_thirty_digits_is_not_rounded(pos: Any) -> None:
    amount = Decimal("999999.999999999")
    huge = {**LINE, "quantity": amount, "unit_price": amount}
    near = {**huge, "total": Decimal("999999999999.998")}  # 10⁻¹⁸ too little
    assert pos.refused_at(pos.insert, "order_line", **near) == "/total"


def test_a_line_has_the_price_of_its_own_item(pos: Any) -> None:
    pos.insert("order_header", id="o2")
    line = {**LINE, "order_id": "o2", "item_id": "item_tea", "unit_price": 12, "total": 12}
    foreign = {**line, "price_id": "price_turkish_coffee_takeaway"}
    assert pos.refused_at(pos.insert, "order_line", **foreign) == "/price_id"
    pos.insert("order_line", **line, price_id="price_tea_takeaway")
    path = pos.refused_at(pos.update, "order_line", "l2", item_id="item_water")
    assert path == "/price_id"


def test_a_modifier_is_in_the_price_of_its_line(pos: Any) -> None:
    assert pos.refused_at(pos.insert, "order_line_modifier", **CHEESE) == "/price"
    line = update("order_line", "l1", extras=15, total=130)
    assert refused(pos, line) == "/ops/0/extras"
    bill = update("order_header", "o1", subtotal=130, service=0, tax=0, total=130)
    pos.together(insert("order_line_modifier", CHEESE), line, bill)
    path = pos.refused_at(pos.update, "order_line_modifier", "x1", quantity=2)
    assert path == "/price"
    assert pos.refused_at(pos.update, "order_line", "l1", extras=0, total=100) == "/extras"


def test_a_line_costs_its_extras_for_each_piece(pos: Any) -> None:
    line = update("order_line", "l1", extras=15, total=115)
    bill = update("order_header", "o1", subtotal=115, service=0, tax=0, total=115)
    assert refused(pos, insert("order_line_modifier", CHEESE), line, bill) == "/ops/1/total"


def test_a_modifier_that_moves_is_judged_in_both_lines(pos: Any) -> None:
    free = {**CHEESE, "modifier_id": "mod_no_onion", "price": 0}
    pos.insert("order_line_modifier", **free)
    pos.together(insert("order_line", LINE), update("order_header", "o1", **DEARER))
    pos.update("order_line_modifier", "x1", line_id="l2")
    pos.together(
        insert("order_line_modifier", CHEESE, id="x2"),
        update("order_line", "l1", extras=15, total=130),
        update("order_header", "o1", subtotal=180, service=0, tax=0, total=180),
    )
    path = pos.refused_at(pos.update, "order_line_modifier", "x2", line_id="l2")
    assert path == "/price"


def test_a_modifier_is_offered_with_the_item(pos: Any) -> None:
    nuts = {"id": "x1", "line_id": "l1", "modifier_id": "mod_nuts", "price": 0}
    assert pos.refused_at(pos.insert, "order_line_modifier", **nuts) == "/modifier_id"
    pos.insert("order_line_modifier", **{**nuts, "modifier_id": "mod_no_onion"})
    path = pos.refused_at(pos.update, "order_line_modifier", "x1", modifier_id="mod_nuts")
    assert path == "/modifier_id"


def test_a_line_takes_no_more_of_a_group_than_it_allows(pos: Any) -> None:
    onion = {"id": "x1", "line_id": "l1", "modifier_id": "mod_no_onion", "price": 0}
    path = pos.refused_at(pos.insert, "order_line_modifier", **onion, quantity=4)
    assert path == "/quantity"
    pos.insert("order_line_modifier", **onion, quantity=3)
    sauce = {**onion, "id": "x2", "modifier_id": "mod_tahini_sauce"}
    assert pos.refused_at(pos.insert, "order_line_modifier", **sauce) == "/quantity"


def test_a_group_without_a_limit_has_none(pos: Any) -> None:
    pos.update("order_line", "l1", item_id="item_koshary_large")
    dakka = {"id": "x1", "line_id": "l1", "modifier_id": "mod_shatta", "price": 0}
    pos.insert("order_line_modifier", **dakka, quantity=20)


def test_a_line_does_not_become_what_its_modifiers_do_not_suit(pos: Any) -> None:
    pos.insert("order_line_modifier", id="x1", line_id="l1", modifier_id="mod_no_onion")
    path = pos.refused_at(pos.update, "order_line", "l1", item_id="item_water")
    assert path == "/item_id"
    pos.update("order_line", "l1", item_id="item_sogok")


@pytest.mark.parametrize("status", ["closed", "cancelled"])
def test_a_settled_order_takes_no_new_line(pos: Any, status: str) -> None:
    pos.insert("payment", id="p1", order_id="o1", amount=Decimal("127.68"))
    if status == "cancelled":
        pos.delete("payment", "p1")
    pos.update("order_header", "o1", status=status)
    free = {**LINE, "discount": 50, "total": 0}
    assert pos.refused_at(pos.insert, "order_line", **LINE) == "/order_id"
    assert pos.refused_at(pos.insert, "order_line", **free) == "/order_id"
    fewer = {"quantity": 1, "total": 50}
    assert pos.refused_at(pos.update, "order_line", "l1", **fewer) == "/order_id"
    same_sum = {"quantity": 1, "unit_price": 100}
    assert pos.refused_at(pos.update, "order_line", "l1", **same_sum) == "/order_id"
    pos.update("order_line", "l1", status="served")


def test_a_settled_bill_does_not_change_with_its_lines_either(pos: Any) -> None:
    pos.update("order_header", "o1", status="cancelled")
    bill = update("order_header", "o1", **DEARER)
    assert refused(pos, bill, insert("order_line", LINE)) == "/ops/0/subtotal"
    pos.update("order_header", "o1", note="the guest left")


def test_a_settled_order_without_a_subtotal_takes_no_line(pos: Any) -> None:
    pos.insert("order_header", id="o2", status="closed", total=100)
    line = {**LINE, "order_id": "o2"}
    assert pos.refused_at(pos.insert, "order_line", **line) == "/order_id"


def test_no_line_moves_into_a_settled_order_or_out_of_it(pos: Any) -> None:
    assert pos.refused_at(pos.update, "order_line", "l1", order_id="seed-order-1") == "/order_id"
    path = pos.refused_at(pos.update, "order_line", "seed-order-1-1", order_id="o1")
    assert path == "/order_id"


def test_a_settled_order_may_come_whole(pos: Any) -> None:
    pos.together(
        insert("order_header", {"id": "o2", "status": "closed", "subtotal": 100, "total": 100}),
        insert("order_line", LINE, id="l2", order_id="o2"),
        insert("order_line", LINE, id="l3", order_id="o2"),
    )


def test_lines_go_with_their_order_unless_it_is_paid(pos: Any) -> None:
    pos.insert("order_line_modifier", id="x1", line_id="l1", modifier_id="mod_no_onion")
    pos.insert("payment", id="p1", order_id="o1", amount=1)
    assert pos.refused_at(pos.delete, "order_header", "o1") == "/id"
    pos.together(Delete(table="payment", id="p1"), Delete(table="order_header", id="o1"))
    assert "l1" not in [line["id"] for line in pos.rows("order_line")]
    assert "x1" not in [row["id"] for row in pos.rows("order_line_modifier")]
