"""An order's bill: every number stands on the rows below it, exactly, in every command.

    total of an order    = subtotal − discount + service + delivery_fee + tax
    subtotal of an order = the sum of its lines' totals
    total of a line      = quantity × (unit_price + extras) − discount
    extras of a line     = the sum of its modifiers' quantity × price

A command is judged as a whole, so that an order may come before its lines or after them, as long as
both come in one transaction. A till that sends line after line leaves `subtotal` empty: nothing
above the lines is judged until it is given. Deletions have no validator: a line that is deleted
alone leaves an order that takes no payment and no other status until its subtotal is put right.
"""

from collections.abc import Iterator
from decimal import Decimal

from mishkah import Invalid, Row, View
from mishkah_pos.sums import add, less, sides, times, unchanged

SETTLED = ("closed", "cancelled")
"""The states of an order whose bill stands."""

_BILL = ("subtotal", "discount", "service", "delivery_fee", "tax", "total")
_PRICED = ("order_id", "item_id", "quantity", "unit_price", "extras", "discount", "total")


def adds_up(new: Row, old: Row | None, view: View) -> None:
    if unchanged(new, old, *_BILL) or new["subtotal"] is None:
        return
    parts = [new["subtotal"], less(new["discount"])]
    if new["total"] != add([*parts, new["service"], new["delivery_fee"], new["tax"]]):
        raise Invalid(
            "An order's total is its subtotal less the discount, plus service, delivery and tax",
            field="total",
            ar="إجمالي الطلب هو المجموع ناقص الخصم زائد الخدمة والتوصيل والضريبة",
        )


def agrees_with_its_lines(new: Row, old: Row | None, view: View) -> None:
    if not unchanged(new, old, "subtotal", "status") and not is_whole(new, view):
        raise Invalid(
            "An order's subtotal is the sum of its lines",
            field="subtotal",
            ar="مجموع الطلب هو مجموع سطوره",
        )


def keeps_a_settled_bill(new: Row, old: Row | None, view: View) -> None:
    if old is not None and old["status"] in SETTLED and not unchanged(new, old, *_BILL):
        field = next(field for field in _BILL if new[field] != old[field])
        raise Invalid(
            "This order is closed or cancelled; its bill can't change",
            field=field,
            ar="هذا الطلب مغلق أو ملغى ولا يمكن تغيير فاتورته",
        )


def is_whole(order: Row, view: View) -> bool:
    """Tell whether an order's lines add up to its subtotal, or nobody says what they come to."""
    if order["subtotal"] is None:
        return True
    lines = view.find("order_line", order_id=order["id"])
    return bool(order["subtotal"] == add(line["total"] for line in lines))


def costs_what_it_says(new: Row, old: Row | None, view: View) -> None:
    if unchanged(new, old, *_PRICED):
        return
    price = times(new["quantity"], add([new["unit_price"], new["extras"]]))
    if new["total"] != add([price, less(new["discount"])]):
        raise Invalid(
            "A line's total is quantity times unit price and extras, less the discount",
            field="total",
            ar="إجمالي السطر هو الكمية في سعر الوحدة وإضافاتها ناقص الخصم",
        )


def leaves_a_settled_bill_alone(new: Row, old: Row | None, view: View) -> None:
    """Refuse a line that would change the bill of a closed or cancelled order.

    A settled order still arrives whole, from a seed, an import or a till that was offline: a new
    line is taken where it is part of the bill, which is where all lines add up to the subtotal.
    """
    if unchanged(new, old, *_PRICED):
        return
    for order in _orders_of(new, old, view):
        if order["status"] in SETTLED and (
            old is not None
            or not new["total"]
            or order["subtotal"] is None
            or not is_whole(order, view)
        ):
            raise Invalid(
                "This order is closed or cancelled; its bill can't change",
                field="order_id",
                ar="هذا الطلب مغلق أو ملغى ولا يمكن تغيير فاتورته",
            )


def is_in_its_orders_subtotal(new: Row, old: Row | None, view: View) -> None:
    if unchanged(new, old, "order_id", "total"):
        return
    for order in _orders_of(new, old, view):
        if order["status"] not in SETTLED and not is_whole(order, view):
            raise Invalid(
                "The order's subtotal is the sum of its lines: change both in one transaction",
                field="total",
                ar="مجموع الطلب هو مجموع سطوره: يُغيَّر الاثنان في معاملة واحدة",
            )


def has_a_price_of_its_item(new: Row, old: Row | None, view: View) -> None:
    if new["price_id"] is None or unchanged(new, old, "price_id", "item_id"):
        return
    price = view.get("item_price", new["price_id"])
    if price is not None and price["item_id"] != new["item_id"]:
        raise Invalid("This is a price of another item", field="price_id", ar="هذا السعر لصنف آخر")


def sums_its_modifiers(new: Row, old: Row | None, view: View) -> None:
    if not unchanged(new, old, "extras") and not _has_its_extras(new, view):
        raise Invalid(
            "A line's extras are the sum of its modifiers",
            field="extras",
            ar="إضافات السطر هي مجموع أسعار إضافاته",
        )


def is_in_its_lines_extras(new: Row, old: Row | None, view: View) -> None:
    if unchanged(new, old, "line_id", "quantity", "price"):
        return
    for line_id in sides(new, old, "line_id"):
        line = view.get("order_line", line_id)
        if line is not None and not _has_its_extras(line, view):
            raise Invalid(
                "The line's extras are the sum of its modifiers: change both in one transaction",
                field="price",
                ar="إضافات السطر هي مجموع أسعار إضافاته: يُغيَّر الاثنان في معاملة واحدة",
            )


def _has_its_extras(line: Row, view: View) -> bool:
    modifiers = view.find("order_line_modifier", line_id=line["id"])
    extras = add(times(Decimal(each["quantity"]), each["price"]) for each in modifiers)
    return bool((line["extras"] or 0) == extras)


def is_offered_with_the_item(new: Row, old: Row | None, view: View) -> None:
    """Refuse a modifier of a group that the line's item has not, or one too many of its group."""
    if unchanged(new, old, "line_id", "modifier_id", "quantity"):
        return
    line = view.get("order_line", new["line_id"])
    modifier = view.get("modifier", new["modifier_id"])
    if line is None or modifier is None:
        return
    if not _is_offered(modifier, line, view):
        raise Invalid(
            "This is not offered with the item",
            field="modifier_id",
            ar="هذه الإضافة غير متاحة مع الصنف",
        )
    group = view.get("modifier_group", modifier["group_id"]) or {}
    most = group.get("max_choices")
    if most is not None and sum(_quantities(line["id"], group["id"], view)) > most:
        raise Invalid(
            f"A line takes at most {most} of this group",
            field="quantity",
            ar=f"الحد الأقصى من هذه المجموعة {most}",
        )


def suits_its_modifiers(new: Row, old: Row | None, view: View) -> None:
    """Refuse to turn a line into another item, which is not offered with the line's modifiers."""
    if old is None or unchanged(new, old, "item_id"):
        return
    for each in view.find("order_line_modifier", line_id=new["id"]):
        modifier = view.get("modifier", each["modifier_id"])
        if modifier is not None and not _is_offered(modifier, new, view):
            raise Invalid(
                "A modifier of this line is not offered with the item",
                field="item_id",
                ar="إحدى إضافات السطر غير متاحة مع الصنف",
            )


def _is_offered(modifier: Row, line: Row, view: View) -> bool:
    group = modifier["group_id"]
    return any(view.find("item_modifier_group", item_id=line["item_id"], group_id=group))


def _quantities(line_id: str, group: str, view: View) -> Iterator[int]:
    for each in view.find("order_line_modifier", line_id=line_id):
        modifier = view.get("modifier", each["modifier_id"])
        if modifier is not None and modifier["group_id"] == group:
            yield each["quantity"]


def _orders_of(new: Row, old: Row | None, view: View) -> Iterator[Row]:
    """Yield the order of a line, and the one that it leaves."""
    for order_id in sides(new, old, "order_id"):
        order = view.get("order_header", order_id)
        if order is not None:
            yield order
