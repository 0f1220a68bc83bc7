"""Whatever tills send, in whatever order: no order is overpaid, and no bill stops adding up."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import mishkah_pos
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mishkah import View
from mishkah.core.draft import Draft
from mishkah.core.errors import Refused
from mishkah.core.messages import Delete, Insert, Op, Transaction, Update
from mishkah.core.transact import Asked, transact

ORDERS = ("o1", "o2")
ACTS = ("open", "sell", "sell", "drop", "reduce", "discount", "pay", "pay", "change", "unpay",
        "refund", "refund", "unrefund", "move", "status", "forget")  # fmt: skip


class Step(NamedTuple):
    """One thing that a till tries. *slip* is by how much it miscounts, in most steps nothing."""

    act: str
    order: str
    row: int
    amount: int
    slip: int
    status: str
    told: bool
    """Whether the rows above are changed in the same transaction, as they should be."""


STEPS = st.builds(
    Step,
    act=st.sampled_from(ACTS),
    order=st.sampled_from(ORDERS),
    row=st.integers(1, 2),
    amount=st.integers(1, 60),
    slip=st.sampled_from([0, 0, 0, 0, -1, 1]),
    status=st.sampled_from(["preparing", "preparing", "served", "closed", "cancelled"]),
    told=st.sampled_from([True, True, True, False]),
)


class Till:
    """A till on a sheet above the seeds, which stay as they are."""

    def __init__(self, store: Any) -> None:
        self.rules = store.rules
        self.at = datetime(2025, 10, 29, 10, tzinfo=UTC)
        self.sheet = Draft(store.state)
        self.view = View(self.sheet)
        self.seq = store.state.seq
        self.torn: set[str] = set()

    def act(self, step: Step) -> bool:
        """Try *step*; tell whether it was taken."""
        ops = list(self.ops(step))
        if not ops:
            return False
        before = {order: self.bill(order) for order in ORDERS}
        self.seq += 1
        try:
            asked = Asked(command=Transaction(ops=ops))
            transact(self.sheet, self.seq, asked, self.rules, self.at)
        except Refused:
            return False
        self.check(step, before)
        return True

    def ops(self, step: Step) -> Iterator[Op]:
        order = self.view.get("order_header", step.order)
        key, line = f"{step.order}-{step.row}", {"unit_price": 5, "item_id": "item_tea"}
        total = step.amount * 5 + step.slip
        if step.act == "open":
            yield Insert(table="order_header", data={"id": step.order, "subtotal": 0})
        elif step.act == "sell":
            row = {**line, "id": key, "order_id": step.order, "quantity": step.amount}
            yield Insert(table="order_line", data={**row, "total": total})
            yield from self.billed(step, order, total)
        elif step.act == "reduce":
            was = self.view.get("order_line", key)
            changes = {"quantity": step.amount, "total": total}
            yield Update(table="order_line", id=key, changes=changes)
            yield from self.billed(step, order, total - (was["total"] if was else 0))
        elif step.act == "drop":
            was = self.view.get("order_line", key)
            yield Delete(table="order_line", id=key)
            yield from self.billed(step, order, -(was["total"] if was else 0))
        elif step.act == "discount" and order is not None:
            total = order["subtotal"] - step.amount + step.slip
            changes = {"discount": step.amount, "total": total}
            yield Update(table="order_header", id=step.order, changes=changes)
        elif step.act == "status":
            yield Update(table="order_header", id=step.order, changes={"status": step.status})
        elif step.act == "forget" and step.row == 1 and not step.told:
            yield Delete(table="order_header", id=step.order)
        else:
            yield from self.money(step, key)

    def billed(self, step: Step, order: Any, more: Any) -> Iterator[Op]:
        """Yield the order's new bill when its lines come to *more*."""
        if order is not None and step.told:
            subtotal = (order["subtotal"] or 0) + more
            tax = order["tax"] or 0
            changes = {"subtotal": subtotal, "total": subtotal + tax - (order["discount"] or 0)}
            yield Update(table="order_header", id=step.order, changes=changes)

    def money(self, step: Step, key: str) -> Iterator[Op]:
        payment = self.view.get("payment", key)
        back = (payment["refunded"] or 0) if payment else 0
        if step.act == "pay":
            data = {"id": key, "order_id": step.order, "amount": step.amount * 5}
            yield Insert(table="payment", data=data)
        elif step.act == "change":
            yield Update(table="payment", id=key, changes={"amount": step.amount * 5})
        elif step.act == "move":
            other = ORDERS[step.order == ORDERS[0]]
            yield Update(table="payment", id=key, changes={"order_id": other})
        elif step.act == "unpay":
            yield Delete(table="payment", id=key)
        elif step.act == "refund":
            data = {"id": f"{key}-{step.amount % 2}", "payment_id": key, "amount": step.amount}
            yield Insert(table="refund", data=data)
            if step.told:
                refunded = back + step.amount + step.slip
                yield Update(table="payment", id=key, changes={"refunded": refunded})
        elif step.act == "unrefund":
            refund = f"{key}-{step.amount % 2}"
            was = self.view.get("refund", refund)
            yield Delete(table="refund", id=refund)
            if step.told:
                refunded = back - (was["amount"] if was else 0)
                yield Update(table="payment", id=key, changes={"refunded": refunded})

    def bill(self, order: str) -> Any:
        return self.view.get("order_header", order)

    def check(self, step: Step, before: dict[str, Any]) -> None:
        """Assert what must be so after a step that was taken."""
        for identifier in ORDERS:
            order, was = self.bill(identifier), before[identifier]
            if order is None:
                assert not list(self.view.find("order_line", order_id=identifier))
                assert not list(self.view.find("payment", order_id=identifier))
                self.torn.discard(identifier)
                continue
            self.check_bill(step, order, was)
            self.check_money(order)
            if was is not None and was["status"] in ("closed", "cancelled"):
                assert (order["total"], order["status"]) == (was["total"], was["status"])

    def check_bill(self, step: Step, order: Any, was: Any) -> None:
        lines = list(self.view.find("order_line", order_id=order["id"]))
        for line in lines:
            assert line["total"] == line["quantity"] * line["unit_price"]
        assert order["total"] == order["subtotal"] - order["discount"] + order["tax"]
        agrees = order["subtotal"] == sum(line["total"] for line in lines)
        alone = step.act == "drop" and not step.told and step.order == order["id"]
        if alone and not agrees:
            self.torn.add(order["id"])
        elif agrees:
            self.torn.discard(order["id"])
        assert agrees or order["id"] in self.torn
        if order["id"] in self.torn:
            assert order["status"] == was["status"], "an order that lost a line went on"
            assert (step.act, step.order) != ("pay", order["id"]), "it was paid"

    def check_money(self, order: Any) -> None:
        kept = Decimal(0)
        for payment in self.view.find("payment", order_id=order["id"]):
            assert 0 <= payment["refunded"] <= payment["amount"]
            back = sum(r["amount"] for r in self.view.find("refund", payment_id=payment["id"]))
            assert back <= payment["refunded"], "a refund is not counted"
            kept += payment["amount"] - payment["refunded"]
        assert kept <= (0 if order["status"] == "cancelled" else order["total"])


@pytest.fixture
def seeded(open_store: Any) -> Any:
    return open_store(mishkah_pos, "pos")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=30, max_size=80))
def test_no_order_is_overpaid_and_every_bill_adds_up(seeded: Any, steps: list[Step]) -> None:
    till = Till(seeded)
    for order in ORDERS:
        assert till.act(Step("open", order, 1, 1, 0, "closed", told=True))
        assert till.act(Step("sell", order, 1, 40, 0, "closed", told=True))
        assert till.act(Step("pay", order, 1, 20, 0, "closed", told=True))
    taken = [step.act for step in steps if till.act(step)]
    for act in set(taken):
        event(f"taken: {act}")
