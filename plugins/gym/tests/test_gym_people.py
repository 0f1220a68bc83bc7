"""Members, staff and reminders: a name, a way to be reached, nobody else's rows."""

from typing import Any

import pytest

REMINDER = {
    "id": "r1",
    "member_id": "m1",
    "kind": "renewal",
    "channel": "email",
    "message": {"ar": "ينتهي اشتراكك غدًا", "en": "Your subscription ends tomorrow"},
}


def test_a_member_needs_an_email_or_a_phone(gym: Any) -> None:
    nobody = {"id": "m2", "full_name": {"en": "Nobody"}}
    assert gym.refused_at(gym.insert, "gym_member", **nobody) == "/phone"
    gym.insert("gym_member", **nobody, phone="+20 10 0000 0999")


def test_the_last_way_to_reach_a_member_stays(gym: Any) -> None:
    assert gym.refused_at(gym.update, "gym_member", "m1", email=None) == "/phone"
    gym.update("gym_member", "m1", email=None, phone="+20 10 0000 0999")


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", ""), ("email", "m1"), ("email", "m1@example"), ("email", "m 1@example.com"),
     ("phone", ""), ("phone", "at home"), ("phone", "+20 10 0000 0999 ext. 5"), ("phone", "12")],
)  # fmt: skip
def test_an_email_and_a_phone_look_like_one(gym: Any, field: str, value: str) -> None:
    assert gym.refused_at(gym.update, "gym_member", "m1", **{field: value}) == f"/{field}"


@pytest.mark.parametrize("table", ["gym_member", "staff"])
def test_a_name_is_in_one_language_at_least(gym: Any, table: str) -> None:
    row = {"id": "p1", "phone": "+20 10 0000 0999"}
    row |= {"role": "trainer"} if table == "staff" else {}
    for nameless in ({}, {"ar": "", "en": ""}):
        assert gym.refused_at(gym.insert, table, **row, full_name=nameless) == "/full_name"
    gym.insert(table, **row, full_name={"ar": "محمد"})
    gym.update(table, "p1", full_name={"en": "Mohamed"})


def test_a_member_with_history_is_not_deleted(gym: Any, subscription: Any) -> None:
    gym.insert("membership_subscription", **subscription)
    assert gym.refused_at(gym.delete, "gym_member", "m1") == "/id"
    gym.delete("membership_subscription", "s1")
    gym.delete("gym_member", "m1")


def test_reminders_go_with_their_member_and_their_subscription(gym: Any, subscription: Any) -> None:
    gym.insert("membership_subscription", **subscription)
    gym.insert("reminder", **REMINDER, subscription_id="s1")
    gym.insert("reminder", **{**REMINDER, "id": "r2"})
    gym.delete("membership_subscription", "s1")
    assert [row["id"] for row in gym.rows("reminder") if row["member_id"] == "m1"] == ["r2"]
    gym.delete("gym_member", "m1")
    assert not [row for row in gym.rows("reminder") if row["member_id"] == "m1"]


def test_a_reminder_goes_where_its_member_can_be_reached(gym: Any) -> None:
    for channel in ("whatsapp", "sms", "call"):
        reminder = {**REMINDER, "channel": channel}
        assert gym.refused_at(gym.insert, "reminder", **reminder) == "/channel"
    gym.insert("reminder", **REMINDER)
    gym.update("gym_member", "m1", phone="+20 10 0000 0999", email=None)
    gym.update("reminder", "r1", status="dismissed")
    gym.update("reminder", "r1", channel="call")


def test_a_reminder_is_not_about_another_members_subscription(gym: Any) -> None:
    other = {**REMINDER, "subscription_id": "sub_002"}
    assert gym.refused_at(gym.insert, "reminder", **other) == "/subscription_id"


def test_a_reminder_that_was_sent_says_when(gym: Any) -> None:
    sent = "2025-10-29T10:00:00Z"
    assert gym.refused_at(gym.insert, "reminder", **REMINDER, sent_at=sent) == "/sent_at"
    gym.insert("reminder", **REMINDER)
    assert gym.refused_at(gym.update, "reminder", "r1", status="sent") == "/sent_at"
    gym.update("reminder", "r1", status="sent", sent_at=sent)


def test_a_deleted_receptionist_leaves_the_payments(gym: Any) -> None:
    gym.delete("staff", "staff_002")
    assert {row["received_by"] for row in gym.rows("payment_transaction")} == {None, "staff_003"}


def test_a_trainer_with_sessions_and_a_closed_reports_author(gym: Any) -> None:
    assert gym.refused_at(gym.delete, "staff", "staff_004") == "/id"
    gym.delete("staff", "staff_001")
    assert {row["prepared_by"] for row in gym.rows("revenue_report")} == {None}


def test_there_is_one_gym_in_a_time_zone(gym: Any) -> None:
    second = {"id": "gym_2", "name": {"ar": "فرع", "en": "Branch"}}
    assert gym.refused_at(gym.insert, "gym_config", **second) == "/id"
    for zone in ("Africa/Nowhere", "../etc/passwd", "", "Africa"):
        assert gym.refused_at(gym.update, "gym_config", "gym", timezone=zone) == "/timezone"
    gym.update("gym_config", "gym", timezone="Asia/Riyadh")
