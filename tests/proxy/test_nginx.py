"""The real nginx in front, as docs/operations.md has it, with few connections kept."""

import json
import os
import re
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trio
from support.answers import Answers
from support.responses import read_responses
from trio_websocket import open_websocket_url

from mishkah.catalog import Catalog
from mishkah.house import open_house
from mishkah.http.door import Door
from mishkah.http.guests import Guests
from mishkah.journal import MemoryJournals
from mishkah.limits import Limits
from mishkah.plugins import Plugins
from mishkah.rates import Rates

NGINX = shutil.which("nginx")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not here; see nox -s proxy")
PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
GUESTS = Guests(proxies=(ip_network("127.0.0.1"),))
KEPT = 8
"""Connections to the server that the page's nginx keeps."""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def configuration(upstream: int, port: int) -> str:
    """Return the page's own block, on ports of ours, and what a whole file has around it."""
    (block,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert f"keepalive {KEPT};" in block
    block = block.replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
    block = block.replace("listen 80;", f"listen 127.0.0.1:{port};")
    user = "user root;" if os.geteuid() == 0 else ""
    return (
        f"{user} daemon off; worker_processes 1; pid nginx.pid; error_log stderr;\n"
        f"events {{ }}\nhttp {{ access_log off; client_body_temp_path body; proxy_temp_path kept;\n"
        f"fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n{block}}}\n"
    )


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[int]:
    """Run nginx in front of the port *upstream*, for the block."""
    assert NGINX is not None
    port = free_port()
    (folder / "nginx.conf").write_text(configuration(upstream, port), "utf-8")
    with (folder / "log").open("wb") as log:
        command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


class Front:
    """A server of ours behind nginx: the `port` to ask at, and its `connections` so far."""

    def __init__(self, serve: Any) -> None:
        self._serve = serve
        self.connections = 0
        self.port = 0

    async def serve(self, stream: Any) -> None:
        self.connections += 1
        await self._serve(stream)

    async def ask(self, count: int, path: str = "/healthz", host: str = "127.0.0.1") -> list[Any]:
        """Ask so often, on one connection of a client at *host*; return (status, body) of each."""
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        last = request[:-2] + b"Connection: close\r\n\r\n"
        stream = await trio.open_tcp_stream("127.0.0.1", self.port, local_address=host)
        async with stream:
            await stream.send_all(request * (count - 1) + last)
            return read_responses(b"".join([bytes(part) async for part in stream]))


@asynccontextmanager
async def fronted(serve: Any, folder: Path) -> AsyncIterator[Front]:
    front = Front(serve)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, front.serve, listeners)
        with nginx(folder, listeners[0].socket.getsockname()[1]) as front.port:
            with trio.fail_after(10):
                while not await _answers(front.port):
                    await trio.lowlevel.checkpoint()
            with trio.fail_after(60):
                yield front
        nursery.cancel_scope.cancel()


async def _answers(port: int) -> bool:
    try:
        async with await trio.open_tcp_stream("127.0.0.1", port):
            return True
    except OSError:
        return False


async def _no_sockets(*_: Any) -> None:
    raise AssertionError


def door_to(app: Answers) -> Door:
    return Door(_no_sockets, app, GUESTS, Limits(), Rates(Limits(), Counter()))


async def test_many_requests_use_the_few_connections_that_nginx_keeps(tmp_path: Path) -> None:
    app = Answers()
    async with fronted(door_to(app).serve, tmp_path) as front:
        for _ in range(20):
            assert await front.ask(100, "/hello") == [(200, b"hello")] * 100
        assert app.asked == 2000
        assert front.connections <= 2
        async with trio.open_nursery() as nursery:
            for _ in range(KEPT):
                nursery.start_soon(front.ask, 100, "/hello")
        assert app.asked == 2000 + KEPT * 100
        assert front.connections <= 2 + KEPT


@pytest.mark.parametrize(
    ("path", "found"),
    [("/pieces", (200, b"one,two,three")), ("/empty", (204, b"")), ("/raises", (500, None)),
     ("/raises-late", None)],
)  # fmt: skip
async def test_each_kind_of_response_passes_and_spoils_no_other(
    tmp_path: Path, path: str, found: Any
) -> None:
    async with fronted(door_to(Answers()).serve, tmp_path) as front:
        for _ in range(5):
            told = await front.ask(1, path)
            if found is not None:
                assert told[0][0] == found[0]
                assert found[1] in (told[0][1], None)
            else:
                assert told[0][0] in (-1, 502)
            assert await front.ask(3, "/hello") == [(200, b"hello")] * 3


async def test_nginx_is_believed_when_it_says_who_asks(tmp_path: Path) -> None:
    async with fronted(door_to(Answers()).serve, tmp_path) as front:
        for host in ("127.0.0.2", "127.0.0.3"):
            ((_, body),) = await front.ask(1, "/who", host)
            assert json.loads(body)["client"] == [host, 0]


async def test_sockets_are_opened_through_the_kept_connections(tmp_path: Path, data: Path) -> None:
    ok = [(200, b"ok\n")]
    async with (
        open_house(Catalog(data, Plugins()), MemoryJournals(), guests=GUESTS) as house,
        fronted(house.serve, tmp_path) as front,
    ):
        for round in range(20):
            assert await front.ask(10) == ok * 10
            before = front.connections
            url = f"ws://localhost:{front.port}/?branch=shop&module=m"
            async with open_websocket_url(url) as till:
                assert json.loads(await till.get_message())["type"] == "SNAPSHOT"
                row = {"id": f"i{round}"}
                insert = {"type": "INSERT", "table": "item", "data": row, "ref": round}
                await till.send_message(json.dumps(insert))
                told = [json.loads(await till.get_message()) for _ in range(2)]
                assert [message["type"] for message in told] == ["DELTA", "ACK"]
                assert front.connections == before, "it came on a connection that was kept"
                assert await front.ask(10) == ok * 10
        assert front.connections <= 30
