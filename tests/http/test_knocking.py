"""Requests that are not let in, half-open and reset connections: none of them is felt inside."""

import logging
import socket
import struct
from typing import Any

import pytest
import trio

HELLO = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)

LAST = "GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

REFUSED = {
    "GET /%": (LAST.replace("/nowhere", "/%"), 404),
    "a page that is nowhere": (LAST, 404),
    "a POST": (
        LAST.replace("GET", "POST").replace("Con", "Content-Length: 2\r\nCon", 1) + "{}",
        404,
    ),
    "a POST of a handshake": (HELLO.replace("GET", "POST") + "\r\n", 405),
    "a handshake in HTTP/1.0": (HELLO.replace("1.1", "1.0") + "\r\n", 400),
    "no Host": (HELLO.replace("Host: 127.0.0.1\r\n", "") + "\r\n", 400),
    "two Hosts": (HELLO + "Host: localhost\r\n\r\n", 400),
    "a foreign Host": (HELLO.replace("127.0.0.1", "evil.example") + "\r\n", 403),
    "a foreign Origin": (HELLO + "Origin: http://evil.example\r\n\r\n", 403),
    "an Origin of null": (HELLO + "Origin: null\r\n\r\n", 403),
    "no key": (HELLO.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "") + "\r\n", 400),
    "a short key": (HELLO.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=") + "\r\n", 400),
    "version 8": (HELLO.replace("Version: 13", "Version: 8") + "\r\n", 426),
    "no Connection": (HELLO.replace("Connection: Upgrade", "Connection: close") + "\r\n", 400),
    "another upgrade": (LAST.replace("close", "close, Upgrade\r\nUpgrade: h2c"), 404),
    "a body": (HELLO + "Content-Length: 4\r\n\r\nbody", 400),
    "a chunked body": (HELLO + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a byte that is not ASCII": (HELLO + "Sec-WebSocket-Protocol: caf\xe9\r\n\r\n", 400),
    "extensions not ASCII": (HELLO + "Sec-WebSocket-Extensions: \xff\r\n\r\n", 400),
    "a TLS hello": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "x" * 500, 400),
    "noise": ("\x00\xff\x10\x80" * 100, 400),
    "a head without end": ("GET / HTTP/1.1\r\n" + "X: y\r\n" * 5000, 431),
    "a header folded to smuggle": (HELLO + " evil: 1\r\n\x00: 2\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_handshake_gets_a_plain_answer(
    knock: Any, still_serves: Any, name: str
) -> None:
    sent, status = REFUSED[name]
    async with knock() as raw:
        await raw.stream.send_all(sent.encode("latin-1"))
        head = (await raw.rest()).decode()
        assert head.startswith(f"HTTP/1.1 {status} ")
        assert "Traceback" not in head
    await still_serves()


@pytest.mark.parametrize(
    "headers",
    [
        "Origin: http://127.0.0.1\r\n",
        "Origin: http://localhost:3000\r\n",
        "Origin: https://[::1]:8443\r\n",
        "Sec-WebSocket-Protocol: chat, superchat\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        "Cookie: a=b\r\nUser-Agent: x\r\n",
    ],
)
async def test_honest_handshakes_are_let_in(knock: Any, headers: str) -> None:
    async with knock() as raw:
        head = await raw.shake_hands(headers=headers)
        assert "101" in head
        assert "permessage" not in head
        assert b'"SNAPSHOT"' in (await raw.frame())[1]


def reset(port: int, sent: bytes) -> None:
    """Send *sent* and then a TCP reset in place of the end."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(sent)


@pytest.mark.parametrize("name", [*REFUSED, "a good handshake"])
async def test_the_packet_that_kills_a_plain_server(
    port: int, still_serves: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A bad handshake and a reset behind it take a plain trio-websocket listener down."""
    sent, _ = REFUSED.get(name, (HELLO + "\r\n", 0))
    for _ in range(5):
        await trio.to_thread.run_sync(reset, port, sent.encode("latin-1"))
    await still_serves()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_hundreds_of_half_open_connections_keep_nobody_out(
    port: int, still_serves: Any
) -> None:
    half_open = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(300)]
    for i, stream in enumerate(half_open):
        await stream.send_all(HELLO.encode()[: i % 100])
    with trio.fail_after(5):
        await still_serves()
    for stream in half_open:
        await stream.aclose()
