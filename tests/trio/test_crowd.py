"""Clients that vanish, and clients that want too much: found out, and slowed down."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trio
from support.stalled import HELLO, Stalled
from trio.testing import MockClock

from mishkah.core.frames import Watch
from mishkah.http.crowd import Crowd, Seats, counted
from mishkah.http.guard import Guard
from mishkah.http.inlet import Inlet
from mishkah.http.turned import Turned
from mishkah.limits import Limits
from mishkah.rates import Rates
from mishkah.testing import open_test_house


async def test_a_client_that_vanished_is_noticed(autojump_clock: MockClock, data: Path) -> None:
    """Its Wi-Fi went without a word: no bytes come, and what is sent is taken by the kernel."""
    gone = Stalled(HELLO, capacity=10**9)
    async with open_test_house(data) as house, trio.open_nursery() as nursery:
        before = trio.current_time()
        nursery.start_soon(house.house.serve, gone)
        await gone.closed.wait()
        assert 60 <= trio.current_time() - before < 90
        assert gone.taken.endswith(b"\x89\x00"), "it was asked"


async def test_a_client_that_is_silent_and_there_stays(
    autojump_clock: MockClock, data: Path
) -> None:
    async with open_test_house(data) as house, house.client() as till:
        await till.receive()
        await trio.sleep(10_000)
        ack = await till.ask({"type": "DELETE", "table": "note", "id": "n1", "ref": 1})
        assert ack["type"] == "ACK"


class OneAtATime(Stalled):
    """A stream that minds, as sockets do, when two tasks send at a time; its end takes a while."""

    busy = False

    async def send_all(self, data: Any) -> None:
        await self._alone(0)

    async def send_eof(self) -> None:
        await self._alone(0.5)

    async def _alone(self, seconds: float) -> None:
        if self.busy:
            raise trio.BusyResourceError
        self.busy = True
        await trio.sleep(seconds)
        self.busy = False


@pytest.mark.parametrize("later", [0, 0.2])
async def test_a_ping_may_meet_the_end_of_its_connection(
    autojump_clock: MockClock, later: float
) -> None:
    stream, watch = OneAtATime(b""), Watch(1, 1)
    guard = Guard(stream, Inlet(stream, b"", b"", watch, 1), watch, 30, None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guard.aclose)
        await trio.sleep(later)
        await guard.ping(5)


async def test_over_its_rate_a_client_is_read_more_slowly(autojump_clock: MockClock) -> None:
    pace = Rates(Limits(rate=10), Counter()).socket("10.0.0.1")
    before = trio.current_time()
    for _ in range(20):
        await pace.turn()
    assert trio.current_time() == before
    for _ in range(100):
        await pace.turn()
    assert trio.current_time() - before == pytest.approx(10)
    await trio.sleep(100)
    before = trio.current_time()
    for _ in range(20):
        await pace.turn()
    assert trio.current_time() == before


def test_an_address_has_so_many_connections_at_a_time() -> None:
    limited: Counter[str] = Counter()
    crowd = Crowd(2, limited)
    with Seats(crowd) as first, Seats(crowd) as second, Seats(crowd) as third:
        first.take("10.0.0.1")
        second.take("10.0.0.1")
        second.take("10.0.0.2")
        with pytest.raises(Turned) as turned:
            third.take("10.0.0.1")
        assert turned.value.status == 429
        assert limited == {"connections": 1}
        for _ in range(3):
            third.take(None)
    with Seats(crowd) as later:
        later.take("10.0.0.1")
        later.take("10.0.0.1")


@pytest.mark.parametrize(
    ("address", "loopback", "as_one"),
    [
        ("10.0.0.1", False, "10.0.0.1"),
        ("127.0.0.1", False, None),
        ("127.0.0.1", True, "127.0.0.1"),
        ("::1", False, None),
        ("::1", True, "::"),
        ("2001:db8:1:2:3:4:5:6", False, "2001:db8:1:2::"),
        ("2001:db8:1:2::", False, "2001:db8:1:2::"),
        ("2001:db8:1:3::", False, "2001:db8:1:3::"),
        ("::ffff:10.0.0.1", False, "10.0.0.1"),
        ("::ffff:127.0.0.1", False, None),
        ("a name", False, "a name"),
    ],
)
def test_who_has_one_address_of_a_network_has_them_all(
    address: str, loopback: bool, as_one: str | None
) -> None:
    assert counted(address, loopback=loopback) == as_one
