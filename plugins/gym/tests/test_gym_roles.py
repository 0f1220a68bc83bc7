"""The role of a gym's desk: members come and go and pay with it, and no more."""

from typing import Any

import mishkah_gym
import pytest

from mishkah.core.errors import Forbidden, UnknownTable
from mishkah.core.messages import Delete, Insert, Update
from mishkah.roles import read_access

Data = dict[str, Any]
PAID = {"id": "p1", "member_id": "m1", "subscription_id": "s1", "amount": 650}


def test_the_desk_reads_every_row_that_what_it_reads_refers_to(gym: Any) -> None:
    shown = gym.play("reception").schema.tables
    for table in shown.values():
        for field in table.fields.values():
            assert field.references is None or field.references.table in shown, field


def test_every_name_of_the_file_is_in_the_schema(gym: Any) -> None:
    file = mishkah_gym.register_modules()["gym"] / "access.json"
    tables = gym.rules.schema.tables
    for role in read_access("access.json", file.read_bytes()).roles.values():
        for rule in role.rules:
            fields = {field for name in rule.tables for field in tables[name].fields}
            assert fields.issuperset((*(rule.fields or ()), *(rule.but or ())))


def test_the_desk_takes_a_new_member_in(gym: Any, subscription: Data, sale: Data) -> None:
    gym.play("reception")
    gym.insert("gym_member", id="m2", full_name={"ar": "منى"}, phone="01000000002")
    gym.insert("membership_subscription", **subscription)
    gym.insert("payment_transaction", **PAID)
    gym.insert("service_transaction", **sale)
    gym.insert("attendance", id="v1", member_id="m1")
    left = {"status": "left", "check_out_at": "2025-10-29T11:00:00Z"}
    gym.update("attendance", "v1", **left)
    gym.update("payment_transaction", "p1", note="instalment")
    with pytest.raises(Forbidden):
        gym.delete("attendance", "v1")
    gym.insert("attendance", id="v2", member_id="m1")
    gym.delete("attendance", "v2")


def test_the_desk_pays_nothing_back_and_changes_no_prices(gym: Any, subscription: Data) -> None:
    gym.insert("membership_subscription", **subscription)
    gym.insert("payment_transaction", **PAID)
    gym.play("reception")
    for command in (
        Update(table="payment_transaction", id="p1", changes={"status": "refunded"}),
        Update(table="payment_transaction", id="p1", changes={"amount": 1}),
        Delete(table="payment_transaction", id="p1"),
        Insert(table="payment_transaction", data={**PAID, "id": "p2", "status": "refunded"}),
        Delete(table="gym_member", id="m1"),
        Update(table="membership_plan", id="plan_monthly", changes={"price": 1}),
    ):
        with pytest.raises(Forbidden):
            gym.run(command)


def test_the_desk_knows_no_revenue_and_colleagues_by_name(gym: Any) -> None:
    shown = gym.play("reception").schema.tables
    assert [*shown["staff"].fields] == ["id", "full_name", "role", "specialties", "status"]
    assert "revenue_report" not in shown
    with pytest.raises(UnknownTable):
        gym.insert("revenue_report", id="r1", month="2025-10")
