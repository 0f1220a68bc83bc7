"""Requests that are not let in, half-open and reset connections: none of them is felt inside."""

from typing import Any

import pytest
import trio

HELLO = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


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
