"""Devices that enrol, and people who act on them by a PIN."""

import re
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing
from support.identity import CASHIER, OWNER, TILL, Place, after, open_place

from mishkah.core.errors import AuthRequired, Busy, Forbidden, InvalidRow, RateLimited
from mishkah.core.ids import StoreId
from mishkah.identity.hasher import AT_ONCE, WAITING
from mishkah.identity.register import OPERATOR
from mishkah.testing import NOON
from mishkah.who import Scope, Who


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with open_place() as place:
        await place.furnish()
        yield place


async def wrong_pins(place: Place, till: Who, times: int, user: str = "mona") -> None:
    for _ in range(times):
        with pytest.raises(Forbidden):
            await place.identity.devices.act(till, user, "0000", None, NOON)


async def test_a_device_enrols_by_a_code_that_is_good_once(place: Place) -> None:
    code = await place.identity.devices.create_code(OPERATOR, "till-1", NOON, scopes=TILL)
    assert re.fullmatch(r"[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}", code)
    typed = f" {code.replace('-', '').lower()} "
    till = place.identity.identify(
        await place.identity.devices.enrol(typed, "10.0.0.5", NOON), NOON
    )
    assert (till.user, till.device, till.owner) == (None, "till-1", "device:till-1")
    assert (till.scopes, till.expires) == (TILL, None)
    with pytest.raises(AuthRequired):
        await place.identity.devices.enrol(code, "10.0.0.5", NOON)
    assert place.events(2) == ["enrol-failed", "enrol"]


async def test_two_who_type_one_code_at_once_are_one_device(place: Place) -> None:
    code = await place.identity.devices.create_code(OPERATOR, "till-1", NOON, scopes=TILL)
    told: list[str] = []

    async def enrol() -> None:
        try:
            told.append(await place.identity.devices.enrol(code, None, NOON))
        except AuthRequired:
            told.append("no")

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(enrol)
    assert sorted(told)[1:] == ["no"] * 4


@pytest.mark.parametrize("typed", ["", "AAAA-AAAA", "\ud800", "x" * 10_000])
async def test_what_is_no_code_enrols_nothing(place: Place, typed: str) -> None:
    await place.identity.devices.create_code(OPERATOR, "till-1", NOON, scopes=TILL)
    with pytest.raises(AuthRequired):
        await place.identity.devices.enrol(typed, None, NOON)


async def test_a_code_is_too_old_after_ten_minutes_or_a_newer_one(place: Place) -> None:
    create, enrol = place.identity.devices.create_code, place.identity.devices.enrol
    code = await create(OPERATOR, "till-1", NOON, scopes=TILL)
    with pytest.raises(AuthRequired):
        await enrol(code, None, after(minutes=10))
    newer = await create(OPERATOR, "till-1", NOON)
    with pytest.raises(AuthRequired):
        await enrol(code, None, NOON)
    await enrol(newer, None, after(minutes=9))


async def test_codes_are_throttled_at_each_address() -> None:
    async with open_place(logins=8) as place:
        await place.furnish()
        create, enrol = place.identity.devices.create_code, place.identity.devices.enrol
        code = await create(OPERATOR, "till-1", NOON, scopes=TILL)
        for _ in range(4):
            with pytest.raises(AuthRequired):
                await enrol("AAAA-AAAA", "10.0.0.5", NOON)
        with pytest.raises(RateLimited):
            await enrol(code, "10.0.0.5", NOON)
        await enrol(code, "10.0.0.6", NOON)
        for _ in range(9):
            code = await create(OPERATOR, "till-1", NOON)
            await enrol(code, "10.0.0.6", NOON)


async def test_a_device_that_enrols_again_keeps_its_place_and_its_old_token_is_no_more(
    place: Place,
) -> None:
    old = await place.till()
    till = place.identity.identify(old, NOON)
    await place.identity.devices.act(till, "amal", "4711", None, NOON)
    code = await place.identity.devices.create_code(OPERATOR, "till-1", NOON)
    new = await place.identity.devices.enrol(code, None, NOON)
    with pytest.raises(AuthRequired):
        place.identity.identify(old, NOON)
    who = place.identity.identify(new, NOON)
    assert (who.user, who.scopes) == (None, TILL), "it may be in other hands now"


async def test_a_pin_makes_all_that_shows_the_token_the_persons(place: Place) -> None:
    token = await place.till()
    till = place.identity.identify(token, NOON)
    await place.identity.devices.act(till, "Amal", "٤٧١١", "10.0.0.5", NOON)
    who = place.identity.identify(token, NOON)
    assert (who.user, who.device, who.owner) == ("amal", "till-1", "device:till-1")
    assert who.scopes == CASHIER
    assert who.expires == after(hours=12).timestamp()
    assert place.identity.identify(token, after(hours=12)).user is None
    await place.identity.devices.stop_acting(who, None, NOON)
    assert place.identity.identify(token, NOON) == till
    assert place.events(2) == ["pin-over", "pin"]


async def test_an_owner_at_a_till_is_one_where_the_till_belongs_and_manages_nothing(
    place: Place,
) -> None:
    await place.identity.register.change_user(
        OPERATOR, "mona", NOON, name=None, scopes=(Scope("owner"),)
    )
    token = await place.till()
    await place.identity.devices.act(
        place.identity.identify(token, NOON), "mona", "9753", None, NOON
    )
    who = place.identity.identify(token, NOON)
    assert who.role_in(StoreId("dar", "pos")) == "owner"
    assert who.role_in(StoreId("gim", "gym")) is None
    everywhere = await place.identity.devices.create_code(
        OPERATOR, "desk", NOON, scopes=(Scope("till"),)
    )
    desk = await place.identity.devices.enrol(everywhere, None, NOON)
    await place.identity.devices.act(
        place.identity.identify(desk, NOON), "mona", "9753", None, NOON
    )
    with pytest.raises(Forbidden):
        place.identity.register.users(place.identity.identify(desk, NOON))


async def test_who_has_no_role_where_the_device_belongs_can_not_act_on_it(place: Place) -> None:
    elsewhere = (Scope("cashier", ("gim",)),)
    await place.identity.register.create_user(OPERATOR, "sami", NOON, scopes=elsewhere, pin="2580")
    token = await place.till()
    with pytest.raises(Forbidden, match="no role"):
        await place.identity.devices.act(
            place.identity.identify(token, NOON), "sami", "2580", None, NOON
        )
    assert place.identity.identify(token, NOON).user is None


async def test_a_wrong_pin_an_unknown_and_a_disabled_person_are_told_the_same(
    place: Place,
) -> None:
    await place.identity.register.disable_user(OPERATOR, "amal", NOON)
    till = place.identity.identify(await place.till(), NOON)
    said, cost = set(), set()
    for user, pin in [("mona", "0000"), ("nobody", "4711"), ("amal", "4711"), ("\ud800", "x" * 99)]:
        before = place.hasher.hashed
        with pytest.raises(Forbidden) as refused:
            await place.identity.devices.act(till, user, pin, None, NOON)
        said.add(refused.value.said)
        cost.add(place.hasher.hashed - before)
    assert len(said) == 1
    assert cost == {1}


async def test_wrong_pins_lock_the_device_for_a_minute_then_longer(place: Place) -> None:
    token = await place.till()
    till = place.identity.identify(token, NOON)
    await wrong_pins(place, till, 5)
    act = place.identity.devices.act
    with pytest.raises(RateLimited) as refused:
        await act(till, "amal", "4711", None, after(seconds=1))
    assert refused.value.retry_ms == 59_000
    now, locks = after(seconds=60), []
    for _ in range(8):
        with pytest.raises(Forbidden):
            await act(till, "mona", "0000", None, now)
        with pytest.raises(RateLimited) as refused:
            await act(till, "mona", "9753", None, now)
        locks.append(refused.value.retry_ms // 1000)
        now = after(seconds=(now - NOON).total_seconds() + locks[-1])
    assert locks == [120, 240, 480, 960, 1920, 3600, 3600, 3600]
    await act(till, "mona", "9753", None, now)
    await act(till, "mona", "9753", None, now)


async def test_the_lock_is_kept_by_the_store(place: Place) -> None:
    till = place.identity.identify(await place.till(), NOON)
    await wrong_pins(place, till, 5)
    (device,) = place.identity.register.devices(OPERATOR)
    assert device["locked_until"] == "2025-10-29T12:01:00.000Z"
    assert device["pin_failures"] == {"mona": 5}


async def test_many_pins_at_once_are_no_more_than_one_after_another(place: Place) -> None:
    till = place.identity.identify(await place.till(), NOON)
    outcomes: list[type[BaseException]] = []

    async def guess() -> None:
        with pytest.raises((Forbidden, RateLimited)) as refused:
            await place.identity.devices.act(till, "mona", "0000", None, NOON)
        outcomes.append(refused.type)

    before = place.hasher.hashed
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(guess)
    assert outcomes.count(Forbidden) == 5
    assert place.hasher.hashed - before == 5


async def test_who_knows_a_pin_of_their_own_gets_no_more_guesses_at_others(place: Place) -> None:
    till = place.identity.identify(await place.till(), NOON)
    await wrong_pins(place, till, 4)
    await place.identity.devices.act(till, "amal", "4711", None, NOON)
    await wrong_pins(place, till, 1)
    with pytest.raises(RateLimited):
        await place.identity.devices.act(till, "amal", "4711", None, NOON)


async def test_failures_of_yesterday_are_forgotten(place: Place) -> None:
    till = place.identity.identify(await place.till(), NOON)
    await wrong_pins(place, till, 4, "nobody")
    with pytest.raises(Forbidden):
        await place.identity.devices.act(till, "mona", "0000", None, after(days=1))
    await place.identity.devices.act(till, "amal", "4711", None, after(days=1))


async def test_a_flood_of_sign_ins_does_not_lock_a_till(place: Place) -> None:
    """Who is told to come back has tried no PIN, so it is not counted as a wrong one."""
    till = place.identity.identify(await place.till(), NOON)

    async def never(work: object) -> object:
        return await trio.sleep_forever()

    place.hasher.work, inline = never, place.hasher.work
    async with trio.open_nursery() as flood:
        for _ in range(AT_ONCE + WAITING):
            flood.start_soon(place.hasher.verify, None, "x")
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(6):
            with pytest.raises(Busy):
                await place.identity.devices.act(till, "mona", "9753", None, NOON)
        flood.cancel_scope.cancel()
    place.hasher.work = inline
    await place.identity.devices.act(till, "mona", "9753", None, NOON)


async def test_a_clock_that_is_put_back_does_not_lock_a_till_for_ever(place: Place) -> None:
    till = place.identity.identify(await place.till(), NOON)
    for _ in range(5):
        with pytest.raises(Forbidden):
            await place.identity.devices.act(till, "mona", "0000", None, after(days=400))
    with pytest.raises(Forbidden):  # one guess for it, and no more
        await place.identity.devices.act(till, "mona", "0000", None, NOON)
    with pytest.raises(RateLimited) as refused:
        await place.identity.devices.act(till, "mona", "9753", None, NOON)
    assert refused.value.retry_ms == 120_000
    await place.identity.devices.act(till, "mona", "9753", None, after(seconds=120))


async def test_one_device_does_not_lock_another(place: Place) -> None:
    till = place.identity.identify(await place.till(), NOON)
    other = place.identity.identify(await place.till("till-2"), NOON)
    await wrong_pins(place, till, 5)
    await place.identity.devices.act(other, "amal", "4711", None, NOON)


async def test_a_person_who_is_disabled_acts_no_more(place: Place) -> None:
    token = await place.till()
    till = place.identity.identify(token, NOON)
    await place.identity.devices.act(till, "amal", "4711", None, NOON)
    await place.identity.register.disable_user(OPERATOR, "amal", NOON)
    assert place.identity.identify(token, NOON) == till
    await place.identity.register.enable_user(OPERATOR, "amal", NOON)
    assert place.identity.identify(token, NOON) == till, "not by itself"


async def test_a_device_that_is_disabled_is_let_in_no_more(place: Place) -> None:
    token = await place.till()
    till = place.identity.identify(token, NOON)
    await place.identity.register.disable_device(OPERATOR, "till-1", NOON)
    with pytest.raises(AuthRequired):
        place.identity.identify(token, NOON)
    with pytest.raises(Forbidden):
        await place.identity.devices.act(till, "amal", "4711", None, NOON)
    await place.identity.register.enable_device(OPERATOR, "till-1", NOON)
    assert place.identity.identify(token, NOON) == till


async def test_a_person_in_a_session_has_no_device_to_act_on(place: Place) -> None:
    who = await place.signed_in("amal")
    with pytest.raises(Forbidden):
        await place.identity.devices.act(who, "amal", "4711", None, NOON)


@pytest.mark.parametrize("device", ["", "Till", "a/b", "../x", "a" * 33, "كاشير"])
async def test_a_device_has_a_simple_name(place: Place, device: str) -> None:
    with pytest.raises(InvalidRow):
        await place.identity.devices.create_code(OPERATOR, device, NOON, scopes=OWNER)


async def test_only_who_manages_makes_codes(place: Place) -> None:
    for who in (await place.signed_in("amal"), place.identity.identify(await place.till(), NOON)):
        with pytest.raises(Forbidden):
            await place.identity.devices.create_code(who, "till-2", NOON)
