"""The schema and the seeds of the gym, as a new branch gets them."""

from datetime import date
from typing import Any

import mishkah_gym
import pytest

from mishkah import Rule

RULES = {
    "gym_member": {"member_code": Rule(prefix="GYM", format="GYM{number:03d}")},
    "payment_transaction": {"receipt_no": Rule(prefix="R", format="gym.receipt", reset="month")},
}


@pytest.fixture
def gym(open_store: Any) -> Any:
    return open_store(mishkah_gym, "gym", RULES)


def test_the_seeds_obey_the_schema_and_the_validators(gym: Any) -> None:
    assert gym.findings == []
    assert len(gym.rows("gym_member")) >= 15


def test_the_seeds_need_no_sequence_rules(open_store: Any) -> None:
    assert open_store(mishkah_gym, "gym").findings == []


def test_the_guides_new_member_is_taken(gym: Any) -> None:
    member = gym.insert(
        "gym_member",
        id="member_013",
        member_code="GYM013",
        full_name={"ar": "محمد", "en": "Mohamed"},
        email="mohamed@email.com",
        status="active",
    )
    assert member["phone"] is None


def test_the_next_member_gets_the_number_after_the_seeds(gym: Any) -> None:
    full_name = {"ar": "محمد", "en": "Mohamed"}
    member = gym.insert("gym_member", id="m1", full_name=full_name, phone="+20 10 0000 0999")
    assert member["member_code"] == "GYM018"
    assert member["status"] == "active"


def test_the_next_receipt_follows_the_seeds_of_its_month(gym: Any) -> None:
    seeded = [row["receipt_no"] for row in gym.rows("payment_transaction")]
    october = sum(receipt.startswith("R-202510-") for receipt in seeded)
    paid = gym.insert("payment_transaction", id="p1", member_id="member_001", amount=650)
    assert paid["receipt_no"].startswith(f"R-202510-{october + 1:05d}-")


def test_seeded_subscriptions_fit_their_plans(gym: Any) -> None:
    days = {plan["id"]: plan["duration_days"] for plan in gym.rows("membership_plan")}
    for row in gym.rows("membership_subscription"):
        span = date.fromisoformat(row["end_date"]) - date.fromisoformat(row["start_date"])
        assert span.days + 1 >= days[row["plan_id"]]


def test_a_module_of_another_name_gets_no_validators() -> None:
    assert not mishkah_gym.register_validators("pos")


def test_every_validator_has_a_table(gym: Any) -> None:
    assert mishkah_gym.register_validators("gym").keys() <= gym.rules.schema.tables.keys()
