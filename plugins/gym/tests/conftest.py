"""A gym with its seeds and one more member, and the rows that its tests add."""

from typing import Any

import mishkah_gym
import pytest

Data = dict[str, Any]


@pytest.fixture
def gym(open_store: Any, member: Data) -> Any:
    """Return the gym's store; the member `m1` is in it and has no subscription yet."""
    store = open_store(mishkah_gym, "gym")
    store.insert("gym_member", **member)
    return store


@pytest.fixture
def member() -> Data:
    full_name = {"ar": "محمد", "en": "Mohamed"}
    return {"id": "m1", "full_name": full_name, "email": "m1@example.com"}


@pytest.fixture
def subscription() -> Data:
    """Return a month for `m1` that begins on the day of the tests, 2025-10-29."""
    return {
        "id": "s1",
        "member_id": "m1",
        "plan_id": "plan_monthly",
        "start_date": "2025-10-29",
        "end_date": "2025-11-27",
        "price": 650,
    }


@pytest.fixture
def sale() -> Data:
    """Return two sessions with a trainer for `m1`, 450 pounds."""
    return {
        "id": "x1",
        "member_id": "m1",
        "service_id": "service_pt_1",
        "trainer_id": "staff_004",
        "quantity": 2,
        "unit_price": 250,
        "discount": 50,
        "total": 450,
    }
