"""Sales of plans and services: of what is on sale, added up, and used no further than sold."""

from collections.abc import Set

from mishkah import Invalid, Row, Validator, View
from mishkah_gym.reading import changed, gym_of


def is_on_sale(field: str, table: str, open_states: Set[str]) -> Validator:
    """Return a validator: what *field* names in *table* is on sale when the row becomes open.

    What is open already goes on, and what is over was sold at another time.
    """

    def on_sale(new: Row, old: Row | None, view: View) -> None:
        was_open = old is not None and old["status"] in open_states and old[field] == new[field]
        if was_open or new["status"] not in open_states:
            return
        sold = view.get(table, new[field])
        assert sold is not None  # references are judged before
        if not sold["on_sale"]:
            raise Invalid("This is not on sale", field=field, ar="هذا غير معروض للبيع")

    return on_sale


def a_sale_adds_up(new: Row, old: Row | None, view: View) -> None:
    if new["total"] != new["quantity"] * new["unit_price"] - new["discount"]:
        raise Invalid(
            "The total is quantity times price of one, less the discount",
            field="total",
            ar="الإجمالي هو الكمية في سعر الواحدة ناقص الخصم",
        )


def is_led_by_a_trainer(new: Row, old: Row | None, view: View) -> None:
    """Refuse a session without its trainer, or with somebody who is none or has left."""
    if not changed(new, old, "service_id", "trainer_id"):
        return
    service = view.get("service", new["service_id"])
    assert service is not None  # references are judged before
    trainer = new["trainer_id"] and view.get("staff", new["trainer_id"])
    if not trainer and not service["needs_trainer"]:
        return
    if not trainer or trainer["role"] != "trainer" or trainer["status"] == "left":
        raise Invalid(
            "This needs one of the gym's trainers",
            field="trainer_id",
            ar="يلزم هنا أحد مدربي الجيم",
        )


def is_used_within_what_was_sold(new: Row, old: Row | None, view: View) -> None:
    if not changed(new, old, "service_id", "quantity", "sessions_used"):
        return
    service = view.get("service", new["service_id"])
    assert service is not None  # references are judged before
    if new["sessions_used"] > new["quantity"] * service["sessions"]:
        raise Invalid("All sessions have been used", field="sessions_used", ar="استُخدمت كل الجلسات")


def is_valid_after_its_sale(new: Row, old: Row | None, view: View) -> None:
    if new["valid_until"] and new["valid_until"] < gym_of(view).day(new["sold_at"]):
        raise Invalid(
            "A service can't lapse before it is sold",
            field="valid_until",
            ar="لا يمكن أن تنتهي الخدمة قبل بيعها",
        )
