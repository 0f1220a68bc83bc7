"""The door: whom it lets in, on which day, how often, and while there is room."""

from typing import Any

import pytest

from mishkah.core.errors import Refused

TABLE = "attendance"


@pytest.fixture
def door(gym: Any, subscription: Any) -> Any:
    gym.insert("membership_subscription", **subscription)
    return gym


def visit(number: int = 1, **other: Any) -> dict[str, Any]:
    return {"id": f"v{number}", "member_id": "m1", **other}


def out(at: str) -> dict[str, str]:
    return {"check_out_at": at, "status": "left"}


def told(gym: Any, **data: Any) -> str:
    """Return what the desk is told about a visit that is refused."""
    with pytest.raises(Refused) as refusal:
        gym.insert(TABLE, **data)
    return refusal.value.details[0].text.en


def test_a_visit_begins_now_with_nothing_but_the_member(door: Any) -> None:
    row = door.insert(TABLE, **visit())
    assert (row["check_in_at"], row["status"]) == ("2025-10-29T10:00:00.000Z", "inside")


def test_without_a_subscription_nobody_comes_in(gym: Any) -> None:
    assert gym.refused_at(gym.insert, TABLE, **visit()) == "/member_id"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("pending", "The subscription has not begun"),
        ("expired", "The subscription has ended"),
        ("cancelled", "The subscription was cancelled"),
        ("frozen", "The subscription is frozen"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_only_an_active_subscription_lets_in(
    door: Any, status: str, said: str, named: bool
) -> None:
    freeze = {"frozen_from": "2025-10-29", "frozen_until": "2025-10-30"}
    door.update("membership_subscription", "s1", status=status, **freeze)
    visiting = visit(**{"subscription_id": "s1"} if named else {})
    assert told(door, **visiting) == said
    path = door.refused_at(door.insert, TABLE, **visiting)
    assert path == ("/subscription_id" if named else "/member_id")


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2025-10-28T20:59:59Z", False),  # a second before midnight in Cairo, in summer time
        ("2025-10-28T21:00:00Z", True),
        ("2025-11-30T21:59:59Z", True),  # the last of three days of grace, in winter time
        ("2025-11-30T22:00:00Z", False),
    ],
)
def test_it_lets_in_from_its_first_day_through_the_days_of_grace(
    door: Any, moment: str, opens: bool
) -> None:
    if opens:
        door.insert(TABLE, **visit(check_in_at=moment))
    else:
        path = door.refused_at(door.insert, TABLE, **visit(check_in_at=moment))
        assert path == "/member_id"


def test_without_days_of_grace_the_last_day_is_the_last(door: Any) -> None:
    door.update("gym_config", "gym", grace_days=0)
    late = visit(check_in_at="2025-11-28T10:00:00Z")
    assert door.refused_at(door.insert, TABLE, **late) == "/member_id"
    door.insert(TABLE, **visit(check_in_at="2025-11-27T10:00:00Z"))


def test_any_of_a_members_subscriptions_will_do(door: Any, subscription: Any) -> None:
    later = {**subscription, "id": "s2", "plan_id": "plan_yearly", "start_date": "2025-11-01"}
    door.insert("membership_subscription", **{**later, "end_date": "2026-10-31"})
    door.insert(TABLE, **visit())


def test_a_visit_that_has_begun_outlives_its_subscription(door: Any) -> None:
    door.insert(TABLE, **visit())
    door.update("membership_subscription", "s1", status="cancelled")
    door.update("gym_member", "m1", status="suspended")
    door.update(TABLE, "v1", **out("2025-10-29T11:00:00Z"))
    again = {"check_in_at": "2025-10-29T09:00:00Z"}
    assert door.refused_at(door.update, TABLE, "v1", **again) == "/member_id"


def test_a_suspended_member_stays_outside(door: Any) -> None:
    door.update("gym_member", "m1", status="suspended")
    assert door.refused_at(door.insert, TABLE, **visit()) == "/member_id"
    door.update("gym_member", "m1", status="active")
    door.insert(TABLE, **visit())


def test_nobody_comes_in_with_another_members_subscription(door: Any) -> None:
    theirs = visit(subscription_id="sub_002")
    assert door.refused_at(door.insert, TABLE, **theirs) == "/subscription_id"


def test_visits_that_are_counted_name_their_subscription_and_run_out(
    gym: Any, subscription: Any
) -> None:
    gym.insert("membership_subscription", **{**subscription, "plan_id": "plan_day"})
    assert gym.refused_at(gym.insert, TABLE, **visit()) == "/member_id"
    gym.insert(TABLE, **visit(subscription_id="s1", **out("2025-10-29T11:00:00Z")))
    second = visit(2, subscription_id="s1")
    assert told(gym, **second) == "All visits of the subscription have been used"
    assert gym.refused_at(gym.insert, TABLE, **second) == "/subscription_id"
    gym.delete(TABLE, "v1")
    gym.insert(TABLE, **second)


def test_a_visit_ends_after_it_begins(door: Any) -> None:
    door.insert(TABLE, **visit(check_in_at="2025-10-29T12:00:00+03:00"))
    early = out("2025-10-29T08:59:59Z")
    assert door.refused_at(door.update, TABLE, "v1", **early) == "/check_out_at"
    door.update(TABLE, "v1", **out("2025-10-29T09:00:00Z"))


def test_who_has_left_has_a_time_of_leaving(door: Any) -> None:
    door.insert(TABLE, **visit())
    at = "2025-10-29T11:00:00Z"
    assert door.refused_at(door.update, TABLE, "v1", check_out_at=at) == "/status"
    assert door.refused_at(door.update, TABLE, "v1", status="left") == "/status"


def test_nobody_is_inside_twice(door: Any) -> None:
    door.insert(TABLE, **visit())
    assert door.refused_at(door.insert, TABLE, **visit(2)) == "/member_id"
    door.update(TABLE, "v1", **out("2025-10-29T11:00:00Z"))
    door.insert(TABLE, **visit(2))
    back = {"status": "inside", "check_out_at": None}
    assert door.refused_at(door.update, TABLE, "v1", **back) == "/member_id"


def test_the_gym_takes_in_as_many_as_it_holds(door: Any) -> None:
    inside = sum(row["status"] == "inside" for row in door.rows(TABLE))
    door.update("gym_config", "gym", capacity=inside)
    assert door.refused_at(door.insert, TABLE, **visit()) == "/status"
    door.insert(TABLE, **visit(**out("2025-10-29T11:00:00Z")))
    door.update("gym_config", "gym", capacity=inside + 1)
    door.insert(TABLE, **visit(2))
    door.update("gym_config", "gym", capacity=None)


def test_a_gym_without_a_config_has_no_limits_and_no_grace(door: Any) -> None:
    door.delete("gym_config", "gym")
    late = visit(check_in_at="2025-11-28T10:00:00Z")
    assert door.refused_at(door.insert, TABLE, **late) == "/member_id"
    door.insert(TABLE, **visit())
