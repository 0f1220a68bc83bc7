"""What a gym's rows must obey beyond their types.

Dates and timestamps are compared as the texts they are kept as: ISO 8601 of one width, one zone.
"""

from collections.abc import Mapping, Sequence

from mishkah import Invalid, Row, Validator, View


def has_a_way_to_be_reached(new: Row, old: Row | None, view: View) -> None:
    if not (new["email"] or new["phone"]):
        raise Invalid(
            "A member needs an email or a phone",
            field="phone",
            ar="يحتاج العضو إلى بريد إلكتروني أو رقم هاتف",
        )


def has_a_price_and_a_length(new: Row, old: Row | None, view: View) -> None:
    if new["price"] < 0:
        raise Invalid(
            "A plan's price is not negative", field="price", ar="سعر الباقة لا يكون بالسالب"
        )
    if new["duration_days"] < 1:
        raise Invalid(
            "A plan lasts at least a day",
            field="duration_days",
            ar="مدة الباقة يوم واحد على الأقل",
        )


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
    for other in view.find("membership_subscription", member_id=new["member_id"]):
        same_plan = other["plan_id"] == new["plan_id"] and other["status"] == "active"
        if same_plan and other["id"] != new["id"]:
            raise Invalid(
                "This member already has an active subscription of this plan",
                field="plan_id",
                ar="لدى هذا العضو اشتراك ساري في الباقة نفسها",
            )


def is_money_received(new: Row, old: Row | None, view: View) -> None:
    if new["amount"] <= 0:
        raise Invalid(
            "A payment's amount is more than zero",
            field="amount",
            ar="مبلغ الدفعة يجب أن يكون أكبر من صفر",
        )


def pays_for_the_members_own(new: Row, old: Row | None, view: View) -> None:
    paid = new["subscription_id"] and view.get("membership_subscription", new["subscription_id"])
    if paid and paid["member_id"] != new["member_id"]:
        raise Invalid(
            "This subscription belongs to another member",
            field="subscription_id",
            ar="هذا الاشتراك يخص عضوًا آخر",
        )


def leaves_after_entering(new: Row, old: Row | None, view: View) -> None:
    if new["check_out_at"] and new["check_out_at"] < new["check_in_at"]:
        raise Invalid(
            "A visit can't end before it begins",
            field="check_out_at",
            ar="لا يمكن أن تنتهي الزيارة قبل بدايتها",
        )


def refers_to(table: str, field: str, message: str, ar: str) -> Validator:
    """Return a validator for *field*, which names a row of *table* or is empty.

    A reference that an update leaves alone is not looked at again: whoever deleted the row
    that it names must not make the rows that name it impossible to change.
    """

    def refer(new: Row, old: Row | None, view: View) -> None:
        kept = old is not None and old[field] == new[field]
        if not kept and new[field] is not None and view.get(table, new[field]) is None:
            raise Invalid(message, field=field, ar=ar)

    return refer


_names_a_member = refers_to(
    "gym_member", "member_id", "There is no member with this id", "لا يوجد عضو بهذا المعرّف"
)

VALIDATORS: Mapping[str, Sequence[Validator]] = {
    "gym_member": [has_a_way_to_be_reached],
    "membership_plan": [has_a_price_and_a_length],
    "membership_subscription": [
        _names_a_member,
        refers_to(
            "membership_plan",
            "plan_id",
            "There is no plan with this id",
            "لا توجد باقة بهذا المعرّف",
        ),
        ends_after_it_starts,
        is_the_only_active_one,
    ],
    "payment_transaction": [
        _names_a_member,
        refers_to(
            "membership_subscription",
            "subscription_id",
            "There is no subscription with this id",
            "لا يوجد اشتراك بهذا المعرّف",
        ),
        refers_to(
            "staff",
            "received_by",
            "There is no member of staff with this id",
            "لا يوجد موظف بهذا المعرّف",
        ),
        is_money_received,
        pays_for_the_members_own,
    ],
    "attendance": [_names_a_member, leaves_after_entering],
}
"""table → its validators, in the order that their refusals are read in."""
