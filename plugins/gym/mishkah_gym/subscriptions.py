"""Subscriptions: one active of a plan at a time, with dates in order, frozen as its plan allows.

Dates are compared as the texts they are kept as: ISO 8601 of one width.
"""

from datetime import date

from mishkah import Invalid, Row, View
from mishkah_gym.reading import changed

OPEN = frozenset({"pending", "active", "frozen"})
"""The states of a subscription that is not over."""


def ends_after_it_starts(new: Row, old: Row | None, view: View) -> None:
    if new["end_date"] < new["start_date"]:
        raise Invalid(
            "A subscription can't end before it starts",
            field="end_date",
            ar="لا يمكن أن ينتهي الاشتراك قبل بدايته",
        )


def is_the_only_active_one(new: Row, old: Row | None, view: View) -> None:
    """Refuse a second active subscription of one plan: a member would pay twice for one door."""
    if new["status"] != "active":
        return
    same = {name: new[name] for name in ("member_id", "plan_id", "status")}
    if any(other["id"] != new["id"] for other in view.find("membership_subscription", **same)):
        raise Invalid(
            "This member already has an active subscription of this plan",
            field="plan_id",
            ar="لدى هذا العضو اشتراك ساري في الباقة نفسها",
        )


def says_when_it_is_frozen(new: Row, old: Row | None, view: View) -> None:
    """Refuse a freeze without its two dates, or with dates that are out of order."""
    first, last = new["frozen_from"], new["frozen_until"]
    if new["status"] != "frozen" and first is None and last is None:
        return
    if first is None or last is None:
        raise Invalid(
            "A freeze has a first and a last day",
            field="frozen_from" if first is None else "frozen_until",
            ar="للتجميد أول يوم وآخر يوم",
        )
    if not new["start_date"] <= first <= new["end_date"]:
        raise Invalid(
            "A freeze begins while the subscription runs",
            field="frozen_from",
            ar="يبدأ التجميد أثناء سريان الاشتراك",
        )
    if last < first:
        raise Invalid(
            "A freeze can't end before it starts",
            field="frozen_until",
            ar="لا يمكن أن ينتهي التجميد قبل بدايته",
        )


def is_frozen_as_its_plan_allows(new: Row, old: Row | None, view: View) -> None:
    first, last = new["frozen_from"], new["frozen_until"]
    if not (first and last and changed(new, old, "plan_id", "frozen_from", "frozen_until")):
        return
    plan = view.get("membership_plan", new["plan_id"])
    assert plan is not None  # references are judged before
    most = plan["freeze_days"]
    if (date.fromisoformat(last) - date.fromisoformat(first)).days >= most:
        raise Invalid(
            f"This plan can be frozen for {most} days",
            field="frozen_until",
            ar=f"أقصى تجميد لهذه الباقة بالأيام: {most}",
        )
