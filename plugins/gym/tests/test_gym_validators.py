"""What a gym refuses, and what it must not refuse."""

from typing import Any

import mishkah_gym
import pytest

from mishkah.core.messages import Insert, Update

MEMBER = {"id": "m1", "full_name": {"ar": "محمد", "en": "Mohamed"}, "email": "m1@example.com"}
SUBSCRIPTION = {
    "id": "s1",
    "member_id": "m1",
    "plan_id": "plan_monthly",
    "start_date": "2025-10-29",
    "end_date": "2025-11-27",
}


@pytest.fixture
def gym(open_store: Any) -> Any:
    store = open_store(mishkah_gym, "gym")
    store.insert("gym_member", **MEMBER)
    return store


def test_a_member_needs_an_email_or_a_phone(gym: Any) -> None:
    nobody = {"id": "m2", "full_name": {"en": "Nobody"}}
    assert gym.refused_at(gym.insert, "gym_member", **nobody) == "/phone"
    assert gym.refused_at(gym.insert, "gym_member", **nobody, email="") == "/phone"
    gym.insert("gym_member", **nobody, phone="+20 10 0000 0999")


def test_the_last_way_to_reach_a_member_stays(gym: Any) -> None:
    assert gym.refused_at(gym.update, "gym_member", "m1", email=None) == "/phone"
    gym.update("gym_member", "m1", email=None, phone="+20 10 0000 0999")


def test_a_plan_costs_nothing_negative_and_lasts_a_day(gym: Any) -> None:
    assert gym.refused_at(gym.update, "membership_plan", "plan_day", price=-1) == "/price"
    path = gym.refused_at(gym.update, "membership_plan", "plan_day", duration_days=0)
    assert path == "/duration_days"
    gym.update("membership_plan", "plan_day", price=0)


def test_a_subscription_ends_on_its_first_day_or_later(gym: Any) -> None:
    early = {**SUBSCRIPTION, "end_date": "2025-10-28"}
    assert gym.refused_at(gym.insert, "membership_subscription", **early) == "/end_date"
    gym.insert("membership_subscription", **{**SUBSCRIPTION, "end_date": "2025-10-29"})


@pytest.mark.parametrize("field", ["member_id", "plan_id"])
def test_a_subscription_names_what_exists(gym: Any, field: str) -> None:
    stray = {**SUBSCRIPTION, field: "nobody"}
    assert gym.refused_at(gym.insert, "membership_subscription", **stray) == f"/{field}"


def test_a_member_and_the_subscription_may_come_together(gym: Any) -> None:
    gym.together(
        Insert(table="membership_subscription", data={**SUBSCRIPTION, "member_id": "m2"}),
        Insert(table="gym_member", data={**MEMBER, "id": "m2", "email": "m2@example.com"}),
    )


def test_one_active_subscription_of_a_plan_is_enough(gym: Any) -> None:
    gym.insert("membership_subscription", **SUBSCRIPTION)
    second = {**SUBSCRIPTION, "id": "s2"}
    assert gym.refused_at(gym.insert, "membership_subscription", **second) == "/plan_id"
    gym.insert("membership_subscription", **second, status="pending")
    gym.insert("membership_subscription", **{**second, "id": "s3", "plan_id": "plan_yearly"})
    assert gym.refused_at(gym.update, "membership_subscription", "s2", status="active") == (
        "/plan_id"
    )


def test_a_subscription_is_renewed_in_one_transaction(gym: Any) -> None:
    gym.insert("membership_subscription", **SUBSCRIPTION)
    gym.together(
        Insert(table="membership_subscription", data={**SUBSCRIPTION, "id": "s2"}),
        Update(table="membership_subscription", id="s1", changes={"status": "expired"}),
    )


def test_a_payment_is_more_than_nothing(gym: Any) -> None:
    free = {"id": "p1", "member_id": "m1", "amount": 0}
    assert gym.refused_at(gym.insert, "payment_transaction", **free) == "/amount"
    gym.insert("payment_transaction", **{**free, "amount": 1})


@pytest.mark.parametrize("field", ["member_id", "subscription_id", "received_by"])
def test_a_payment_names_what_exists(gym: Any, field: str) -> None:
    paid = {"id": "p1", "member_id": "m1", "amount": 650, field: "nobody"}
    assert gym.refused_at(gym.insert, "payment_transaction", **paid) == f"/{field}"


def test_a_payment_is_not_for_another_members_subscription(gym: Any) -> None:
    paid = {"id": "p1", "member_id": "m1", "amount": 650, "subscription_id": "sub_002"}
    assert gym.refused_at(gym.insert, "payment_transaction", **paid) == "/subscription_id"


def test_a_visit_ends_after_it_begins(gym: Any) -> None:
    visit = {"id": "v1", "member_id": "m1", "check_in_at": "2025-10-29T12:00:00+03:00"}
    gym.insert("attendance", **visit)
    path = gym.refused_at(gym.update, "attendance", "v1", check_out_at="2025-10-29T08:59:59Z")
    assert path == "/check_out_at"
    gym.update("attendance", "v1", check_out_at="2025-10-29T09:00:00Z")


def test_what_a_deleted_member_leaves_can_still_be_changed(gym: Any) -> None:
    gym.insert("membership_subscription", **SUBSCRIPTION)
    gym.delete("gym_member", "m1")
    gym.update("membership_subscription", "s1", status="cancelled")
    path = gym.refused_at(gym.update, "membership_subscription", "s1", member_id="m2")
    assert path == "/member_id"
