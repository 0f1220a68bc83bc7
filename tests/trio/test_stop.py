"""Stopping: what was received is finished, everyone is told, and nothing hangs."""

from pathlib import Path

import pytest
import trio
from support.talking import insert
from trio.testing import MockClock

from mishkah.house import STOP_SECONDS
from mishkah.journal import MemoryJournals
from mishkah.testing import FaultyJournals, open_test_house


async def test_stopping_finishes_what_was_received_and_closes_1001(
    autojump_clock: MockClock, data: Path
) -> None:
    journals = FaultyJournals()
    async with open_test_house(data, journals=journals) as house, house.client() as till:
        await till.expect("SNAPSHOT")
        journals.seconds = 0.5
        for n in range(100):
            row = {"id": f"i{n}"}
            await till.send({"type": "INSERT", "table": "item", "data": row, "ref": n})
        house.house.stop()
        for n in range(100):
            assert (await till.expect("ACK"))["ref"] == n
        assert await till.close_code() == 1001
    (kept,) = journals.kept.values()
    assert len(kept.history) == 101


async def test_what_was_received_is_finished_where_its_store_has_no_room_for_it_yet(
    autojump_clock: MockClock, data: Path
) -> None:
    journals, answered = FaultyJournals(), []
    async with open_test_house(data, journals=journals) as house, house.v1("c") as till:
        journals.seconds = 1.0
        for n in range(900):
            await till.send(insert(f"i{n}", n))
        await trio.sleep(0.5)
        (outbox,) = house.house.outboxes
        house.house.stop()
        while (said := await till.receive())["type"] != "GOAWAY":
            answered.append(said["ref"])
        assert 0 < outbox.received < 900, "its store has no room for all"
        assert answered == list(range(outbox.received))


async def test_nobody_comes_in_while_stopping(autojump_clock: MockClock, data: Path) -> None:
    async with open_test_house(data, journals=MemoryJournals()) as house:
        knocking = house.connect()
        await knocking.send_all(b"GET / HTT")
        await trio.sleep(1)
        before = trio.current_time()
        house.house.stop()
        assert await knocking.receive_some() == b""
        assert trio.current_time() - before < 1


async def test_a_client_that_does_not_say_goodbye_can_not_hold_the_house(
    autojump_clock: MockClock, data: Path
) -> None:
    before = trio.current_time()
    async with open_test_house(data) as house:
        silent = house.connect()
        await silent.send_all(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await trio.sleep(1)
    assert trio.current_time() - before <= STOP_SECONDS + 2


@pytest.mark.parametrize("sent", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
async def test_a_handshake_that_does_not_come_is_ended_after_ten_seconds(
    autojump_clock: MockClock, data: Path, sent: bytes
) -> None:
    async with open_test_house(data) as house:
        half_open = house.connect()
        if sent:
            await half_open.send_all(sent)
        before = trio.current_time()
        assert await half_open.receive_some() == b""
        assert 9 <= trio.current_time() - before <= 12
