"""A shift: one drawer, counted at its end, and nothing in it afterwards.

What belongs to a closed shift was made before it closed. `created_at` and a shift's `updated_at`
are read-only, the moments of the commands, so that no till dates an order back, nor the closing
ahead; seeds and imports bring theirs.
"""

from collections.abc import Iterator
from decimal import Decimal

from mishkah import Invalid, Row, Validator, View
from mishkah_pos.bills import SETTLED
from mishkah_pos.sums import add, less, unchanged

_KEPT = ("status", "terminal_id", "cashier_id", "opened_at", "closed_at")
_CASH = ("opening_cash", "expected_cash", "counted_cash")


def is_in_an_open_shift(new: Row, old: Row | None, view: View) -> None:
    """Refuse an order or money in a shift that was closed before."""
    if new["shift_id"] is None or unchanged(new, old, "shift_id"):
        return
    shift = view.get("shift", new["shift_id"])
    if shift is None or shift["status"] != "closed":
        return
    made, closed = new["created_at"], shift["closed_at"]
    if old is not None or made is None or closed is None or made >= closed:
        raise Invalid("This shift is closed", field="shift_id", ar="هذه الوردية مغلقة")


def stays_in_its_shift(*fields: str) -> Validator:
    """Return a validator that lets a closed shift keep its rows, and *fields* of them."""

    def check(new: Row, old: Row | None, view: View) -> None:
        if old is None or old["shift_id"] is None or unchanged(new, old, "shift_id", *fields):
            return
        shift = view.get("shift", old["shift_id"])
        if shift is not None and shift["status"] == "closed":
            raise Invalid(
                "This belongs to a closed shift", field="shift_id", ar="هذا يخص وردية مغلقة"
            )

    return check


def is_the_terminals_only_one(new: Row, old: Row | None, view: View) -> None:
    if new["status"] != "open" or unchanged(new, old, "terminal_id", "status"):
        return
    there = view.find("shift", terminal_id=new["terminal_id"], status="open")
    if any(other["id"] != new["id"] for other in there):
        raise Invalid(
            "This terminal has an open shift already",
            field="terminal_id",
            ar="توجد وردية مفتوحة على هذا الجهاز",
        )


def stays_closed(new: Row, old: Row | None, view: View) -> None:
    if old is None or old["status"] != "closed" or unchanged(new, old, *_KEPT, *_CASH):
        return
    field = next(field for field in (*_KEPT, *_CASH) if new[field] != old[field])
    raise Invalid("A closed shift stays as it is", field=field, ar="الوردية المغلقة لا تتغير")


def closes_in_time(new: Row, old: Row | None, view: View) -> None:
    """Refuse a closing without its time, before the opening, or in the future."""
    if unchanged(new, old, "status", "opened_at", "closed_at"):
        return
    closed = new["closed_at"]
    if new["status"] == "open" and closed is not None:
        raise Invalid(
            "An open shift has no closing time",
            field="closed_at",
            ar="الوردية المفتوحة بلا وقت إغلاق",
        )
    if new["status"] == "closed" and (
        closed is None or not new["opened_at"] <= closed <= (new["updated_at"] or closed)
    ):
        raise Invalid(
            "A shift closes after it opened, and not in the future",
            field="closed_at",
            ar="تُغلق الوردية بعد فتحها وليس في المستقبل",
        )


def closes_with_its_orders(new: Row, old: Row | None, view: View) -> None:
    if new["status"] != "closed" or unchanged(new, old, "status"):
        return
    orders = view.find("order_header", shift_id=new["id"])
    if not all(order["status"] in SETTLED for order in orders):
        raise Invalid(
            "Orders of this shift are neither closed nor cancelled",
            field="status",
            ar="في هذه الوردية طلبات لم تُغلق ولم تُلغَ",
        )


def counts_its_cash(new: Row, old: Row | None, view: View) -> None:
    if new["status"] != "closed" or unchanged(new, old, "status", *_CASH):
        return
    if new["counted_cash"] is None:
        raise Invalid(
            "The cash is counted when a shift closes",
            field="counted_cash",
            ar="تُعد النقدية عند إغلاق الوردية",
        )
    if new["expected_cash"] != add([new["opening_cash"], *_cash_of(new["id"], view)]):
        raise Invalid(
            "The expected cash is what the drawer began with, and what came in and went out since",
            field="expected_cash",
            ar="النقدية المتوقعة هي نقدية الفتح وما دخل الدرج وخرج منه بعدها",
        )


def _cash_of(shift_id: str, view: View) -> Iterator[Decimal]:
    """Yield what came into a shift's drawer, and, below zero, what went out."""
    for payment in view.find("payment", shift_id=shift_id):
        if _is_cash(payment, view):
            yield payment["amount"]
    for refund in view.find("refund", shift_id=shift_id):
        if _is_cash(view.get("payment", refund["payment_id"]), view):
            yield less(refund["amount"])
    for moved in view.find("cash_movement", shift_id=shift_id):
        yield moved["amount"] if moved["kind"] == "in" else less(moved["amount"])


def _is_cash(payment: Row | None, view: View) -> bool:
    method = view.get("payment_method", payment["method_id"] or "") if payment else None
    return method is not None and method["kind"] == "cash"
