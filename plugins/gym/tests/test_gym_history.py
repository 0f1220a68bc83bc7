"""Whatever a desk does, in whatever order: one active subscription of a plan, nothing overpaid."""

from decimal import Decimal
from typing import Any

import mishkah_gym
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mishkah.core.errors import Refused
from mishkah.core.messages import Delete, Insert, Update, Write

SUBSCRIPTION, PAYMENT = "membership_subscription", "payment_transaction"
FREEZE = {"status": "frozen", "frozen_from": "2025-11-01", "frozen_until": "2025-11-05"}

subscriptions = st.sampled_from(["s1", "s2", "s3"])
payments = st.sampled_from(["p1", "p2", "p3"])
plans = st.sampled_from(["plan_monthly", "plan_yearly"])
states = st.sampled_from(["pending", "active", "expired", "cancelled"])
sums = st.sampled_from([Decimal("0.01"), *map(Decimal, (325, 326, 650))])


def subscribe(identifier: str, plan: str, status: str, price: Decimal) -> Write:
    dates = {"start_date": "2025-10-29", "end_date": "2025-11-27"}
    data = {"id": identifier, "member_id": "m1", "plan_id": plan, "status": status, **dates}
    return Insert(table=SUBSCRIPTION, data={**data, "price": price})


def pay(identifier: str, subscription: str, amount: Decimal) -> Write:
    data = {"id": identifier, "member_id": "m1", "subscription_id": subscription}
    return Insert(table=PAYMENT, data={**data, "amount": amount})


def change(table: str, identifiers: Any, **changes: Any) -> Any:
    drawn = st.fixed_dictionaries(changes)
    return st.builds(lambda i, c: Update(table=table, id=i, changes=c), identifiers, drawn)


commands = st.one_of(
    st.builds(subscribe, subscriptions, plans, states, sums),
    st.builds(pay, payments, subscriptions, sums),
    change(SUBSCRIPTION, subscriptions, status=states),
    change(SUBSCRIPTION, subscriptions, plan_id=plans),
    change(SUBSCRIPTION, subscriptions, price=sums),
    change(SUBSCRIPTION, subscriptions, **{key: st.just(value) for key, value in FREEZE.items()}),
    change(PAYMENT, payments, status=st.sampled_from(["completed", "refunded"])),
    change(PAYMENT, payments, subscription_id=subscriptions, amount=sums),
    st.builds(Delete, table=st.just(PAYMENT), id=payments),
    st.builds(Delete, table=st.just(SUBSCRIPTION), id=subscriptions),
)

BEGINNING = (
    subscribe("s1", "plan_monthly", "active", Decimal(650)),
    subscribe("s2", "plan_monthly", "pending", Decimal(650)),
    pay("p1", "s1", Decimal(325)),
    pay("p2", "s2", Decimal(325)),
)
"""Without it most commands would be about rows that are not there."""

Rows = dict[str, dict[str, dict[str, Any]]]


def after(rows: Rows, command: Any) -> Rows | None:
    """Return what *command* makes of *rows* by itself, or None where a row is missing or there."""
    table = dict(rows[command.table])
    if isinstance(command, Insert):
        if command.data["id"] in table:
            return None
        status = {} if command.table == SUBSCRIPTION else {"status": "completed"}
        table[command.data["id"]] = {**status, **command.data}
    elif command.id not in table:
        return None
    elif isinstance(command, Delete):
        del table[command.id]
    else:
        table[command.id] = {**table[command.id], **command.changes}
    return {**rows, command.table: table}


def is_sound(rows: Rows) -> bool:
    sold, paid = rows[SUBSCRIPTION], rows[PAYMENT].values()
    active = [row["plan_id"] for row in sold.values() if row["status"] == "active"]
    if len(active) != len(set(active)) or any(p["subscription_id"] not in sold for p in paid):
        return False
    return all(
        row["price"]
        >= sum(
            p["amount"] for p in paid if (p["subscription_id"], p["status"]) == (key, "completed")
        )
        for key, row in sold.items()
    )


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(commands, min_size=10, max_size=40))
def test_a_command_is_taken_exactly_when_it_leaves_the_books_sound(
    open_store: Any, member: Any, history: list[Any]
) -> None:
    gym = open_store(mishkah_gym, "gym")
    gym.insert("gym_member", **member)
    rows: Rows = {SUBSCRIPTION: {}, PAYMENT: {}}
    for command in (*BEGINNING, *history):
        wanted = after(rows, command)
        fits = wanted is not None and is_sound(wanted)
        event(f"{type(command).__name__} of {command.table}: {'taken' if fits else 'refused'}")
        try:
            gym.run(command)
        except Refused:
            assert not fits, command
        else:
            assert fits, command
            assert wanted is not None
            rows = wanted
    for table, expected in rows.items():
        kept = {row["id"]: row for row in gym.rows(table) if row["member_id"] == "m1"}
        assert kept.keys() == expected.keys()
        for key, row in expected.items():
            assert {name: kept[key][name] for name in row} == row
