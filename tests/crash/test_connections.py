"""Thousands of connections that come, go, or never say a word: a real process stays as it was."""

import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.server import Server

pytestmark = pytest.mark.crash

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
UPGRADE = (
    b"GET /?branch=shop&module=m HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
COME_AND_GO = 10_000
HALF_OPEN = 1_000


class Held:
    """What the server's process holds: bytes of memory, and open descriptors."""

    def __init__(self, server: Server) -> None:
        status = Path(f"/proc/{server.pid}/status").read_text()
        self.memory = int(status.partition("VmRSS:")[2].split()[0]) * 1024
        self.descriptors = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


@contextmanager
def connected(server: Server, sent: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(sent)
        yield sock


def visit(server: Server, kind: int) -> None:
    """Come and go, each kind in another manner."""
    if kind == 0:  # politely
        with connected(server, GET + b"Connection: close\r\n\r\n") as sock:
            assert b"200" in sock.recv(4096)
            assert sock.recv(4096) == b""
    elif kind == 1:  # kept, then left
        with connected(server, GET + b"\r\n") as sock:
            assert b"200" in sock.recv(4096)
    elif kind == 2:  # in the middle of a head
        with connected(server, GET):
            pass
    elif kind == 3:  # refused
        with connected(server, b"\x16\x03\x01\r\n\r\n") as sock:
            assert b"400" in sock.recv(4096)
    else:  # a socket that vanishes
        with connected(server, UPGRADE) as sock:
            assert b"101" in sock.recv(4096)


def settled(server: Server, descriptors: int, within: float) -> Held:
    """Return what is held once no more than *descriptors* are open."""
    until = time.monotonic() + within
    while (held := Held(server)).descriptors > descriptors:
        assert time.monotonic() < until, f"{held.descriptors} descriptors, not {descriptors}"
        time.sleep(0.1)  # another process: there is nothing to wait on
    return held


def test_ten_thousand_that_come_and_go_leave_nothing(
    serve: Callable[..., Server], install: Callable[..., Path], figures: Counter[str]
) -> None:
    server = serve(install())
    for n in range(2_000):  # until the allocator has what it needs
        visit(server, n % 5)
    first = settled(server, 30, 20)
    for n in range(COME_AND_GO):
        visit(server, n % 5)
    last = settled(server, first.descriptors, 20)
    figures["come and go, MiB before"] = first.memory >> 20
    figures["KiB more after"] = (last.memory - first.memory) >> 10
    assert last.memory - first.memory < 4 * 2**20
    assert server.stop() == 0
    assert "Traceback" not in server.said


def test_a_thousand_half_open_ones_keep_nobody_out_and_leave_nothing(
    serve: Callable[..., Server], install: Callable[..., Path], figures: Counter[str]
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = serve(install(), "--limit", "handshake=3")
    fresh = Held(server)
    peak = _half_open(server)  # after it the allocator has what it needs
    first = settled(server, 30, 30)
    _half_open(server)
    last = settled(server, first.descriptors, 30)
    figures["KiB for each half-open"] = (peak.memory - fresh.memory) // HALF_OPEN >> 10
    figures["half-open, KiB more after"] = (last.memory - first.memory) >> 10
    assert peak.descriptors >= HALF_OPEN
    assert last.memory - first.memory < 4 * 2**20
    assert server.stop() == 0
    assert "Traceback" not in server.said


def _half_open(server: Server) -> Held:
    """Open a thousand and say half a head; return what is held while an honest one is served."""
    with ExitStack() as kept:
        socks = [
            kept.enter_context(connected(server, UPGRADE[: n % 100])) for n in range(HALF_OPEN)
        ]
        visit(server, 0)
        visit(server, 4)
        held = Held(server)
        for sock in socks:
            assert sock.recv(4096) == b""
    return held
