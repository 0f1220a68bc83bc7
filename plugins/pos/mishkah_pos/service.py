"""From the table to the kitchen and out of the door: what may follow what, and goes together."""

from collections.abc import Mapping

from mishkah import Invalid, Row, View
from mishkah_pos.sums import add, unchanged

NEXT: Mapping[str, tuple[str, ...]] = {
    "open": ("preparing", "ready", "delivering", "served", "closed", "cancelled"),
    "preparing": ("open", "ready", "delivering", "served", "closed", "cancelled"),
    "ready": ("preparing", "delivering", "served", "closed", "cancelled"),
    "delivering": ("ready", "served", "closed", "cancelled"),
    "served": ("preparing", "closed"),
    "closed": (),
    "cancelled": (),
}
"""An order's status → those that may follow. Forward in any strides, back by one, since the guests
order more; what was served is not cancelled but discounted, and what is settled stays so."""

HOLDING = ("booked", "seated")
"""The states of a reservation that holds its table."""


def moves_on_sensibly(new: Row, old: Row | None, view: View) -> None:
    if old is None or unchanged(new, old, "status"):
        return
    if new["status"] not in NEXT[old["status"]]:
        raise Invalid(
            f"An order that is {old['status']} does not become {new['status']}",
            field="status",
            ar=f"لا ينتقل الطلب من {old['status']} إلى {new['status']}",
        )


def logs_a_step(new: Row, old: Row | None, view: View) -> None:
    before = new["from_status"]
    if before is not None and new["to_status"] not in NEXT[before]:
        raise Invalid(
            f"An order that is {before} does not become {new['to_status']}",
            field="to_status",
            ar=f"لا ينتقل الطلب من {before} إلى {new['to_status']}",
        )


def goes_to_an_address_of_its_customer(new: Row, old: Row | None, view: View) -> None:
    if new["address_id"] is None or unchanged(new, old, "address_id", "customer_id"):
        return
    address = view.get("customer_address", new["address_id"])
    if address is not None and address["customer_id"] != new["customer_id"]:
        raise Invalid(
            "This is another customer's address", field="address_id", ar="هذا عنوان عميل آخر"
        )


def ends_after_it_starts(new: Row, old: Row | None, view: View) -> None:
    if new["ends_at"] <= new["starts_at"]:
        raise Invalid(
            "A reservation ends after it starts",
            field="ends_at",
            ar="ينتهي الحجز بعد بدايته",
        )


def has_the_table_to_itself(new: Row, old: Row | None, view: View) -> None:
    """Refuse two reservations that hold one table at one time.

    Only those that hold it are read, by their index: a table's past costs nothing.
    """
    if new["status"] not in HOLDING or unchanged(
        new, old, "table_id", "status", "starts_at", "ends_at"
    ):
        return
    for status in HOLDING:
        for other in view.find("reservation", table_id=new["table_id"], status=status):
            apart = other["ends_at"] <= new["starts_at"] or new["ends_at"] <= other["starts_at"]
            if other["id"] != new["id"] and not apart:
                raise Invalid(
                    "This table is reserved at this time",
                    field="table_id",
                    ar="هذه الطاولة محجوزة في هذا الوقت",
                )


def is_a_line_of_its_order(new: Row, old: Row | None, view: View) -> None:
    """Refuse a kitchen's line of another order, or more of a line than was ordered."""
    if unchanged(new, old, "job_id", "line_id", "quantity", "status"):
        return
    job, line = view.get("kitchen_job_order", new["job_id"]), view.get("order_line", new["line_id"])
    if job is None or line is None:
        return
    if job["order_id"] != line["order_id"]:
        raise Invalid(
            "This line belongs to another order", field="line_id", ar="هذا السطر يخص طلبًا آخر"
        )
    sent = view.find("kitchen_job_line", line_id=line["id"])
    if add(each["quantity"] for each in sent if each["status"] != "cancelled") > line["quantity"]:
        raise Invalid(
            "The kitchen makes no more of a line than was ordered",
            field="quantity",
            ar="لا يحضّر المطبخ أكثر من الكمية المطلوبة",
        )
