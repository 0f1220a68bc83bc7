"""Payments, sales and reports: sums that add up, and nothing above what is due."""

from decimal import Decimal
from typing import Any

import pytest

from mishkah.core.messages import Insert

PAID = "payment_transaction"
SOLD = "service_transaction"


@pytest.fixture
def shop(gym: Any, subscription: Any, sale: Any) -> Any:
    gym.insert("membership_subscription", **subscription)
    gym.insert(SOLD, **sale)
    return gym


def payment(number: int = 1, **other: Any) -> dict[str, Any]:
    due = {} if "service_transaction_id" in other else {"subscription_id": "s1"}
    return {"id": f"p{number}", "member_id": "m1", "amount": 400, **due, **other}


def test_a_payment_is_for_one_thing(shop: Any) -> None:
    for due in (
        {"subscription_id": None, "service_transaction_id": None},
        {"subscription_id": "s1", "service_transaction_id": "x1"},
    ):
        assert shop.refused_at(shop.insert, PAID, **payment(**due)) == "/subscription_id"
    shop.insert(PAID, **payment())
    shop.insert(PAID, **payment(2, service_transaction_id="x1"))


def test_a_payment_is_more_than_nothing(shop: Any) -> None:
    for amount in (0, -1, Decimal("0.001")):
        assert shop.refused_at(shop.insert, PAID, **payment(amount=amount)) == "/amount"
    shop.insert(PAID, **payment(amount=Decimal("0.01")))


@pytest.mark.parametrize(
    ("due", "rest"), [("subscription_id", 250), ("service_transaction_id", 50)]
)
def test_no_payment_is_above_what_is_due(shop: Any, due: str, rest: int) -> None:
    what = {due: "s1" if due == "subscription_id" else "x1"}
    shop.insert(PAID, **payment(**what))
    more = payment(2, **what, amount=rest + Decimal("0.01"))
    assert shop.refused_at(shop.insert, PAID, **more) == "/amount"
    shop.insert(PAID, **payment(2, **what, amount=rest))
    assert shop.refused_at(shop.update, PAID, "p1", amount=401) == "/amount"


def test_two_payments_of_one_command_are_counted_together(shop: Any) -> None:
    ops = [Insert(table=PAID, data=payment(number)) for number in (1, 2)]
    assert shop.refused_at(shop.together, *ops) == "/ops/0/amount"


def test_a_refund_makes_room_and_can_not_come_back(shop: Any) -> None:
    shop.insert(PAID, **payment(amount=650))
    shop.update(PAID, "p1", status="refunded")
    shop.insert(PAID, **payment(2, amount=650))
    assert shop.refused_at(shop.update, PAID, "p1", status="completed") == "/amount"


def test_a_price_does_not_fall_below_what_was_paid(shop: Any) -> None:
    shop.insert(PAID, **payment())
    shop.insert(PAID, **payment(2, service_transaction_id="x1"))
    table = "membership_subscription"
    assert shop.refused_at(shop.update, table, "s1", price=399) == "/price"
    shop.update(table, "s1", price=400)
    assert shop.refused_at(shop.update, SOLD, "x1", discount=101, total=399) == "/total"
    shop.update(SOLD, "x1", discount=100, total=400)


def test_a_sale_with_payments_stays_with_its_member(shop: Any) -> None:
    shop.update(SOLD, "x1", member_id="member_014")
    shop.update(SOLD, "x1", member_id="m1")
    shop.insert(PAID, **payment(service_transaction_id="x1"))
    assert shop.refused_at(shop.update, SOLD, "x1", member_id="member_014") == "/member_id"


@pytest.mark.parametrize("field", ["member_id", "subscription_id", "received_by"])
def test_a_payment_names_what_exists(shop: Any, field: str) -> None:
    assert shop.refused_at(shop.insert, PAID, **payment(**{field: "nobody"})) == f"/{field}"


@pytest.mark.parametrize(
    ("field", "theirs"), [("subscription_id", "sub_020"), ("service_transaction_id", "sale_020")]
)
def test_a_payment_is_not_for_what_is_another_members(shop: Any, field: str, theirs: str) -> None:
    assert shop.refused_at(shop.insert, PAID, **payment(**{field: theirs})) == f"/{field}"
    owner = "member_017" if field == "subscription_id" else "member_014"
    shop.insert(PAID, **payment(**{field: theirs, "member_id": owner, "amount": 100}))


def test_payments_are_in_the_gyms_currency(shop: Any) -> None:
    assert shop.refused_at(shop.insert, PAID, **payment(currency="USD")) == "/currency"
    shop.insert(PAID, **payment())
    shop.update("gym_config", "gym", currency="USD")
    shop.update(PAID, "p1", note="before the change")
    shop.insert(PAID, **payment(2, currency="USD", amount=1))


@pytest.mark.parametrize(
    ("field", "value"), [("quantity", 3), ("unit_price", 249), ("discount", 0)]
)
def test_a_sale_adds_up(shop: Any, field: str, value: int) -> None:
    assert shop.refused_at(shop.update, SOLD, "x1", **{field: value}) == "/total"


def test_a_service_that_is_not_on_sale_is_not_sold(gym: Any, sale: Any) -> None:
    massage = {**sale, "service_id": "service_massage", "trainer_id": None}
    assert gym.refused_at(gym.insert, SOLD, **massage) == "/service_id"
    gym.insert(SOLD, **massage, status="done")
    gym.update("service", "service_massage", on_sale=True)
    gym.update(SOLD, "x1", status="open")


@pytest.mark.parametrize("trainer", [None, "staff_002"])
def test_a_session_with_a_trainer_has_one(gym: Any, sale: Any, trainer: str | None) -> None:
    assert gym.refused_at(gym.insert, SOLD, **{**sale, "trainer_id": trainer}) == "/trainer_id"
    inbody = {**sale, "service_id": "service_inbody", "trainer_id": None}
    gym.insert(SOLD, **inbody)


def test_a_trainer_who_has_left_keeps_what_was_booked(shop: Any, sale: Any) -> None:
    shop.update("staff", "staff_004", status="left")
    shop.update(SOLD, "x1", sessions_used=1)
    assert shop.refused_at(shop.insert, SOLD, **{**sale, "id": "x2"}) == "/trainer_id"


def test_no_session_is_used_that_was_not_sold(shop: Any) -> None:
    shop.update(SOLD, "x1", sessions_used=2)
    assert shop.refused_at(shop.update, SOLD, "x1", sessions_used=3) == "/sessions_used"
    fewer = {"quantity": 1, "total": 200}
    assert shop.refused_at(shop.update, SOLD, "x1", **fewer) == "/sessions_used"
    shop.update(SOLD, "x1", service_id="service_pt_8", sessions_used=16)


def test_a_service_is_valid_on_the_day_it_is_sold_at_the_gyms_clock(gym: Any, sale: Any) -> None:
    late = {**sale, "sold_at": "2025-10-28T22:00:00Z"}  # 01:00 on the 29th in Cairo
    path = gym.refused_at(gym.insert, SOLD, **late, valid_until="2025-10-28")
    assert path == "/valid_until"
    gym.insert(SOLD, **late, valid_until="2025-10-29")


def test_a_report_adds_up_until_it_is_closed(gym: Any) -> None:
    table, report = "revenue_report", "report_2025_10"
    assert gym.refused_at(gym.update, table, report, services_amount=0) == "/total_amount"
    draft = {"subscriptions_amount": 100, "services_amount": 20, "total_amount": 120}
    gym.update(table, report, **draft)
    gym.update(table, report, status="closed")
    for changes in ({"status": "draft"}, {"payments": 0}):
        assert gym.refused_at(gym.update, table, report, **changes) == "/status"
    gym.update(table, report, prepared_by="staff_002")


@pytest.mark.parametrize("month", ["2025-13", "2025-1", "25-01", "2025-01-01"])
def test_a_report_is_of_a_month(gym: Any, month: str) -> None:
    assert gym.refused_at(gym.update, "revenue_report", "report_2025_10", month=month) == "/month"
