"""Clients that stop reading a real server: it stays small, and the others are served as before."""

import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest
from support.server import Server
from support.stalled import HELLO

pytestmark = pytest.mark.crash

MEGABYTES = 40
"""Of DELTAs that the stalled clients do not read; more than all that may wait for them."""


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def knock(port: int) -> socket.socket:
    """Connect and never read."""
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(HELLO)
    return client


def test_three_clients_that_read_nothing_cost_little_and_slow_nobody(
    install: Callable[..., Path], serve: Callable[..., Server], figures: Counter[str]
) -> None:
    server = serve(install(), "--limit", "stall=1")
    with ExitStack() as held, server.client(client="till") as till:
        till.snapshot()
        quiet = [ask(till, n, 1000) for n in range(200)]
        before = resident(server.pid)
        stalled = [held.enter_context(knock(server.port)) for _ in range(3)]
        since = time.perf_counter()
        for n in range(200, 200 + MEGABYTES * 20):
            ask(till, n, 50_000)
        most = resident(server.pid) - before
        waits: list[float] = []
        while len(waits) < 200 or time.perf_counter() < since + 3:
            waits.append(ask(till, len(waits) - 10**6, 1000))
        codes = [last_frame(client) for client in stalled]
    figures["MB for three stalled clients"] = most >> 20
    figures["µs of an answer, p95 alone"] = p95(quiet)
    figures["µs of an answer, p95 beside them"] = p95(waits)
    assert most < 64 * 2**20
    assert codes == [b"\x03\xf5"] * 3, "1013"
    assert server.stop() == 0


def ask(till: Any, n: int, size: int) -> float:
    begun = time.perf_counter()
    changes = {"name": f"{n} " + "x" * size, "qty": n}  # a DELTA has only what is new
    ack = till.ask({"type": "UPDATE", "table": "item", "id": "seed0", "changes": changes, "ref": n})
    assert ack["type"] == "ACK"
    till.frames.clear()
    return time.perf_counter() - begun


def p95(waits: list[float]) -> int:
    return int(quantiles(waits, n=20)[-1] * 1e6)


def last_frame(client: socket.socket) -> bytes:
    """Read to the end; return the code in the close frame there."""
    client.settimeout(30)
    read = b""
    while data := client.recv(2**20):
        read = read[-(2**20) :] + data
    close = read.rindex(b"\x88\x1b")
    assert read[close + 4 :] == b"this client reads nothing"
    return read[close + 2 : close + 4]
