"""Money that comes in and goes back: never more than is due, never more back than came in.

A payment says in `refunded` how much of it was paid back, and its refunds say when and why: both
change in one transaction. What is paid is read from the payments alone, so that no deletion of a
refund makes an order overpaid. A cancelled order owes nothing.
"""

from decimal import Decimal

from mishkah import Invalid, Row, View
from mishkah_pos.bills import is_whole
from mishkah_pos.sums import add, less, sides, unchanged


def paid(order_id: str, view: View) -> Decimal:
    """Return what was paid for an order, less what was paid back."""
    payments = view.find("payment", order_id=order_id)
    return add(part for row in payments for part in (row["amount"], less(row["refunded"])))


def due(order: Row) -> Decimal:
    """Return what an order may cost in the end."""
    return Decimal(0) if order["status"] == "cancelled" else order["total"]


def is_not_overpaid(new: Row, old: Row | None, view: View) -> None:
    """Refuse an order's total below what was paid, and a cancellation that keeps the money."""
    if unchanged(new, old, "total", "status") or paid(new["id"], view) <= due(new):
        return
    if new["status"] == "cancelled":
        raise Invalid(
            "Pay back what was paid before cancelling the order",
            field="status",
            ar="يُرد المدفوع قبل إلغاء الطلب",
        )
    raise Invalid(
        "More than this total has been paid already",
        field="total",
        ar="المدفوع بالفعل أكبر من هذا الإجمالي",
    )


def is_paid_when_it_closes(new: Row, old: Row | None, view: View) -> None:
    """Refuse to close what is not paid; an order that arrives closed is taken at its word."""
    closes = old is not None and old["status"] != "closed" and new["status"] == "closed"
    if closes and paid(new["id"], view) < due(new):
        raise Invalid("An order closes when it is paid", field="status", ar="يُغلق الطلب بعد سداده")


def is_owed(new: Row, old: Row | None, view: View) -> None:
    """Refuse a payment of more than is due, or for an order that does not add up."""
    if unchanged(new, old, "order_id", "amount", "refunded"):
        return
    order = view.get("order_header", new["order_id"])
    if order is None:
        return
    if paid(order["id"], view) > due(order):
        raise Invalid(
            "This is more than what is left to pay of the order",
            field="amount",
            ar="المبلغ أكبر من المتبقي من الطلب",
        )
    if not unchanged(new, old, "order_id", "amount") and not is_whole(order, view):
        raise Invalid(
            "The order's lines don't add up to its subtotal",
            field="order_id",
            ar="سطور الطلب لا تساوي مجموعه",
        )


def says_what_was_paid_back(new: Row, old: Row | None, view: View) -> None:
    if unchanged(new, old, "amount", "refunded"):
        return
    refunded = new["refunded"] or Decimal(0)
    if refunded > new["amount"]:
        raise Invalid(
            "No more is paid back than was paid",
            field="refunded",
            ar="لا يُرد أكثر مما دُفع",
        )
    if refunded != _refunds(new["id"], view):
        raise Invalid(
            "What is paid back is the sum of the payment's refunds: change both in one transaction",
            field="refunded",
            ar="المسترد هو مجموع ما رُد من الدفعة: يُغيَّر الاثنان في معاملة واحدة",
        )


def is_part_of_its_payment(new: Row, old: Row | None, view: View) -> None:
    if unchanged(new, old, "payment_id", "amount"):
        return
    for payment_id in sides(new, old, "payment_id"):
        payment = view.get("payment", payment_id)
        if payment is None:
            continue
        refunds = _refunds(payment_id, view)
        if refunds > payment["amount"]:
            raise Invalid(
                "No more is paid back than was paid", field="amount", ar="لا يُرد أكثر مما دُفع"
            )
        if refunds != (payment["refunded"] or Decimal(0)):
            raise Invalid(
                "The payment's refunded is the sum of its refunds: change both in one transaction",
                field="amount",
                ar="المسترد من الدفعة هو مجموع ما رُد منها: يُغيَّر الاثنان في معاملة واحدة",
            )


def _refunds(payment_id: str, view: View) -> Decimal:
    return add(refund["amount"] for refund in view.find("refund", payment_id=payment_id))
