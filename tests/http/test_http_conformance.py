"""Requests on a real port: what is answered, in which order, and what ends the connection.

Each case sends bytes and its end, and knows every response that comes back. What is refused is in
tests/hostile.
"""

import json
import logging
import socket
import struct
from ipaddress import ip_network
from typing import Any

import pytest
import trio
from support.answers import Answers
from support.responses import read_responses
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from mishkah.http.guests import Guests
from mishkah.http.head import MAX_HEAD

HELLO = (200, b"hello")
NEXT = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


def get(path: str = "/hello", *headers: str, method: str = "GET", version: str = "1.1") -> str:
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: localhost", *headers, "", ""])


def post(body: str, *headers: str, path: str = "/echo") -> str:
    return get(path, *headers, method="POST") + body


def chunked(body: str, path: str = "/echo") -> str:
    return post(body, "Transfer-Encoding: chunked", path=path)


SERVED = {
    "a GET": (get(), [HELLO]),
    "two of a connection": (get() + NEXT, [HELLO, HELLO]),
    "twenty at once": (get() * 20, [HELLO] * 20),
    "an empty line before": ("\r\n" + get() + "\r\n" + NEXT, [HELLO, HELLO]),
    "a path nobody serves": (get("/x") + NEXT, [(404, b"nowhere"), HELLO]),
    "a URL of this host": (get("http://localhost/hello"), [HELLO]),
    "a URL without a path": (get("http://LOCALHOST"), [(404, b"nowhere")]),
    "OPTIONS of everything": (get("*", method="OPTIONS"), [(404, b"nowhere")]),
    "a method of its own": (get(method="BREW"), [HELLO]),
    "headers in any case": (get("/hello", "COOKIE: a=b", "aCCept:*/*") + NEXT, [HELLO, HELLO]),
    "another upgrade, passed over": (
        get("/hello", "Upgrade: h2c", "Connection: Upgrade") + NEXT,
        [HELLO, HELLO],
    ),
    "a close asked for": (get("/hello", "Connection: close") + NEXT, [HELLO]),
    "HTTP/1.0": (get(version="1.0") + NEXT, [HELLO]),
    "HTTP/1.0 without a Host": ("GET /hello HTTP/1.0\r\n\r\n" + NEXT, [HELLO]),
    "HTTP/1.0 in pieces": (get("/pieces", version="1.0"), [(200, b"one,two,three")]),
    "a response in pieces": (get("/pieces") + NEXT, [(200, b"one,two,three"), HELLO]),
    "204": (get("/empty") + NEXT, [(204, b""), HELLO]),
    "304": (get("/same") + NEXT, [(304, b""), HELLO]),
    "a status without a name": (get("/odd") + NEXT, [(299, b"odd"), HELLO]),
    "a body of a length": (post("abc", "Content-Length: 3") + NEXT, [(200, b"abc"), HELLO]),
    "an empty body": (post("", "Content-Length: 0") + NEXT, [(200, b""), HELLO]),
    "a body in chunks": (
        chunked("3\r\nabc\r\n1;ext=1\r\nd\r\n0\r\n\r\n") + NEXT,
        [(200, b"abcd"), HELLO],
    ),
    "chunks with a trailer": (
        chunked("1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n") + NEXT,
        [(200, b"a"), HELLO],
    ),
    "a body nobody reads": (
        post("GET /hello HTTP/1.1", "Content-Length: 19", path="/hello") + NEXT,
        [HELLO, HELLO],
    ),
    "chunks nobody reads": (
        chunked("5\r\nGET /\r\n0\r\n\r\n", "/hello") + NEXT,
        [HELLO, HELLO],
    ),
    "the same length twice": (
        post("abc", "Content-Length: 3", "Content-Length: 3") + NEXT,
        [(200, b"abc"), HELLO],
    ),
    "an app that raises": (get("/raises") + NEXT, [(500, b"The server failed.\n")]),
    "an app that says nothing": (get("/silent") + NEXT, [(500, b"The server failed.\n")]),
    "an app that splits its head": (get("/splits") + NEXT, [(500, b"The server failed.\n")]),
    "an app that raises behind its answer": (get("/raises-behind") + NEXT, [(200, b"done"), HELLO]),
    "a body above the limit": (
        post("", "Content-Length: 5000"),
        [(413, b"A body has at most 4096 bytes.\n")],
    ),
    "chunks above the limit": (
        chunked("800\r\n" + "x" * 2048 + "\r\n" + "900\r\n" + "x" * 2304 + "\r\n0\r\n\r\n") + NEXT,
        [(413, b"A body has at most 4096 bytes.\n")],
    ),
    "large chunks nobody reads": (
        chunked("1800\r\n" + "x" * 6144 + "\r\n0\r\n\r\n", "/hello") + NEXT,
        [HELLO],
    ),
    "broken chunks nobody reads": (chunked("xyz\r\n\r\n", "/hello") + NEXT, [HELLO]),
    "a large body nobody reads": (
        post("x" * 5000, "Content-Length: 5000", path="/hello") + NEXT,
        [HELLO],
    ),
    "a head as large as may be": (
        get("/hello", "X: " + "y" * (MAX_HEAD - len(get("/hello", "X: ")))) + NEXT,
        [HELLO, HELLO],
    ),
    "a good one before a bad one": (
        get() + "GET\r\n\r\n" + NEXT,
        [HELLO, (400, b"This is not an HTTP request.\n")],
    ),
}


async def talk(raw: Any, sent: str) -> bytes:
    """Send *sent* and the end; return all that comes back."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_say, raw, sent.encode("latin-1"))
        return bytes(await raw.rest())


async def _say(raw: Any, sent: bytes) -> None:
    try:
        await raw.stream.send_all(sent)
        await raw.stream.send_eof()
    except (trio.BrokenResourceError, OSError):
        pass  # it has heard enough


@pytest.mark.parametrize("name", SERVED)
async def test_each_request_has_its_answer_in_order(at_door: Any, name: str) -> None:
    sent, expected = SERVED[name]
    async with at_door(Answers(), body=4096) as knock, knock() as raw:
        told = read_responses(await talk(raw, sent))
    assert told == expected


@pytest.mark.parametrize("name", SERVED)
async def test_a_request_may_come_byte_by_byte(make_door: Any, name: str) -> None:
    sent, expected = SERVED[name]
    if len(sent) > 3000:
        sent, expected = NEXT, [HELLO]
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(make_door(Answers(), body=4096).serve, theirs)
        for byte in sent.encode("latin-1"):
            await wait_all_tasks_blocked()
            await ours.send_all(bytes([byte]))
        await ours.send_eof()
        data = b"".join([bytes(part) async for part in ours])
    assert read_responses(data) == expected


@pytest.mark.parametrize(
    ("path", "length"), [("/hello", b"5"), ("/pieces", None), ("/who", b"")], ids=str
)
async def test_head_is_told_all_but_the_body(at_door: Any, path: str, length: bytes | None) -> None:
    async with at_door(Answers()) as knock, knock() as raw:
        data = await talk(raw, get(path, method="HEAD") + NEXT)
    head, _, behind = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert (b"content-length: " + (length or b"") in head) == (length is not None)
    assert read_responses(behind) == [HELLO]


async def test_a_refused_head_has_no_body(at_door: Any) -> None:
    async with at_door(Answers()) as knock, knock() as raw:
        data = await talk(raw, get(method="HEAD").replace("localhost", "evil.example"))
    assert data.startswith(b"HTTP/1.1 403 ")
    assert data.endswith(b"\r\n\r\n")


async def test_no_length_and_no_coding_where_there_is_no_body(at_door: Any) -> None:
    async with at_door(Answers()) as knock, knock() as raw:
        data = (await talk(raw, get("/empty"))).lower()
    assert b"content-length" not in data
    assert b"transfer-encoding" not in data
    assert b"\r\ndate: " in data


async def test_a_client_that_waits_for_100_is_told_to_go_on_when_its_body_is_wanted(
    at_door: Any,
) -> None:
    ask = "Expect: 100-continue"
    async with at_door(Answers()) as knock, knock() as raw:
        await raw.stream.send_all(post("", ask, "Content-Length: 3").encode())
        assert (await raw.stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        await raw.stream.send_all(b"abc" + NEXT.encode())
        await raw.stream.send_eof()
        assert read_responses(await raw.rest()) == [(200, b"abc"), HELLO]
    for path, length, status in (("/hello", 3, 200), ("/echo", 2**21, 413)):
        async with at_door(Answers()) as knock, knock() as raw:
            await raw.stream.send_all(
                post("", ask, f"Content-Length: {length}", path=path).encode()
            )
            data = await raw.rest()
            assert data.startswith(b"HTTP/1.1 %d " % status)
            assert b"connection: close" in data.lower()


@pytest.mark.parametrize("path", ["/raises-late", "/short", "/long"])
async def test_a_response_that_breaks_off_is_cut_not_ended(
    at_door: Any, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    async with at_door(Answers()) as knock, knock() as raw:
        told = read_responses(await talk(raw, get(path) + NEXT))
    assert told in (
        [(-1, b"IncompleteRead(5 bytes read, 5 more expected)")],
        [],
        [(500, b"The server failed.\n")],
    )
    assert [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_who_asks_is_believed_of_a_trusted_proxy_alone(at_door: Any) -> None:
    sent = get("/who", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https")
    for proxies, found in ((("127.0.0.1",), "1.2.3.4"), (("10.0.0.1",), "127.0.0.1")):
        guests = Guests(proxies=tuple(map(ip_network, proxies)))
        async with at_door(Answers(), guests=guests) as knock, knock() as raw:
            ((_, body),) = read_responses(await talk(raw, sent))
        told = json.loads(body)
        assert told["client"] == [found, 0]
        assert told["scheme"] == ("https" if found == "1.2.3.4" else "http")


async def test_a_forwarded_host_is_checked_as_the_host_is(at_door: Any) -> None:
    guests = Guests(proxies=(ip_network("127.0.0.1"),))
    sent = get("/hello", "X-Forwarded-Host: evil.example")
    async with at_door(Answers(), guests=guests) as knock, knock() as raw:
        assert [status for status, _ in read_responses(await talk(raw, sent))] == [403]


async def test_a_proxy_may_have_more_connections_than_a_client(at_door: Any) -> None:
    guests = Guests(proxies=(ip_network("127.0.0.1"),))
    async with (
        at_door(Answers(), guests=guests, connections=1, loopback=True) as knock,
        knock() as one,
        knock() as other,
    ):
        for raw in (one, other, one):
            assert await raw.ask("/hello") == b"hello"


async def test_a_path_is_decoded_and_kept_as_it_came(at_door: Any) -> None:
    async with at_door(Answers()) as knock, knock() as raw:
        told = json.loads(await raw.ask("/%77ho?a=%20"))
    assert (told["path"], told["raw_path"]) == ("/who", "/%77ho")
    assert told["server"] == ["localhost", None]


async def test_a_client_that_vanishes_in_its_response_is_told_to_the_app_alone(
    at_door: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = Answers()
    async with at_door(app) as knock:
        async with knock() as raw:
            await raw.stream.send_all(get("/big").encode())
            assert await raw.stream.receive_some(100)
            linger = struct.pack("ii", 1, 0)  # a reset in place of the end
            raw.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with trio.fail_after(5):
            while not app.told:
                await wait_all_tasks_blocked(0.01)
        async with knock() as raw:
            assert await raw.ask("/hello") == b"hello"
    assert app.told == ["the big one was not taken"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_house_that_is_alone_has_no_guests_behind_a_proxy(at_door: Any) -> None:
    async with at_door(Answers(), guests=Guests(alone=True)) as knock:
        for told in ("X-Forwarded-For: 8.8.8.8", "Forwarded: for=8.8.8.8"):
            async with knock() as raw:
                ((status, body),) = read_responses(await talk(raw, get("/who", told)))
            assert (status, b"mishkah-trio init" in body) == (403, True)
        async with knock() as raw:
            assert [status for status, _ in read_responses(await talk(raw, get("/who")))] == [200]
