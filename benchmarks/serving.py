"""Our loop beside hypercorn, our sockets beside bare trio-websocket: how often a second.

Run it with ``python benchmarks/serving.py``; hypercorn must be installed. It writes two lines of
JSON. The same small ASGI application is served by both, and every message is sent back. *ratio* is
ours over theirs, the median of interleaved rounds. Servers are processes of their own; one client
keeps 16 connections busy.
"""

import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import trio
from trio_websocket import ConnectionClosed, serve_websocket

CONNECTIONS = 16
ROUNDS = 7
SECONDS = 1.0
REQUEST = (
    b"GET /rows?limit=10 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
    b"User-Agent: till\r\nAccept-Encoding: gzip\r\n\r\n"
)
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ROWS = json.dumps([{"id": f"i{n}", "name": "tea", "price": "12.50"} for n in range(10)]).encode()
TEXT = b"x" * 100
MESSAGE = b"\x81\xe4" + bytes(4) + TEXT  # a mask of zeros leaves it as it is
ECHO = b"\x81\x64" + TEXT


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":  # which hypercorn begins with
        for word in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{word}.complete"})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ROWS))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ROWS})


async def ours(port: int) -> None:
    from mishkah.core.frames import frame
    from mishkah.http.door import Door
    from mishkah.http.guests import Guests
    from mishkah.limits import Limits
    from mishkah.rates import Rates

    async def echo(ws: Any, guard: Any, upgrade: Any) -> None:
        try:
            while True:
                await guard.send_frames([frame((await guard.message()).encode())])
        except ConnectionClosed:
            pass

    door = Door(echo, app, Guests(), Limits(), Rates(Limits(), Counter()))
    await trio.serve_tcp(door.serve, port, host="127.0.0.1")


async def hypercorn(port: int) -> None:
    from hypercorn.config import Config
    from hypercorn.trio import serve

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.errorlog = None
    await serve(app, config)


async def bare(port: int) -> None:
    async def echo(request: Any) -> None:
        ws = await request.accept()
        try:
            while True:
                await ws.send_message(await ws.get_message())
        except ConnectionClosed:
            pass

    await serve_websocket(echo, "127.0.0.1", port, ssl_context=None)


SERVERS: dict[str, Callable[[int], Any]] = {"ours": ours, "hypercorn": hypercorn, "bare": bare}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def connect(port: int, within: float = 10.0) -> socket.socket:
    until = time.monotonic() + within
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock


def read_to(sock: socket.socket, end: bytes) -> None:
    data = b""
    while not data.endswith(end):
        data += sock.recv(65536)


def rate(port: int, hello: bytes, sent: bytes, end: bytes) -> float:
    """Return how often a second *sent* is answered, up to *end*, on all connections together."""
    socks = [connect(port) for _ in range(CONNECTIONS)]
    for sock in socks:
        if hello:
            sock.sendall(hello)
            read_to(sock, b"\r\n\r\n")
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < SECONDS:
        for sock in socks:
            sock.sendall(sent)
        for sock in socks:
            read_to(sock, end)
        count += CONNECTIONS
    spent = time.perf_counter() - begun
    for sock in socks:
        sock.close()
    return count / spent


def compare(what: str, theirs: str, ports: dict[str, int], *talk: bytes) -> None:
    rates = []
    for name in ("ours", theirs):
        rate(ports[name], *talk)  # until it is warm
    for number in range(ROUNDS):
        order = ("ours", theirs) if number % 2 else (theirs, "ours")
        rates.append({name: rate(ports[name], *talk) for name in order})
    told = {
        what: {name: round(median(one[name] for one in rates)) for name in ("ours", theirs)},
        "ratio": round(median(one["ours"] / one[theirs] for one in rates), 2),
    }
    print(json.dumps(told), flush=True)


def main() -> None:
    ports = {name: free_port() for name in SERVERS}
    servers = [
        subprocess.Popen([sys.executable, __file__, name, str(port)])
        for name, port in ports.items()
    ]
    try:
        for port in ports.values():
            connect(port).close()
        compare("requests/s", "hypercorn", ports, b"", REQUEST, ROWS)
        compare("echoes/s", "bare", ports, UPGRADE, MESSAGE, ECHO)
    finally:
        for server in servers:
            server.kill()
            server.wait()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        trio.run(SERVERS[sys.argv[1]], int(sys.argv[2]))
    else:
        main()
