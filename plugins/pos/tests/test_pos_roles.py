"""The roles of a restaurant: a till and a kitchen's screen do their work with them, and no more."""

from typing import Any

import mishkah_pos
import pytest

from mishkah.core.errors import Forbidden, NotFound, UnknownTable
from mishkah.core.messages import Delete, Insert, Update
from mishkah.core.reach import names
from mishkah.roles import read_access

PAID = {"id": "p1", "order_id": "o1", "method_id": "cash", "amount": 127}
MONEY = {"price", "unit_price", "extras", "subtotal", "discount", "service", "delivery_fee", "tax",
         "total", "amount", "refunded", "tax_rate", "service_rate", "fee", "opening_cash",
         "expected_cash", "counted_cash"}  # fmt: skip
PERSONAL = {"phone", "email", "address", "directions", "guest_name", "customer_id", "address_id"}


@pytest.mark.parametrize("role", ["cashier", "kitchen"])
def test_a_role_reads_every_row_that_what_it_reads_refers_to(pos: Any, role: str) -> None:
    shown = pos.play(role).schema.tables
    for table in shown.values():
        for field in table.fields.values():
            assert field.references is None or field.references.table in shown, field


def test_every_name_of_the_file_is_in_the_schema(pos: Any) -> None:
    file = mishkah_pos.register_modules()["pos"] / "access.json"
    tables = pos.rules.schema.tables
    for role in read_access("access.json", file.read_bytes()).roles.values():
        for rule in role.rules:
            for name in rule.tables:
                assert any(names([name], table) for table in tables), name
            meant = [table for name, table in tables.items() if names(rule.tables, name)]
            fields = {field for table in meant for field in table.fields}
            assert fields.issuperset((*(rule.fields or ()), *(rule.but or ())))


def test_the_kitchen_sees_no_money_and_nothing_of_guests(pos: Any) -> None:
    shown = pos.play("kitchen").schema.tables
    fields = {field for table in shown.values() for field in table.fields}
    assert not fields & (MONEY | PERSONAL)
    hidden = {"customer", "customer_address", "reservation", "audit_log", "item_price"}
    assert not shown.keys() & {*hidden, "payment", "refund", "shift", "cash_movement"}


def test_the_kitchen_makes_an_order_and_says_so(pos: Any) -> None:
    pos.insert("kitchen_job_order", id="j1", order_id="o1", section_id="grill")
    pos.insert("kitchen_job_line", id="k1", job_id="j1", line_id="l1", quantity=2)
    pos.play("kitchen")
    pos.together(
        Update(table="kitchen_job_line", id="k1", changes={"status": "preparing"}),
        Update(table="order_line", id="l1", changes={"status": "preparing"}),
        Update(table="order_header", id="o1", changes={"status": "preparing"}),
        Insert(table="order_status_log", data={"id": "s1", "order_id": "o1", "from_status": "open",
                                               "to_status": "preparing"}),
    )  # fmt: skip
    ready = {"status": "ready", "ready_at": "2025-10-29T10:20:00Z"}
    pos.update("kitchen_job_order", "j1", **ready)
    pos.update("menu_item", "item_kebda", available=False)
    for status in ("closed", "served", "cancelled"):
        with pytest.raises(Forbidden):
            pos.update("order_header", "o1", status=status)
    for table, key, change in (
        ("order_header", "o1", {"note": "x"}),
        ("order_line", "l1", {"quantity": 1}),
        ("kitchen_job_line", "k1", {"quantity": 1}),
    ):
        with pytest.raises(Forbidden):
            pos.update(table, key, **change)
    with pytest.raises(UnknownTable):
        pos.update("customer", "customer_001", note="x")
    with pytest.raises(Forbidden):
        pos.delete("kitchen_job_line", "k1")


def test_a_till_goes_through_a_day(pos: Any) -> None:
    pos.play("cashier")
    pos.insert("customer", id="c9", full_name={"ar": "سارة"}, phone="01000000099")
    pos.insert("customer_address", id="a9", customer_id="c9", address={"ar": "شارع"})
    pos.insert("order_header", id="o2", status="open", order_type="takeaway", customer_id="c9")
    line = {"order_id": "o2", "item_id": "item_kebda", "quantity": 1, "unit_price": 50, "total": 50}
    pos.insert("order_line", id="l2", **line)
    pos.insert("order_line", id="l3", **line)
    pos.delete("order_line", "l3")
    bill = {"subtotal": 50, "service": 0, "tax": 0, "total": 50}
    pos.update("order_header", "o2", **bill)
    pos.insert("payment", id="p2", order_id="o2", amount=50)
    pos.update("order_header", "o2", status="closed")
    pos.insert("audit_log", id="x1", action="order.close", row_id="o2")
    pos.update("dining_table", "table_02", status="cleaning")
    pos.update("order_line", "l1", status="preparing")
    with pytest.raises(Forbidden):
        pos.delete("order_line", "l1")


def test_a_till_pays_back_and_rewrites_no_payment(pos: Any) -> None:
    pos.insert("payment", **PAID)
    pos.play("cashier")
    refund = {"id": "r1", "payment_id": "p1", "amount": 27, "reason_id": "reason_late"}
    pos.together(
        Insert(table="refund", data=refund),
        Update(table="payment", id="p1", changes={"refunded": 27}),
    )
    for command in (
        Update(table="payment", id="p1", changes={"amount": 100}),
        Delete(table="payment", id="p1"),
        Delete(table="refund", id="r1"),
        Delete(table="order_header", id="o1"),
        Update(table="menu_item", id="item_kebda", changes={"price": 1}),
        Insert(table="employee", data={"id": "e9", "code": "E9", "full_name": {"ar": "x"}}),
    ):
        with pytest.raises(Forbidden):
            pos.run(command)


def test_a_till_knows_colleagues_by_name_and_no_audit(pos: Any) -> None:
    shown = pos.play("cashier").schema.tables
    assert [*shown["employee"].fields] == ["id", "code", "full_name", "role", "active"]
    assert "audit_log" not in shown


def test_what_was_logged_stays_for_a_manager_too(pos: Any) -> None:
    pos.insert("audit_log", id="x1", action="drawer.open")
    grant = pos.play("manager")
    assert grant.schema.tables.keys() == pos.rules.schema.tables.keys()
    pos.insert("audit_log", id="x2", action="order.close")
    pos.update("menu_item", "item_kebda", price=60)
    with pytest.raises(Forbidden):
        pos.delete("audit_log", "x1")
    with pytest.raises(Forbidden):
        pos.update("audit_log", "x1", action="no.thing")
    pos.play("owner")
    pos.delete("audit_log", "x1")


def test_reading_is_all_that_read_only_is(pos: Any) -> None:
    assert pos.play("read-only").schema.tables.keys() == pos.rules.schema.tables.keys()
    with pytest.raises(Forbidden):
        pos.update("menu_item", "item_kebda", price=60)
    with pytest.raises((Forbidden, NotFound)):
        pos.delete("menu_item", "item_kebda")
