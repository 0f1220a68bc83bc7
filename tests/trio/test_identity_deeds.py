"""What may be asked of the identity store by name, of which shape, and by whom."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.identity import Place, after, open_place

from mishkah.core.errors import AuthRequired, BadMessage, Forbidden, InvalidRow, NotFound
from mishkah.identity.deeds import DEEDS, do
from mishkah.identity.devices import Devices
from mishkah.identity.register import OPERATOR, Register
from mishkah.testing import NOON
from mishkah.who import Scope, Who

ROLES = ("owner", "manager", "cashier", "till")
CASHIER = [{"role": "cashier", "branches": ["dar"]}]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with open_place() as place:
        await place.furnish()
        yield place


async def ask(place: Place, deed: str, /, **arguments: Any) -> Any:
    return await do(place.identity, deed, json.dumps(arguments).encode(), OPERATOR, NOON, ROLES)


async def test_all_that_owners_may_do_can_be_asked_for(place: Place, autojump_clock: Any) -> None:
    assert await ask(place, "create_user", user="nour", name="Nour", scopes=CASHIER) is None
    await ask(place, "change_user", user="nour", name="Noor")
    await ask(place, "set_password", user="nour", password="three words here")
    await ask(place, "set_pin", user="nour", pin="2580")
    (nour,) = [row for row in await ask(place, "users") if row["id"] == "nour"]
    assert (nour["name"], nour["password"], nour["pin"]) == ("Noor", True, True)
    await ask(place, "set_pin", user="nour", pin=None)

    made = await ask(
        place, "create_token", user="nour", label="report", expires="2025-10-30T00:00:00Z"
    )
    who = place.identity.identify(made["token"], NOON)
    assert who.user == "nour"
    (listed,) = [row for row in await ask(place, "tokens") if row["user"] == "nour"]
    assert listed["expires"] == "2025-10-30T00:00:00.000Z"
    assert made["token"].split("_", 2)[2] not in json.dumps(await ask(place, "tokens"))
    await ask(place, "revoke_token", token=who.session)
    with pytest.raises(AuthRequired):
        place.identity.identify(made["token"], NOON)

    code = (await ask(place, "create_code", device="till-7", scopes=[{"role": "till"}]))["code"]
    till = await place.identity.devices.enrol(code, None, NOON)
    await ask(place, "change_device", device="till-7", label="Front")
    await ask(place, "disable_device", device="till-7")
    with pytest.raises(AuthRequired):
        place.identity.identify(till, NOON)
    await ask(place, "enable_device", device="till-7")
    assert place.identity.identify(till, NOON).device == "till-7"
    assert [row["label"] for row in await ask(place, "devices")] == ["Front"]

    session = await place.token("amal")
    assert await ask(place, "end_sessions", user="amal") == {"ended": 1}
    with pytest.raises(AuthRequired):
        place.identity.identify(session, after(minutes=1))
    await ask(place, "disable_user", user="amal")
    with pytest.raises(AuthRequired):
        await place.token("amal")
    await ask(place, "enable_user", user="amal")
    assert await place.token("amal")


def test_every_method_for_owners_has_a_deed() -> None:
    theirs = {name for kind in (Register, Devices) for name in vars(kind) if name[0] != "_"}
    assert set(DEEDS) == theirs - {"audit", "enrol", "act", "stop_acting"}


@pytest.mark.parametrize("name", [*DEEDS, "none"])
async def test_nobody_else_may_ask(place: Place, name: str, autojump_clock: Any) -> None:
    amal = await place.signed_in("amal")
    for who in (
        amal,
        Who(),
        Who(scopes=(Scope("manager"),)),
        Who(device="d", scopes=(Scope("owner"),)),
    ):
        with pytest.raises(Forbidden):
            await do(place.identity, name, b"nothing at all", who, NOON, ROLES)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("users", b'{"x": 1}'), ("set_pin", b'{"user": "amal"}'), ("create_user", b"[]"),
     ("create_user", b'{"user": "x", "scopes": [{"rolle": "owner"}]}'), ("users", b"{"),
     ("create_token", b'{"user": "amal", "expires": "2025-10-30T00:00:00"}'),
    ("create_token", b'{"user": "amal", "expires": "9999-12-31T23:59:59-12:00"}'),
    ("create_token", b'{"user": "amal", "expires": "0001-01-01T00:00:00+12:00"}'),
     ("disable_user", b'{"user": "\xff"}'), ("users", b"[" * 100_000)],
)  # fmt: skip
async def test_arguments_of_another_shape_are_refused(
    place: Place, name: str, arguments: bytes, autojump_clock: Any
) -> None:
    with pytest.raises(BadMessage, match=r"This takes a JSON object of: (user|nothing)"):
        await do(place.identity, name, arguments, OPERATOR, NOON, ROLES)


async def test_what_is_not_there_is_not_found(place: Place, autojump_clock: Any) -> None:
    with pytest.raises(NotFound, match="no such deed"):
        await ask(place, "drop_all")
    with pytest.raises(NotFound):
        await ask(place, "end_sessions", user="none")


async def test_a_role_that_is_not_there_is_refused_with_those_that_are(
    place: Place, autojump_clock: Any
) -> None:
    misspelt = [{"role": "cashire"}]
    for name, whose in (("create_user", "user"), ("create_code", "device")):
        with pytest.raises(InvalidRow, match="there are: cashier, manager, owner, till"):
            await ask(place, name, scopes=misspelt, **{whose: "nour"})
    assert "nour" not in [row["id"] for row in await ask(place, "users")]
    await ask(place, "create_token", user="amal", scopes=[{"role": "*", "branches": ["dar"]}])
