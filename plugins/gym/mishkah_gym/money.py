"""Money: every sum can be worked out again, and nothing is paid twice."""

from collections.abc import Mapping
from decimal import Decimal

from mishkah import Invalid, Row, Validator, View
from mishkah_gym.reading import changed, gym_of

DUE: Mapping[str, tuple[str, str]] = {
    "subscription_id": ("membership_subscription", "price"),
    "service_transaction_id": ("service_transaction", "total"),
}
"""What a payment may be for: its field → the table it names, and that table's field of the sum."""


def paid_for(view: View, field: str, identifier: str) -> Decimal:
    """Return what has been paid, and not given back, for the row that *field* names."""
    payments = view.find("payment_transaction", **{field: identifier})
    return sum((p["amount"] for p in payments if p["status"] == "completed"), Decimal(0))


def is_for_one_thing(new: Row, old: Row | None, view: View) -> None:
    if sum(new[field] is not None for field in DUE) != 1:
        raise Invalid(
            "A payment is for one subscription or for one service sold",
            field="subscription_id",
            ar="الدفعة عن اشتراك واحد أو عن خدمة مباعة واحدة",
        )


def is_not_above_what_is_due(new: Row, old: Row | None, view: View) -> None:
    for field, (table, price) in DUE.items():
        due = new[field] and view.get(table, new[field])
        if due and paid_for(view, field, new[field]) > due[price]:
            raise Invalid(
                "This is more than what is still due", field="amount", ar="هذا أكثر من المتبقي"
            )


def costs_what_was_paid(field: str) -> Validator:
    """Return a validator: what a row costs is not below what was paid for it, in *field*."""
    _, price = DUE[field]

    def cost(new: Row, old: Row | None, view: View) -> None:
        if changed(new, old, price) and paid_for(view, field, new["id"]) > new[price]:
            raise Invalid(
                "More than this has been paid already", field=price, ar="دُفع أكثر من هذا بالفعل"
            )

    return cost


def is_in_the_gyms_currency(new: Row, old: Row | None, view: View) -> None:
    if changed(new, old, "currency") and new["currency"] != gym_of(view).currency:
        raise Invalid(
            "The gym takes payments in its own currency",
            field="currency",
            ar="المدفوعات بعملة الجيم فقط",
        )


def a_report_adds_up(new: Row, old: Row | None, view: View) -> None:
    if new["total_amount"] != new["subscriptions_amount"] + new["services_amount"]:
        raise Invalid(
            "The total is what came from subscriptions and from services",
            field="total_amount",
            ar="الإجمالي هو مجموع الاشتراكات والخدمات",
        )


def is_not_closed(new: Row, old: Row | None, view: View) -> None:
    """Refuse a change of a closed report, unless who prepared it was deleted or set right."""
    figures = new.keys() - {"prepared_by"}
    if old is not None and old["status"] == "closed" and changed(new, old, *figures):
        raise Invalid(
            "A closed report can't be changed", field="status", ar="التقرير المغلق لا يُعدّل"
        )
