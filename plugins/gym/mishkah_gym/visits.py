"""The door: in with a subscription that lets in, once, while there is room; then out.

A visit is judged when it begins. What becomes of the subscription later does not undo it.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from mishkah import Invalid, Row, View
from mishkah_gym.reading import changed, gym_of

Said = tuple[str, str]
"""A sentence in English and in Arabic."""

NO_SUBSCRIPTION = ("This member has no subscription", "ليس لهذا العضو اشتراك")
NOT_BEGUN = ("The subscription has not begun", "الاشتراك لم يبدأ بعد")
ENDED = ("The subscription has ended", "الاشتراك منتهٍ")
USED_UP = ("All visits of the subscription have been used", "استُخدمت كل زيارات الاشتراك")
UNNAMED = (
    "This subscription counts visits, so the visit names it",
    "هذا الاشتراك بعدد زيارات، فلا بد أن تُسجّل الزيارة عليه",
)
CLOSED: Mapping[str, Said] = {
    "pending": NOT_BEGUN,
    "frozen": ("The subscription is frozen", "الاشتراك مجمّد"),
    "expired": ENDED,
    "cancelled": ("The subscription was cancelled", "الاشتراك ملغى"),
}
"""The states that let nobody in → what the desk is told."""


def is_not_suspended(new: Row, old: Row | None, view: View) -> None:
    member = view.get("gym_member", new["member_id"])
    begins = changed(new, old, "member_id", "check_in_at")
    if begins and member and member["status"] == "suspended":
        raise Invalid("This member is suspended", field="member_id", ar="هذا العضو موقوف")


def has_a_subscription_that_lets_in(new: Row, old: Row | None, view: View) -> None:
    """Refuse a visit that no subscription covers, and say why the latest one does not.

    A visit that names none is let in by any of the member's that does not count visits.
    """
    if not changed(new, old, "member_id", "subscription_id", "check_in_at"):
        return
    named = new["subscription_id"]
    if named:
        candidates = [view.get("membership_subscription", named)]
    else:
        candidates = [*view.find("membership_subscription", member_id=new["member_id"])]
    gym = gym_of(view)
    day, last = gym.day(new["check_in_at"]), ("", NO_SUBSCRIPTION)
    for subscription in candidates:
        assert subscription is not None  # references are judged before
        why = _closed_on(day, subscription, gym.grace_days) or _counted(new, subscription, view)
        if why is None:
            return
        last = max(last, (subscription["end_date"], why))
    en, ar = last[1]
    raise Invalid(en, field="subscription_id" if named else "member_id", ar=ar)


def _closed_on(day: str, subscription: Row, grace_days: int) -> Said | None:
    """Return why *subscription* lets nobody in on *day*, or None."""
    if subscription["status"] != "active":
        return CLOSED[subscription["status"]]
    if day < subscription["start_date"]:
        return NOT_BEGUN
    last = date.fromisoformat(subscription["end_date"]) + timedelta(days=grace_days)
    return ENDED if day > last.isoformat() else None


def _counted(visit: Row, subscription: Row, view: View) -> Said | None:
    """Return why *visit* is one too many for a subscription that counts visits, or None."""
    plan = view.get("membership_plan", subscription["plan_id"])
    assert plan is not None  # references are judged before
    if plan["visits"] is None:
        return None
    if visit["subscription_id"] is None:
        return UNNAMED
    used = sum(1 for _ in view.find("attendance", subscription_id=subscription["id"]))
    return USED_UP if used > plan["visits"] else None


def leaves_after_entering(new: Row, old: Row | None, view: View) -> None:
    if new["check_out_at"] and new["check_out_at"] < new["check_in_at"]:
        raise Invalid(
            "A visit can't end before it begins",
            field="check_out_at",
            ar="لا يمكن أن تنتهي الزيارة قبل بدايتها",
        )


def says_when_it_ended(new: Row, old: Row | None, view: View) -> None:
    if (new["status"] == "left") != (new["check_out_at"] is not None):
        raise Invalid(
            "A visit has a time of leaving exactly when the member has left",
            field="status",
            ar="وقت الخروج يوجد إذا خرج العضو فقط",
        )


def is_inside_once(new: Row, old: Row | None, view: View) -> None:
    if new["status"] != "inside" or not changed(new, old, "member_id", "status"):
        return
    for other in view.find("attendance", member_id=new["member_id"]):
        if other["id"] != new["id"] and other["status"] == "inside":
            raise Invalid(
                "This member is inside already", field="member_id", ar="هذا العضو بالداخل بالفعل"
            )


def there_is_room(new: Row, old: Row | None, view: View) -> None:
    capacity = gym_of(view).capacity
    if capacity is None or new["status"] != "inside" or not changed(new, old, "status"):
        return
    if sum(1 for _ in view.find("attendance", status="inside")) > capacity:
        raise Invalid("The gym is full", field="status", ar="الجيم ممتلئ")
