"""The schema and the seeds of the point of sale, as every new branch gets them."""

import json
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import mishkah_pos
import pytest

from mishkah import Rule

RULES = {
    "order_header": {
        "id": Rule(prefix="DAR", start=1001, format="{prefix}-{number:05d}"),
        "invoice_no": Rule(prefix="INV", format="pos.daily_invoice", reset="day"),
    }
}
DEFINITION = json.loads(
    (mishkah_pos.register_modules()["pos"] / "schema" / "definition.json").read_text("utf-8")
)
NAMES = {"name", "label", "full_name", "guest_name", "summary", "address", "restaurant_name",
         "receipt_footer"}  # fmt: skip


@pytest.fixture
def pos(open_store: Any) -> Any:
    return open_store(mishkah_pos, "pos", RULES)


@pytest.mark.parametrize("form", ["{prefix}-{number:05d}", "{branch}-{number:05d}"])
def test_the_seeds_load_in_every_branch(open_store: Any, form: str) -> None:
    rules = {"order_header": {"id": Rule(prefix="RML", start=1001, format=form)}}
    assert open_store(mishkah_pos, "pos", rules, branch="pos:cafe").findings == []


def test_the_seeds_need_no_sequence_rules(open_store: Any) -> None:
    assert open_store(mishkah_pos, "pos").findings == []


def test_the_house_is_furnished(pos: Any) -> None:
    assert len(pos.rules.schema.tables) >= 25
    assert len(pos.rows("menu_item")) >= 60
    assert [name for name in pos.rules.schema.tables if not pos.rows(name)] == []


def texts() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (where, text) of every label and description; all fields but keys have a label."""
    yield "the module", DEFINITION["description"]
    for name, table in DEFINITION["tables"].items():
        yield name, table["label"]
        for field, rules in table["fields"].items():
            if "primaryKey" not in rules:
                yield f"{name}.{field}", rules["label"]
            if "description" in rules:
                yield f"{name}.{field}", rules["description"]


def test_tables_and_fields_are_called_in_two_languages() -> None:
    for where, text in texts():
        assert text.keys() == {"en", "ar"}, where
        assert all(text.values()), where


def test_every_name_in_the_seeds_is_in_two_languages(pos: Any) -> None:
    for name, table in pos.rules.schema.tables.items():
        named = [field for field in table.fields if field in NAMES]
        for row in pos.rows(name):
            for field in named:
                if row[field] is not None:
                    assert row[field]["ar"], (name, row["id"], field)
                    assert row[field]["en"], (name, row["id"], field)


@pytest.mark.parametrize(
    ("table", "field", "names"),
    [("order_header", "status", "order_status"), ("order_header", "order_type", "order_type"),
     ("menu_item", "station", "kitchen_section")],
)  # fmt: skip
def test_what_the_schema_lists_has_a_name(pos: Any, table: str, field: str, names: str) -> None:
    listed = pos.rules.schema.tables[table].fields[field].limits.enum
    assert tuple(row["id"] for row in pos.rows(names)) == listed


def test_there_is_an_order_in_every_status_and_a_shift_of_both_kinds(pos: Any) -> None:
    statuses = {order["status"] for order in pos.rows("order_header")}
    assert statuses == {status["id"] for status in pos.rows("order_status")}
    assert {shift["status"] for shift in pos.rows("shift")} == {"open", "closed"}
    assert {employee["role"] for employee in pos.rows("employee")} == {
        "manager", "cashier", "waiter", "chef", "driver",
    }  # fmt: skip


def test_seeded_lines_add_up_with_their_modifiers(pos: Any) -> None:
    modifiers = pos.rows("order_line_modifier")
    for line in pos.rows("order_line"):
        extras = sum(m["quantity"] * m["price"] for m in modifiers if m["line_id"] == line["id"])
        assert extras == (line["extras"] or 0)
        price = line["quantity"] * (line["unit_price"] + extras)
        assert line["total"] == price - (line["discount"] or 0)


def test_seeded_orders_add_up_with_service_and_tax(pos: Any) -> None:
    lines = pos.rows("order_line")
    rates = {row["id"]: row["service_rate"] for row in pos.rows("order_type")}
    tax_rate = pos.rows("pos_config")[0]["tax_rate"]
    for order in pos.rows("order_header"):
        assert order["subtotal"] == sum(
            line["total"] for line in lines if line["order_id"] == order["id"]
        )
        net = order["subtotal"] - order["discount"]
        service = piastres(net * rates[order["order_type"]])
        fee = order["delivery_fee"] or Decimal(0)
        tax = piastres((net + service + fee) * tax_rate)
        assert (order["service"], order["tax"]) == (service, tax)
        assert order["total"] == net + service + fee + tax


def piastres(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_seeded_orders_are_paid_as_their_status_says(pos: Any) -> None:
    payments, refunds = pos.rows("payment"), pos.rows("refund")
    for payment in payments:
        back = sum(r["amount"] for r in refunds if r["payment_id"] == payment["id"])
        assert back == payment["refunded"] <= payment["amount"]
    for order in pos.rows("order_header"):
        of_it = [row for row in payments if row["order_id"] == order["id"]]
        paid = sum(row["amount"] for row in of_it)
        kept = paid - sum(row["refunded"] for row in of_it)
        assert kept <= order["total"]
        if order["status"] == "closed":
            assert paid == order["total"]
        if order["status"] == "cancelled":
            assert kept == 0


def test_the_seeded_logs_lead_to_each_orders_status(pos: Any) -> None:
    last = {}
    for step in pos.rows("order_status_log"):
        assert step["from_status"] == last.get(step["order_id"])
        last[step["order_id"]] = step["to_status"]
    assert last == {order["id"]: order["status"] for order in pos.rows("order_header")}


def test_a_total_and_a_status_make_an_order(pos: Any) -> None:
    order = pos.insert("order_header", status="open", total=Decimal("120.5"))
    assert order["id"] == "DAR-01001"
    assert order["invoice_no"] == "INV-2025302-0008"


def test_an_order_may_be_opened_with_nothing(pos: Any) -> None:
    order = pos.insert("order_header")
    assert (order["status"], order["total"]) == ("open", 0)


@pytest.mark.parametrize(
    ("table", "data", "path"),
    [("menu_item", {"id": "i", "category_id": "none", "name": {"ar": "أ", "en": "a"}, "price": 1},
      "/category_id"),
     ("menu_item", {"id": "i", "category_id": "cat_grills", "name": {"ar": "أ", "en": "a"},
                    "price": -1}, "/price"),
     ("menu_item", {"id": "i", "category_id": "cat_grills", "name": {"en": "a"}, "price": 1},
      "/name/ar"),
     ("order_header", {"table_id": "none"}, "/table_id"),
     ("order_header", {"customer_id": "none"}, "/customer_id"),
     ("order_header", {"status": "eaten"}, "/status"),
     ("order_header", {"discount": Decimal("-0.01")}, "/discount"),
     ("order_header", {"created_at": "2025-01-01T00:00:00Z"}, "/created_at"),
     ("order_line", {"id": "l", "order_id": "seed-order-12", "item_id": "item_tea", "quantity": 0,
                     "unit_price": 1, "total": 0}, "/quantity"),
     ("payment", {"id": "p", "order_id": "none", "amount": 1}, "/order_id"),
     ("payment", {"id": "p", "order_id": "seed-order-12", "method_id": "none", "amount": 1},
      "/method_id"),
     ("customer", {"id": "c", "full_name": {"ar": "أ"}, "phone": "call me"}, "/phone"),
     ("employee", {"id": "e", "code": "E99", "full_name": {"ar": "أ"}, "email": "at home"},
      "/email")],
)  # fmt: skip
def test_the_schema_refuses(pos: Any, table: str, data: dict[str, Any], path: str) -> None:
    assert pos.refused_at(pos.insert, table, **data) == path


def test_what_orders_name_is_not_deleted_under_them(pos: Any) -> None:
    named = {
        "menu_item": "item_om_ali",
        "shift": "shift_1",
        "payment_method": "cash",
        "modifier": "mod_nuts",
    }
    for table, row in named.items():
        assert pos.refused_at(pos.delete, table, row) == "/id"


def test_a_module_of_another_name_gets_no_validators() -> None:
    assert not mishkah_pos.register_validators("gym")


def test_every_validator_has_a_table(pos: Any) -> None:
    assert mishkah_pos.register_validators("pos").keys() <= pos.rules.schema.tables.keys()
