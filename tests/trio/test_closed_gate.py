"""The gate of a house with access control, while its file of roles changes and people use tills."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from support.identity import CountingHasher
from trio.testing import MockClock

from mishkah.core.errors import AuthRequired
from mishkah.core.ids import StoreId
from mishkah.identity.configuration import LOOK_SECONDS
from mishkah.identity.gate import ClosedGate
from mishkah.identity.register import OPERATOR
from mishkah.identity.tables import IDENTITY, manages
from mishkah.testing import open_test_house, write_json
from mishkah.who import PUBLIC, Scope, Who

OWNER = (Scope("owner"),)
SHOP = StoreId("shop", "m")
NARROW = {"manager": {"rules": [{"do": ["read"], "tables": ["note"]}]}}


@pytest.fixture
async def gate(data: Path) -> AsyncIterator[ClosedGate]:
    write_json(data / "access.json", {"roles": NARROW})
    async with open_test_house(data, hasher=CountingHasher()) as house:
        await house.house.keepers[IDENTITY].settled.wait()
        gate = house.house.gate
        assert isinstance(gate, ClosedGate)
        await trio.sleep(LOOK_SECONDS / 2)
        yield gate


def reads(gate: ClosedGate) -> list[tuple[str, ...]]:
    return [rule.tables for rule in gate._roles["manager"].rules]


async def test_roles_stay_where_their_file_is_gone(
    autojump_clock: MockClock, gate: ClosedGate, data: Path
) -> None:
    """Ready-made roles of the same names may do more than the installation's own."""
    before = reads(gate)
    (data / "access.json").unlink()
    await trio.sleep(2 * LOOK_SECONDS)
    assert reads(gate) == before
    (data / "access.json").mkdir()
    await trio.sleep(2 * LOOK_SECONDS)
    assert reads(gate) == before
    (data / "access.json").rmdir()
    write_json(data / "access.json", {"roles": {"manager": {"rules": [{"do": ["read"]}]}}})
    await trio.sleep(2 * LOOK_SECONDS)
    assert reads(gate) == [("*",)]


async def test_a_file_that_no_start_would_take_changes_nothing(
    autojump_clock: MockClock, gate: ClosedGate, data: Path
) -> None:
    """A misspelt name in a rule that forbids would forbid nothing."""
    before = reads(gate)
    forbids = {"do": ["read"], "tables": ["nots"], "allow": False}
    for bad in (
        {"roles": {"manager": {"rules": [forbids, {"do": ["read"]}]}}},
        {"roles": {}, "public": [{"role": "owner"}]},
        {"roles": {}, "public": [{"role": "none"}]},
    ):
        write_json(data / "access.json", bad)
        await trio.sleep(2 * LOOK_SECONDS)
        assert reads(gate) == before
        with pytest.raises(AuthRequired):
            gate.identify(None)


async def test_who_brings_no_token_is_no_owner_of_the_house(
    autojump_clock: MockClock, gate: ClosedGate
) -> None:
    stranger = Who(owner=PUBLIC, scopes=OWNER)
    assert gate.may_enter(stranger, SHOP)
    assert not gate.may_enter(stranger, IDENTITY)
    assert not manages(stranger)


async def test_an_owner_does_not_see_the_house_by_a_pin(
    autojump_clock: MockClock, gate: ClosedGate
) -> None:
    """Four digits on a till are less than a password."""
    register, devices, now = gate.identity.register, gate.identity.devices, gate._clock()
    await register.create_user(
        OPERATOR, "mona", now, scopes=OWNER, password="two words of Mona", pin="9753"
    )
    everywhere = (Scope("owner"),)
    code = await devices.create_code(OPERATOR, "till-1", now, scopes=everywhere)
    token = await devices.enrol(code, None, now)
    till = gate.identify(token)
    assert not gate.may_enter(till, IDENTITY)
    await devices.act(till, "mona", "9753", None, now)
    acting = gate.identify(token)
    assert acting.user == "mona"
    assert gate.may_enter(acting, SHOP)
    assert not gate.may_enter(acting, IDENTITY)
    by_password = gate.identify(
        await gate.identity.sessions.login("mona", "two words of Mona", None, now)
    )
    assert gate.may_enter(by_password, IDENTITY)


async def test_without_public_roles_nobody_comes_in_without_a_token(
    autojump_clock: MockClock, gate: ClosedGate
) -> None:
    with pytest.raises(AuthRequired):
        gate.identify(None)
    assert not gate.may_enter(Who(), SHOP)
