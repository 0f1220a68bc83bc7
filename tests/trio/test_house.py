"""Whole houses on virtual time: what clients of one branch see of each other."""

from pathlib import Path

from mishkah.testing import open_test_house


async def test_a_write_is_seen_by_everyone_and_acknowledged_to_its_sender(
    data: Path, autojump_clock: object
) -> None:
    async with open_test_house(data) as house, house.client() as till, house.client() as screen:
        assert (await till.receive())["type"] == "SNAPSHOT"
        assert (await screen.receive())["data"]["note"] == [{"id": "n1", "text": "hello"}]
        ack = await till.ask({"type": "INSERT", "table": "item", "data": {"id": "a"}, "ref": "1"})
        assert ack["type"] == "ACK"
        assert ack["rows"][0]["code"] == "C-001"
        delta = await screen.receive()
        assert delta["data"]["changes"] == ack["rows"][0]
        assert delta["seq"] == ack["seq"]
