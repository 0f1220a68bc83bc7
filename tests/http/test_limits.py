"""Each limit has a setting, and an end that says what it is: on real sockets, in real time."""

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from support.stalled import masked

from mishkah.core.errors import RateLimited


def insert(n: int, **more: Any) -> dict[str, Any]:
    return {"type": "INSERT", "table": "item", "data": {"id": f"i{n}", **more}, "ref": n}


async def answers(raw: Any, count: int) -> list[dict[str, Any]]:
    """Return the next *count* messages that have a ref."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        _, payload = await raw.frame()
        message = json.loads(payload)
        if "ref" in message:
            found.append(message)
    return found


async def counts(knock: Callable[..., Any]) -> dict[str, float]:
    """Return what limits did, as /metrics tells."""
    async with knock() as raw:
        text = (await raw.ask("/metrics")).decode()
    return {
        sample.labels["limit"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "mishkah_limited_total"
    }


async def until_counted(knock: Callable[..., Any], **limited: float) -> None:
    """Wait until what limits did is *limited*, for a moment."""
    for _ in range(100):
        found = await counts(knock)
        if found == limited:
            return
        await trio.sleep(0.02)
    assert found == limited


async def test_a_client_that_reads_nothing_is_closed_with_1013(
    knock_at: Callable[..., Any],
) -> None:
    """It finds that out when it reads again; what stands before it is whole. Nobody else waits."""
    async with knock_at(stall=0.5, outbox=100_000) as knock, knock() as stalled, knock() as till:
        stalled.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        await stalled.shake_hands()
        await till.shake_hands()
        waits: list[float] = []
        since = time.perf_counter()
        while len(waits) < 30 or time.perf_counter() < since + 1.5:
            begun = time.perf_counter()
            numbers = range(100 * len(waits), 100 * len(waits) + 100)
            burst = b"".join(masked(insert(n, name="x" * 1000)) for n in numbers)
            await till.stream.send_all(burst)
            told = await answers(till, 100)
            waits.append(time.perf_counter() - begun)
            assert {message["type"] for message in told} == {"ACK"}
        assert await stalled.close_code() == 1013
        assert max(waits) < 2
        found = await counts(knock)
        assert (found["stall"], found["outbox"] >= 1, len(found)) == (1, True, 2)


async def test_over_its_rate_a_client_is_read_more_slowly_and_in_order(
    knock_at: Callable[..., Any],
) -> None:
    async with knock_at(rate=100, loopback=True) as knock, knock() as flood, knock() as honest:
        await flood.shake_hands("/?client=flood")
        await honest.shake_hands("/?client=honest")
        begun = time.perf_counter()
        await flood.stream.send_all(b"".join(masked(insert(n)) for n in range(280)))
        await honest.stream.send_all(masked(insert(1000)))
        await answers(honest, 1)
        assert time.perf_counter() - begun < 0.5
        told = await answers(flood, 280)
        assert time.perf_counter() - begun >= 0.75
        assert [message["ref"] for message in told] == list(range(280))
        assert {message["type"] for message in told} == {"ACK"}
        seqs = [message["seq"] for message in told]
        assert seqs == sorted(seqs)
        found = await counts(knock)
        assert 50 < found["rate"] <= 280
        assert len(found) == 1


async def test_on_loopback_no_rate_and_no_number_counts(knock_at: Callable[..., Any]) -> None:
    async with knock_at(rate=1, connections=1) as knock, knock() as one, knock() as other:
        for raw in (one, other):
            assert "101" in await raw.shake_hands()
        begun = time.perf_counter()
        await one.stream.send_all(b"".join(masked(insert(n)) for n in range(200)))
        assert len(await answers(one, 200)) == 200
        assert time.perf_counter() - begun < 10


async def test_an_address_has_so_many_connections(knock_at: Callable[..., Any]) -> None:
    async with knock_at(connections=2, loopback=True) as knock, knock() as first:
        assert "101" in await first.shake_hands()
        async with knock() as second:
            assert "101" in await second.shake_hands()
            async with knock() as third:
                head = await third.shake_hands()
                assert head.startswith("HTTP/1.1 429 ")
                assert "Retry-After: " in head
        await trio.testing.wait_all_tasks_blocked(0.05)
        async with knock() as again:
            assert "101" in await again.shake_hands()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert await counts(knock) == {"connections": 1}


async def test_an_address_has_so_many_requests_and_openings_of_sockets(
    knock_at: Callable[..., Any],
) -> None:
    """Whatever is asked for: a page, a file, a metric; and the connection goes on."""
    async with knock_at(address_rate=1, loopback=True) as knock, knock() as raw, knock() as late:
        assert await raw.ask("/healthz") == b"ok\n"
        assert await raw.ask("/healthz") == b"ok\n"
        told = json.loads(await raw.ask("/no/such/file", "Accept-Language: ar\r\n"))
        assert (told["code"], told["status"]) == ("RATE_LIMITED", 429)
        assert told["detail"] == RateLimited.text.ar
        head = await late.shake_hands()
        assert head.startswith("HTTP/1.1 429 ")
        assert "Retry-After: 1\r\n" in f"{head}\r\n"
        await trio.sleep(1.1)
        async with knock() as again:
            assert "101" in await again.shake_hands()


async def test_the_sockets_of_an_address_are_read_more_slowly_together(
    knock_at: Callable[..., Any],
) -> None:
    async with knock_at(address_rate=100, loopback=True) as knock, knock() as one, knock() as two:
        for raw, client in ((one, "one"), (two, "two")):
            assert "101" in await raw.shake_hands(f"/?client={client}")
        begun = time.perf_counter()
        for at, raw in ((0, one), (1000, two)):
            await raw.stream.send_all(b"".join(masked(insert(n)) for n in range(at, at + 140)))
        for at, raw in ((0, one), (1000, two)):
            told = await answers(raw, 140)
            assert [message["ref"] for message in told] == list(range(at, at + 140))
            assert {message["type"] for message in told} == {"ACK"}
        assert time.perf_counter() - begun >= 0.75


DEEP = insert(1, info={"a": {"b": {"c": {}}}})


@pytest.mark.parametrize(
    ("limits", "sent", "code"),
    [
        ({"message": 2048}, masked(insert(1, name="x" * 2048)), 1009),
        ({"fragments": 2}, b"\x01\x80\0\0\0\0\x00\x80\0\0\0\0\x00\x80\0\0\0\0", 1008),
        ({"message": 2048}, b"\x81\xfe\x08\x01\0\0\0\0", 1009),
    ],
    ids=["message", "fragments", "a frame that begins"],
)
async def test_a_smaller_limit_is_the_limit(
    knock_at: Callable[..., Any], limits: dict[str, int], sent: bytes, code: int
) -> None:
    async with knock_at(**limits) as knock, knock() as raw:
        await raw.shake_hands()
        await raw.stream.send_all(sent)
        assert await raw.close_code() == code
        await until_counted(knock, **{"message" if code == 1009 else "fragments": 1})


@pytest.mark.parametrize(("depth", "kind"), [(3, "ERROR"), (4, "ACK")])
async def test_values_are_nested_so_deep(
    knock_at: Callable[..., Any], depth: int, kind: str
) -> None:
    async with knock_at(depth=depth) as knock, knock() as raw:
        await raw.shake_hands()
        await raw.stream.send_all(masked(DEEP))
        (told,) = await answers(raw, 1)
        assert told["type"] == kind
        if kind == "ERROR":
            assert (told["code"], told["error"]) == (
                "BAD_MESSAGE",
                "A value is nested at most 3 deep",
            )


async def test_a_handshake_takes_so_long(knock_at: Callable[..., Any]) -> None:
    async with knock_at(handshake=0.2) as knock, knock() as silent, knock() as nameless:
        begun = time.perf_counter()
        await silent.stream.send_all(b"GET / HTTP/1.1\r\n")
        assert "101" in await nameless.shake_hands(headers="Sec-WebSocket-Protocol: mishkah.v1\r\n")
        assert await nameless.close_code() == 1008
        assert await silent.rest() == b""
        await until_counted(knock, handshake=2)
        assert time.perf_counter() - begun < 5


async def test_a_socket_has_so_many_subscriptions(knock_at: Callable[..., Any]) -> None:
    shop = {"branch": "shop", "module": "m"}
    async with knock_at(subscriptions=2) as knock, knock() as raw:
        await raw.shake_hands(headers="Sec-WebSocket-Protocol: mishkah.v1\r\n")
        await raw.stream.send_all(masked({"type": "HELLO", "v": 1}))
        welcome = json.loads((await raw.frame())[1])
        assert welcome["limits"]["subscriptions"] == 2
        for ref, qty in enumerate((1, 2, 3, 2)):
            where = {"tables": ["item"], "where": ["qty", "=", qty]}
            await raw.stream.send_all(masked({"type": "SUBSCRIBE", "ref": ref, **where, **shop}))
        told = await answers(raw, 4)
        assert [message.get("code") for message in told] == [None, None, "TOO_LARGE", None]
        assert told[2]["error"] == "A socket has at most 2 subscriptions and stores"
        assert await counts(knock) == {"subscriptions": 1}


async def test_a_body_has_a_size_and_a_time_and_what_was_over_it_is_counted(
    knock_at: Callable[..., Any],
) -> None:
    post = "POST /api/v1/branches/shop/modules/m/transactions HTTP/1.1\r\nHost: localhost\r\n"
    post += "Content-Type: application/json\r\n"
    async with knock_at(body=2048, body_seconds=0.2) as knock, knock() as large, knock() as slow:
        await large.stream.send_all(f"{post}Content-Length: 2049\r\n\r\n".encode())
        await slow.stream.send_all(f"{post}Content-Length: 20\r\n\r\n{{".encode())
        assert (await large.rest()).startswith(b"HTTP/1.1 413 ")
        assert (await slow.rest()).startswith(b"HTTP/1.1 408 ")
        assert await counts(knock) == {"body": 1, "body_seconds": 1}


async def test_a_connection_that_is_kept_and_not_used_is_no_limit_that_acts(
    knock_at: Callable[..., Any],
) -> None:
    async with knock_at(keep_alive=0.1) as knock, knock() as kept:
        assert await kept.ask("/healthz") == b"ok\n"
        assert await kept.rest() == b""
        assert await counts(knock) == {}
