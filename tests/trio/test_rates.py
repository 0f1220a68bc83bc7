"""The rates that sockets and requests share: all of an address, and all of a person."""

from collections import Counter
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from mishkah.core.errors import RateLimited
from mishkah.limits import Limits
from mishkah.rates import Pacing, Rates

HERE, THERE = "10.0.0.1", "10.0.0.2"


def rates(**limits: Any) -> Rates:
    return Rates(Limits(**limits), Counter())


async def seconds_for(turns: int, *pacings: Pacing) -> float:
    """Return how long it takes until each of *pacings* has had *turns*."""
    before = trio.current_time()

    async def go(pacing: Pacing) -> None:
        for _ in range(turns):
            await pacing.turn()

    async with trio.open_nursery() as nursery:
        for pacing in pacings:
            nursery.start_soon(go, pacing)
    return trio.current_time() - before


async def test_the_sockets_of_an_address_share_its_rate(autojump_clock: MockClock) -> None:
    house = rates(address_rate=10)
    one, two, elsewhere = house.socket(HERE), house.socket(HERE), house.socket(THERE)
    assert await seconds_for(20, elsewhere) == 0
    assert await seconds_for(60, one, two) == pytest.approx(10)
    assert house.limited == {"address_rate": 100}


async def test_the_sockets_of_a_person_share_a_rate_wherever_they_are(
    autojump_clock: MockClock,
) -> None:
    house = rates(user_rate=10)
    one, two, other = house.socket(HERE), house.socket(THERE), house.socket(HERE)
    one.owner = two.owner = "user:amal"
    other.owner = "user:omar"
    assert await seconds_for(20, other) == 0
    assert await seconds_for(60, one, two) == pytest.approx(10)
    assert house.limited == {"user_rate": 100}


async def test_a_sockets_own_rate_is_its_own(autojump_clock: MockClock) -> None:
    house = rates(rate=10)
    assert await seconds_for(30, house.socket(HERE), house.socket(HERE)) == pytest.approx(1)
    assert house.limited == {"rate": 20}


async def test_one_who_asks_seldom_waits_little_beside_one_who_floods(
    autojump_clock: MockClock,
) -> None:
    house = rates(address_rate=10)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(seconds_for, 10_000, house.socket(HERE))
        await trio.sleep(60)
        assert await seconds_for(1, house.socket(HERE)) < 1
        nursery.cancel_scope.cancel()


async def test_requests_over_the_rate_are_refused_with_when_to_come_back(
    autojump_clock: MockClock,
) -> None:
    house = rates(address_rate=10, user_rate=5)
    for _ in range(20):
        house.admit(HERE)
    with pytest.raises(RateLimited) as told:
        house.admit(HERE)
    assert told.value.retry_ms == 100
    house.admit(THERE)
    for _ in range(10):
        house.admit_person("user:amal", THERE)
    with pytest.raises(RateLimited) as told:
        house.admit_person("user:amal", HERE)
    assert told.value.retry_ms == 200
    house.admit_person("user:omar", HERE)
    assert house.limited == {"address_rate": 1, "user_rate": 1}
    await trio.sleep(0.2)
    house.admit(HERE)
    house.admit_person("user:amal", HERE)


async def test_sockets_and_requests_share_a_rate(autojump_clock: MockClock) -> None:
    house = rates(address_rate=10, user_rate=10)
    socket = house.socket(HERE)
    socket.owner = "user:amal"
    assert await seconds_for(20, socket) == 0
    with pytest.raises(RateLimited):
        house.admit(HERE)
    with pytest.raises(RateLimited):
        house.admit_person("user:amal", THERE)


async def test_on_loopback_and_for_nobody_nothing_counts(autojump_clock: MockClock) -> None:
    house = rates(rate=1, address_rate=1, user_rate=1)
    socket = house.socket(None)
    socket.owner = "user:amal"
    assert await seconds_for(100, socket) == 0
    for _ in range(100):
        house.admit(None)
        house.admit_person("user:amal", None)
        house.admit_person("", HERE)
    assert not house.limited
