"""What a till's rows must obey beyond their types: the money adds up, to the last piastre.

An amount that is empty counts as zero, except an order's `subtotal`: a till that gives none keeps
only totals, and its orders are not taken apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal

from mishkah import Invalid, Row, Validator, View

SETTLED = ("closed", "cancelled")
"""The states of an order whose bill stands."""

_EXACT = Context(prec=60)  # two decimals of 15 digits multiply to 30; Python rounds to 28


def add(amounts: Iterable[Decimal | None]) -> Decimal:
    """Return the exact sum of *amounts*."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount or Decimal(0))
    return total


def is_never_negative(*fields: str) -> Validator:
    """Return a validator that takes no negative amount in *fields*."""

    def check(new: Row, old: Row | None, view: View) -> None:
        for field in fields:
            if new[field] is not None and new[field] < 0:
                raise Invalid(
                    f"{field} is not negative", field=field, ar=f"لا يكون {field} بالسالب"
                )

    return check


def is_in_a_category(new: Row, old: Row | None, view: View) -> None:
    if _names(new, old, "category_id") and not view.get("menu_category", new["category_id"]):
        raise Invalid(
            "There is no category with this id",
            field="category_id",
            ar="لا يوجد تصنيف بهذا المعرّف",
        )


def is_for_a_known_table_and_customer(new: Row, old: Row | None, view: View) -> None:
    if _names(new, old, "table_id") and not view.get("dining_table", new["table_id"]):
        raise Invalid(
            "There is no table with this id", field="table_id", ar="لا توجد طاولة بهذا المعرّف"
        )
    if _names(new, old, "customer_id") and not view.get("customer", new["customer_id"]):
        raise Invalid(
            "There is no customer with this id",
            field="customer_id",
            ar="لا يوجد عميل بهذا المعرّف",
        )


def adds_up(new: Row, old: Row | None, view: View) -> None:
    if new["subtotal"] is None:
        return
    discount = -(new["discount"] or Decimal(0))
    if new["total"] != add([new["subtotal"], discount, new["service"], new["tax"]]):
        raise Invalid(
            "An order's total is its subtotal less the discount, plus service and tax",
            field="total",
            ar="إجمالي الطلب هو المجموع ناقص الخصم زائد الخدمة والضريبة",
        )


def is_not_overpaid(new: Row, old: Row | None, view: View) -> None:
    """Refuse an order's total below what was paid already."""
    if add(paid["amount"] for paid in view.find("payment", order_id=new["id"])) > new["total"]:
        raise Invalid(
            "More than this total has been paid already",
            field="total",
            ar="المدفوع بالفعل أكبر من هذا الإجمالي",
        )


def is_a_line_of_the_menu(new: Row, old: Row | None, view: View) -> None:
    if _names(new, old, "item_id") and not view.get("menu_item", new["item_id"]):
        raise Invalid(
            "There is no menu item with this id", field="item_id", ar="لا يوجد صنف بهذا المعرّف"
        )


def costs_what_it_says(new: Row, old: Row | None, view: View) -> None:
    if new["quantity"] <= 0:
        raise Invalid(
            "A line's quantity is more than zero",
            field="quantity",
            ar="كمية الصنف يجب أن تكون أكبر من صفر",
        )
    price = _EXACT.multiply(new["quantity"], new["unit_price"])
    if new["total"] != add([price, -(new["discount"] or Decimal(0))]):
        raise Invalid(
            "A line's total is quantity times unit price, less the discount",
            field="total",
            ar="إجمالي السطر هو الكمية في سعر الوحدة ناقص الخصم",
        )


def leaves_a_settled_bill_alone(new: Row, old: Row | None, view: View) -> None:
    """Refuse a line that would change the bill of a closed or cancelled order.

    A settled order still arrives whole, from a seed, an import or a till that was offline: a line
    is taken where it is part of the bill, which is where all lines add up to the subtotal.
    """
    bill = ("order_id", "total")
    if old is not None and all(old[field] == new[field] for field in bill):
        return
    order = _order_of(new, old, view)
    if order is None or order["status"] not in SETTLED:
        return
    lines = view.find("order_line", order_id=order["id"])
    if not new["total"] or order["subtotal"] != add(line["total"] for line in lines):
        raise Invalid(
            "This order is closed or cancelled; its bill can't change",
            field="order_id",
            ar="هذا الطلب مغلق أو ملغى ولا يمكن تغيير فاتورته",
        )


def is_owed(new: Row, old: Row | None, view: View) -> None:
    """Refuse a payment of nothing, for no order, or of more than its order's total."""
    if new["amount"] <= 0:
        raise Invalid(
            "A payment's amount is more than zero",
            field="amount",
            ar="مبلغ الدفعة يجب أن يكون أكبر من صفر",
        )
    order = _order_of(new, old, view)
    if order is None:
        return
    paid = view.find("payment", order_id=order["id"])
    if add(payment["amount"] for payment in paid) > order["total"]:
        raise Invalid(
            "This is more than what is left to pay of the order",
            field="amount",
            ar="المبلغ أكبر من المتبقي من الطلب",
        )


def is_paid_in_a_known_way(new: Row, old: Row | None, view: View) -> None:
    if _names(new, old, "method_id") and not view.get("payment_method", new["method_id"]):
        raise Invalid(
            "There is no payment method with this id",
            field="method_id",
            ar="لا توجد طريقة دفع بهذا المعرّف",
        )


def _order_of(new: Row, old: Row | None, view: View) -> Row | None:
    """Return the order of a line or payment; None where it has been deleted since."""
    order = view.get("order_header", new["order_id"])
    if order is None and _names(new, old, "order_id"):
        raise Invalid(
            "There is no order with this id", field="order_id", ar="لا يوجد طلب بهذا المعرّف"
        )
    return order


def _names(new: Row, old: Row | None, field: str) -> bool:
    """Tell whether *field* names a row that it did not name before.

    What an update leaves alone is not looked at again: whoever deleted the row that is named must
    not make the rows that name it impossible to change.
    """
    return new[field] is not None and (old is None or old[field] != new[field])


VALIDATORS: Mapping[str, Sequence[Validator]] = {
    "menu_item": [is_never_negative("price"), is_in_a_category],
    "order_header": [
        is_never_negative("subtotal", "discount", "service", "tax", "total"),
        is_for_a_known_table_and_customer,
        adds_up,
        is_not_overpaid,
    ],
    "order_line": [
        is_never_negative("unit_price", "discount", "total"),
        is_a_line_of_the_menu,
        costs_what_it_says,
        leaves_a_settled_bill_alone,
    ],
    "payment": [is_owed, is_paid_in_a_known_way],
}
"""table → its validators, in the order that their refusals are read in."""
