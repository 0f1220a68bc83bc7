"""What has changed: pages of commits, and streams that come back where they broke off."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import h11
import pytest
import trio

from mishkah.feed import Outbox
from mishkah.rest import changes
from mishkah.testing import ALL, FakeGate, TestHouse, open_test_house

MODULE = "/api/v1/branches/shop/modules/m"


async def test_pages_of_commits_follow_one_another(api: Any) -> None:
    await api.post("tables/item", json={"id": "a"}, headers={"Idempotency-Key": "k"})
    await api.patch("tables/item/a", json={"changes": {"qty": 2}})
    await api.delete("tables/item/a")
    first = (await api.get("changes", params={"since": 1, "limit": 2})).json()
    assert (first["seq"], first["next"]) == (4, 3)
    one, two = first["commits"]
    assert (one["seq"], one["by"]) == (2, {"client": "http:k", "ref": "k"})
    assert [c["operation"] for c in one["changes"]] == ["INSERT"]
    assert one["changes"][0]["changes"]["code"] == "C-001"
    assert two["changes"][0]["changes"] == {"qty": 2}
    asked = {"since": first["next"], "epoch": first["epoch"]}
    rest = (await api.get("changes", params=asked)).json()
    assert rest["next"] is None
    assert [c["changes"] for c in rest["commits"]] == [
        [{"table": "item", "operation": "DELETE", "id": "a", "changes": {}}]
    ]
    none = (await api.get("changes", params={"since": 4})).json()
    assert (none["commits"], none["next"]) == ([], None)


async def test_a_commit_that_shows_nothing_is_not_told(serve: Any) -> None:
    """Nor who made it, and when."""
    gate = FakeGate()
    gate.role("all", ALL)
    gate.role("notes", {"do": ["read"], "tables": ["note"]})
    gate.let_in("owner", "all", user="mona")
    gate.let_in("guest", "notes")
    async with serve(gate=gate) as api:
        owner, guest = ({"Authorization": f"Bearer {who}"} for who in ("owner", "guest"))
        await api.post("tables/item", json={"id": "a"}, headers=owner)
        await api.post("tables/note", json={"id": "n2"}, headers=owner)
        await api.post("sequences/item/code", json={}, headers=owner)
        seen = (await api.get("changes", params={"since": 1}, headers=guest)).json()
        assert [(one["seq"], one["by"]["user"]) for one in seen["commits"]] == [(3, "mona")]
        assert (seen["seq"], seen["next"]) == (4, None)
        whole = (await api.get("changes", params={"since": 1}, headers=owner)).json()
        assert [one["seq"] for one in whole["commits"]] == [2, 3, 4]


class Stream:
    """A client that is sent events; `status` and `headers` are those of the response."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self._text = ""
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.last = ""

    async def ask(self, query: str, **headers: str) -> None:
        sent = [("Host", "localhost"), ("Accept", "text/event-stream"), *headers.items()]
        target = f"{MODULE}/changes{query}"
        request = h11.Request(method="GET", target=target, headers=sent)
        await self._stream.send_all(self._http.send(request) + self._http.send(h11.EndOfMessage()))
        response = await self._event()
        assert isinstance(response, h11.Response)
        self.status, self.headers = response.status_code, dict(response.headers)

    async def _event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._stream.receive_some(65536))
        return event

    async def block(self) -> str | None:
        """Return the lines up to the next empty one, None after the last."""
        while "\n\n" not in self._text:
            event = await self._event()
            if not isinstance(event, h11.Data):
                return None
            self._text += bytes(event.data).decode()
        block, _, self._text = self._text.partition("\n\n")
        return block

    async def event(self) -> dict[str, Any] | None:
        """Return the next message, None after the last; `last` is as EventSource keeps it."""
        while (block := await self.block()) is not None:
            lines = dict(line.split(": ", 1) for line in block.split("\n") if line[0] != ":")
            self.last = lines.get("id", self.last)
            if "data" in lines:
                message = json.loads(lines["data"])
                assert lines["event"] == message["type"]
                assert isinstance(message, dict)
                return message
        return None

    async def expect(self, kind: str) -> dict[str, Any]:
        while (message := await self.event()) is not None:
            if message["type"] == kind:
                return message
        raise EOFError

    async def close(self) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def streaming(house: TestHouse, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    stream = Stream(house.connect())
    await stream.ask(query, **headers)
    try:
        yield stream
    finally:
        await stream.close()


@pytest.fixture
async def house(data: Path) -> AsyncIterator[TestHouse]:
    async with open_test_house(data) as house:
        yield house


async def write(house: TestHouse, *ids: str) -> None:
    """Insert items in one commit."""
    ops = [{"type": "INSERT", "table": "item", "data": {"id": i}} for i in ids]
    async with house.client(branch="shop", module="m") as till:
        await till.ask({"type": "TRANSACTION", "ops": ops, "ref": "w"})


async def test_a_stream_begins_with_a_snapshot_and_goes_on_with_what_is_committed(
    house: TestHouse, autojump_clock: object
) -> None:
    async with streaming(house) as stream:
        assert stream.headers[b"content-type"] == b"text/event-stream; charset=utf-8"
        snapshot = await stream.expect("SNAPSHOT")
        assert snapshot["data"]["note"] == [{"id": "n1", "text": "hello"}]
        await stream.expect("SYNCED")
        assert stream.last == "memory-1"
        await write(house, "a", "b")
        assert (await stream.expect("DELTA"))["tx"] == {"i": 0, "n": 2}
        assert stream.last == "memory-1"  # who breaks off here has not seen the commit
        assert (await stream.expect("DELTA"))["data"]["id"] == "b"
        assert stream.last == "memory-2"


async def test_who_comes_back_is_sent_what_was_missed(
    house: TestHouse, autojump_clock: object
) -> None:
    async with streaming(house) as stream:
        await stream.expect("SYNCED")
    await write(house, "a")
    await write(house, "b")
    back = {"Last-Event-ID": stream.last}
    async with streaming(house, "?since=0", **back) as stream:  # the header is the newer one
        seen = [await stream.event() for _ in range(4)]
    assert [m and m["type"] for m in seen] == ["SUBSCRIBED", "DELTA", "DELTA", "SYNCED"]
    async with streaming(house, "?since=2") as stream:
        assert (await stream.expect("DELTA"))["data"]["id"] == "b"
    for other in ("other-2", "memory-99"):
        async with streaming(house, **{"Last-Event-ID": other}) as stream:
            assert (await stream.expect("RESYNC"))["reason"] == "epoch"
            assert (await stream.expect("SNAPSHOT"))["seq"] == 3


async def test_a_stream_shows_the_rows_that_its_filter_holds(
    house: TestHouse, autojump_clock: object
) -> None:
    where = "%5B%22id%22,%22prefix%22,%22b%22%5D"
    async with streaming(house, f"?tables=item&where={where}") as stream:
        await stream.expect("SYNCED")
        await write(house, "a", "b1")
        assert (await stream.expect("DELTA"))["data"]["id"] == "b1"


@pytest.mark.parametrize(
    ("query", "status"),
    [("?tables=x", 404), ("?where=%5B%22x%22,%22=%22,1%5D", 422), ("?since=x", 400), ("?x=", 400)],
)
async def test_what_can_not_be_streamed_is_a_problem(
    house: TestHouse, query: str, status: int, autojump_clock: object
) -> None:
    async with streaming(house, query) as stream:
        assert stream.status == status
        assert stream.headers[b"content-type"] == b"application/problem+json"


async def test_a_silent_stream_says_that_it_is_there(
    house: TestHouse, autojump_clock: object
) -> None:
    async with streaming(house) as stream:
        await stream.expect("SYNCED")
        before = trio.current_time()
        assert await stream.block() == ": still here"
        assert trio.current_time() - before >= changes.HEARTBEAT


async def test_a_stream_ends_when_the_house_stops(data: Path, autojump_clock: object) -> None:
    async with open_test_house(data) as house:
        stream = Stream(house.connect())
        await stream.ask("")
        await stream.expect("SYNCED")
        house.house.stop()
        assert await stream.event() is None  # a whole response, not a broken one
        await stream.close()


async def test_a_client_that_goes_is_forgotten(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    boxes: list[Outbox] = []

    class Seen(Outbox):
        def __init__(self) -> None:
            super().__init__()
            boxes.append(self)

    monkeypatch.setattr(changes, "Outbox", Seen)
    async with streaming(house) as stream:
        await stream.expect("SYNCED")
    await trio.sleep(2 * changes.HEARTBEAT)
    assert [box.gone for box in boxes] == [True]


async def test_a_body_that_is_too_large_is_a_problem(
    house: TestHouse, autojump_clock: object
) -> None:
    stream, http = house.connect(), h11.Connection(h11.CLIENT)
    headers = [("Host", "localhost"), ("Content-Type", "application/json"),
               ("Content-Length", str(2**21))]  # fmt: skip
    request = h11.Request(method="POST", target=f"{MODULE}/tables/note", headers=headers)
    await stream.send_all(http.send(request) + http.send(h11.Data(data=b" " * 2**21)))
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await stream.receive_some(65536))
    assert isinstance(event, h11.Response)
    assert event.status_code == 413
    assert dict(event.headers)[b"content-type"] == b"application/problem+json"
    await stream.aclose()
