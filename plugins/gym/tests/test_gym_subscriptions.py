"""Subscriptions: one active of a plan, what is on sale, dates in order, freezes within the plan."""

from typing import Any

import pytest

from mishkah.core.messages import Delete, Insert, Update

TABLE = "membership_subscription"


@pytest.fixture
def sold(gym: Any, subscription: Any) -> Any:
    gym.insert(TABLE, **subscription)
    return gym


def test_a_subscription_ends_on_its_first_day_or_later(gym: Any, subscription: Any) -> None:
    early = {**subscription, "end_date": "2025-10-28"}
    assert gym.refused_at(gym.insert, TABLE, **early) == "/end_date"
    gym.insert(TABLE, **{**subscription, "end_date": "2025-10-29"})


@pytest.mark.parametrize("field", ["member_id", "plan_id"])
def test_a_subscription_names_what_exists(gym: Any, subscription: Any, field: str) -> None:
    stray = {**subscription, field: "nobody"}
    assert gym.refused_at(gym.insert, TABLE, **stray) == f"/{field}"


def test_a_member_and_the_subscription_may_come_together(
    gym: Any, member: Any, subscription: Any
) -> None:
    gym.together(
        Insert(table=TABLE, data={**subscription, "member_id": "m2"}),
        Insert(table="gym_member", data={**member, "id": "m2", "email": "m2@example.com"}),
    )


def test_one_active_subscription_of_a_plan_is_enough(sold: Any, subscription: Any) -> None:
    second = {**subscription, "id": "s2"}
    assert sold.refused_at(sold.insert, TABLE, **second) == "/plan_id"
    sold.insert(TABLE, **second, status="pending")
    sold.insert(TABLE, **{**second, "id": "s3", "plan_id": "plan_yearly"})
    assert sold.refused_at(sold.update, TABLE, "s2", status="active") == "/plan_id"
    assert sold.refused_at(sold.update, TABLE, "s3", plan_id="plan_monthly") == "/plan_id"


def test_a_subscription_is_renewed_in_one_transaction(sold: Any, subscription: Any) -> None:
    sold.together(
        Insert(table=TABLE, data={**subscription, "id": "s2"}),
        Update(table=TABLE, id="s1", changes={"status": "expired"}),
    )


def test_a_plan_that_is_not_on_sale_is_not_sold(gym: Any, subscription: Any) -> None:
    summer = {**subscription, "plan_id": "plan_summer_2025"}
    for status in ("pending", "active"):
        assert gym.refused_at(gym.insert, TABLE, **summer, status=status) == "/plan_id"
    gym.insert(TABLE, **summer, status="expired")
    assert gym.refused_at(gym.update, TABLE, "s1", status="active") == "/plan_id"


def test_what_was_sold_before_goes_on(sold: Any) -> None:
    sold.update("membership_plan", "plan_monthly", on_sale=False)
    sold.update(TABLE, "s1", auto_renew=True)
    sold.update(TABLE, "s1", status="frozen", frozen_from="2025-11-01", frozen_until="2025-11-05")
    sold.update(TABLE, "s1", status="active")
    assert sold.refused_at(sold.update, TABLE, "s1", plan_id="plan_summer_2025") == "/plan_id"


@pytest.mark.parametrize(
    ("first", "last", "path"),
    [
        (None, None, "/frozen_from"),
        (None, "2025-11-05", "/frozen_from"),
        ("2025-11-01", None, "/frozen_until"),
        ("2025-11-01", "2025-10-31", "/frozen_until"),
        ("2025-10-28", "2025-10-30", "/frozen_from"),
        ("2025-11-28", "2025-11-29", "/frozen_from"),
        ("2025-11-01", "2025-11-06", "/frozen_until"),
    ],
)
def test_a_freeze_has_two_days_within_what_its_plan_allows(
    sold: Any, first: str | None, last: str | None, path: str
) -> None:
    freeze = {"status": "frozen", "frozen_from": first, "frozen_until": last}
    assert sold.refused_at(sold.update, TABLE, "s1", **freeze) == path
    sold.update(TABLE, "s1", status="frozen", frozen_from="2025-11-01", frozen_until="2025-11-05")


def test_a_plan_without_days_of_freezing_is_never_frozen(gym: Any, subscription: Any) -> None:
    gym.insert(TABLE, **{**subscription, "plan_id": "plan_day"})
    freeze = {"status": "frozen", "frozen_from": "2025-10-29", "frozen_until": "2025-10-29"}
    assert gym.refused_at(gym.update, TABLE, "s1", **freeze) == "/frozen_until"


def test_an_old_freeze_outlives_a_change_of_its_plan(sold: Any) -> None:
    sold.update(TABLE, "s1", status="frozen", frozen_from="2025-11-01", frozen_until="2025-11-05")
    sold.update("membership_plan", "plan_monthly", freeze_days=0)
    sold.update(TABLE, "s1", status="active")


def test_a_subscription_with_payments_stays_with_its_member(
    sold: Any, member: Any, subscription: Any
) -> None:
    sold.insert("gym_member", **{**member, "id": "m2", "email": "m2@example.com"})
    sold.update(TABLE, "s1", member_id="m2")
    sold.update(TABLE, "s1", member_id="m1")
    payment = {"id": "p1", "member_id": "m1", "subscription_id": "s1", "amount": 1}
    sold.insert("payment_transaction", **payment)
    assert sold.refused_at(sold.update, TABLE, "s1", member_id="m2") == "/member_id"
    swapped = (
        Delete(table=TABLE, id="s1"),
        Insert(table=TABLE, data={**subscription, "member_id": "m2"}),
    )
    assert sold.refused_at(sold.together, *swapped) == "/ops/1/member_id"


@pytest.mark.parametrize(("field", "value"), [("price", -1), ("duration_days", 0), ("visits", 0)])
def test_a_plan_costs_nothing_negative_and_lasts_a_day(gym: Any, field: str, value: int) -> None:
    assert (
        gym.refused_at(gym.update, "membership_plan", "plan_day", **{field: value}) == f"/{field}"
    )
    gym.update("membership_plan", "plan_day", price=0)
