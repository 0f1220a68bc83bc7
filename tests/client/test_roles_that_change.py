"""A replica is what its role may see, whatever roles it had, and whatever was written meanwhile."""

import random
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from mishkah.client import Refusal
from mishkah.testing import ALL, FakeGate, TestHouse, open_test_house

ROLES: dict[str, list[dict[str, Any]]] = {
    "all": [ALL],
    "much": [{"do": ["read", "update"], "where": ["qty", "<", 6], "tables": ["item"]},
             {"do": ["read"]}],
    "some": [{"do": ["read", "update"], "tables": ["item"], "except": ["price", "name"]}],
    "own": [{"do": ["read", "insert"], "tables": ["item"], "where": ["name", "=", "$user"]}],
    "few": [{"do": ["read"], "tables": ["item"], "fields": ["qty"], "where": ["qty", ">", 3]}],
}  # fmt: skip


@pytest.fixture
def gate() -> FakeGate:
    gate = FakeGate()
    for name, rules in ROLES.items():
        gate.role(name, *rules)
    gate.let_in("owner", "all", user="mona")
    gate.let_in("guest", "all", user="amal")
    return gate


@pytest.fixture
async def house(data: Path, gate: FakeGate) -> AsyncIterator[TestHouse]:
    async with open_test_house(data, gate=gate) as house:
        yield house


async def fresh(house: TestHouse, token: str) -> dict[str, dict[str, Any]]:
    """Return what a new socket is shown, table by table, by key."""
    async with house.client(token, branch="shop", module="m") as client:
        data = (await client.expect("SNAPSHOT"))["data"]
    key = {"item": "id", "shelf": "code"}
    return {t: {row[key[t]]: row for row in rows} for t, rows in data.items() if rows}


@pytest.mark.parametrize("seed", range(12))
async def test_a_replica_ends_as_a_fresh_snapshot(
    open_db: Any, house: TestHouse, gate: FakeGate, seed: int, autojump_clock: object
) -> None:
    rng = random.Random(seed)
    async with (
        open_db("o", token="owner") as owner,
        open_db("g", token="guest") as guest,
    ):
        writes = []
        for step in range(150):
            key = f"i{rng.randrange(8)}"
            row = {"qty": rng.randrange(10), "name": rng.choice(["amal", "mona"]), "price": step}
            if owner.get("item", key) is None:
                writes.append(owner.insert("item", {"id": key, **row}))
            elif rng.random() < 0.2:
                writes.append(owner.delete("item", key))
            else:
                changes = dict(rng.sample(sorted(row.items()), 2))
                writes.append(owner.update("item", key, changes))
            if rng.random() < 0.2:
                gate.let_in("guest", rng.choice([*ROLES]), user=rng.choice(["amal", "mona"]))
            if rng.random() < 0.2:  # a message that comes in the same moment
                with suppress(LookupError):
                    writes.append(guest.update("item", key, {"qty": rng.randrange(10)}))
            if rng.random() < 0.5:
                await trio.sleep(rng.choice([0, 0.001, 0.1]))
            if rng.random() < 0.1:
                await trio.testing.wait_all_tasks_blocked()
        for write in writes:
            with suppress(Refusal):
                await write
        await trio.sleep(5)
        seen = await fresh(house, "guest")
        assert guest.status == "live"
        for table, key in (("item", "id"), ("shelf", "code")):
            mine: list[Any] = []
            with suppress(LookupError):  # it is not shown any more
                mine = guest.list(table)
            assert {row[key]: row for row in mine} == seen.get(table, {})
