"""The schema and the seeds of the point of sale, as every new branch gets them."""

from decimal import Decimal
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


@pytest.fixture
def pos(open_store: Any) -> Any:
    return open_store(mishkah_pos, "pos", RULES)


@pytest.mark.parametrize("form", ["{prefix}-{number:05d}", "{branch}-{number:05d}"])
def test_the_seeds_load_in_every_branch(open_store: Any, form: str) -> None:
    rules = {"order_header": {"id": Rule(prefix="RML", start=1001, format=form)}}
    assert open_store(mishkah_pos, "pos", rules, branch="pos:cafe").findings == []


def test_the_seeds_need_no_sequence_rules(open_store: Any) -> None:
    assert open_store(mishkah_pos, "pos").findings == []


def test_the_menu_and_the_room_are_furnished(pos: Any) -> None:
    assert len(pos.rows("menu_item")) >= 30
    assert len(pos.rows("menu_category")) >= 6
    assert len(pos.rows("dining_table")) >= 10


def test_seeded_orders_add_up_line_by_line(pos: Any) -> None:
    lines, payments = pos.rows("order_line"), pos.rows("payment")
    for order in pos.rows("order_header"):
        of_it = [line["total"] for line in lines if line["order_id"] == order["id"]]
        paid = [row["amount"] for row in payments if row["order_id"] == order["id"]]
        assert sum(of_it) == order["subtotal"]
        if order["status"] == "closed":
            assert sum(paid) == order["total"]


def test_a_total_and_a_status_make_an_order(pos: Any) -> None:
    order = pos.insert("order_header", status="open", total=Decimal("120.5"))
    assert order["id"] == "DAR-01001"
    assert order["invoice_no"] == "INV-2025302-0003"


def test_an_order_may_be_opened_with_nothing(pos: Any) -> None:
    order = pos.insert("order_header")
    assert (order["status"], order["total"]) == ("open", 0)


def test_a_module_of_another_name_gets_no_validators() -> None:
    assert not mishkah_pos.register_validators("gym")


def test_every_validator_has_a_table(pos: Any) -> None:
    assert mishkah_pos.register_validators("pos").keys() <= pos.rules.schema.tables.keys()
