"""Members and staff: they have a name, they can be reached, and what is theirs stays theirs."""

from mishkah import Invalid, Row, Validator, View
from mishkah_gym.reading import changed


def has_a_name(new: Row, old: Row | None, view: View) -> None:
    if not any(new["full_name"].values()):
        raise Invalid(
            "A name is in Arabic or in English",
            field="full_name",
            ar="يُكتب الاسم بالعربية أو بالإنجليزية",
        )


def has_a_way_to_be_reached(new: Row, old: Row | None, view: View) -> None:
    if not (new["email"] or new["phone"]):
        raise Invalid(
            "A member needs an email or a phone",
            field="phone",
            ar="يحتاج العضو إلى بريد إلكتروني أو رقم هاتف",
        )


def is_the_members_own(field: str, table: str) -> Validator:
    """Return a validator: the row of *table* that *field* names belongs to the row's member."""

    def own(new: Row, old: Row | None, view: View) -> None:
        named = new[field] and view.get(table, new[field])
        if named and named["member_id"] != new["member_id"]:
            raise Invalid("This belongs to another member", field=field, ar="هذا يخص عضوًا آخر")

    return own


def stays_with_its_member(field: str, *tables: str) -> Validator:
    """Return a validator: the rows of *tables* that name this row in *field* are its member's."""

    def stay(new: Row, old: Row | None, view: View) -> None:
        if not changed(new, old, "member_id"):
            return
        for table in tables:
            for row in view.find(table, **{field: new["id"]}):
                if row["member_id"] != new["member_id"]:
                    raise Invalid(
                        "Its payments, visits or reminders belong to another member",
                        field="member_id",
                        ar="مدفوعاته أو زياراته أو تذكيراته تخص عضوًا آخر",
                    )

    return stay


def can_be_delivered(new: Row, old: Row | None, view: View) -> None:
    """Refuse a reminder by a channel on which its member can't be reached."""
    if not changed(new, old, "member_id", "channel"):
        return
    member = view.get("gym_member", new["member_id"])
    assert member is not None  # references are judged before
    if not member["email" if new["channel"] == "email" else "phone"]:
        raise Invalid(
            "This member can't be reached that way",
            field="channel",
            ar="لا يمكن الوصول إلى العضو بهذه الوسيلة",
        )


def says_when_it_was_sent(new: Row, old: Row | None, view: View) -> None:
    if (new["status"] == "sent") != (new["sent_at"] is not None):
        raise Invalid(
            "A reminder has a time of sending exactly when it is sent",
            field="sent_at",
            ar="وقت الإرسال يوجد إذا أُرسل التذكير فقط",
        )
