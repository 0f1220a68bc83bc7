"""The way between a browser and a server, on which everything can go wrong.

Browsers connect to its port, which stays the same while servers come and go.
"""

import threading
from collections.abc import Callable
from typing import Self

import trio

PORTAL = b"<!doctype html><title>Free Wi-Fi</title><p>Accept the terms to go on."


class Wire:
    """A TCP proxy in a thread of its own: a context, whose methods are for other threads."""

    def __init__(self, to: int = 0) -> None:
        self.to = to
        """The port of the server; may be set at any time."""
        self.port = 0
        self.connections = 0
        """How many were opened since the start."""
        self._lost: frozenset[str] = frozenset()
        self._portal = False
        self._cut = self._cut_sockets = False
        self._delay = 0.0
        self._scopes: set[trio.CancelScope] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._main,))

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._all.cancel)
        self._thread.join()

    def cut(self) -> None:
        """Drop every connection, and every new one, until it is mended."""
        self._cut, self._portal = True, False
        self.drop()

    def cut_sockets(self) -> None:
        """Drop every connection, and every new WebSocket: pages can still be loaded."""
        self._cut_sockets = True
        self.drop()

    def drop(self) -> None:
        """Drop every connection; new ones are welcome."""
        self._call(lambda: [scope.cancel() for scope in self._scopes])

    def mend(self) -> None:
        """Carry everything again; what was lost stays so, and its connections are dropped."""
        broken = self._lost or self._portal
        self._cut = self._cut_sockets = self._portal = False
        self._lost = frozenset()
        self._delay = 0.0
        if broken:
            self.drop()

    def lose(self, *directions: str) -> None:
        """Lose what is said: ``up`` to the server, ``down`` to the browser. Nobody is told."""
        self._lost = frozenset(directions)

    def slow(self, seconds: float) -> None:
        """Hold back each piece in both directions."""
        self._delay = seconds

    def stand_before(self) -> None:
        """Answer every request with a page of 200, as a captive portal does."""
        self._portal = True
        self.drop()

    def _call(self, what: Callable[[], object]) -> None:
        trio.from_thread.run_sync(what, trio_token=self._token)

    async def _main(self) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            self._all = nursery.cancel_scope
            self._ready.set()
            await trio.serve_listeners(self._carry, listeners, handler_nursery=nursery)

    async def _carry(self, near: trio.SocketStream) -> None:
        self.connections += 1
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                async with near:
                    if self._portal:
                        await self._show_portal(near)
                    elif not self._cut:
                        await self._join(near)
            except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            finally:
                self._scopes.discard(scope)

    async def _show_portal(self, near: trio.SocketStream) -> None:
        await near.receive_some()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(PORTAL)}\r\n"
        await near.send_all(f"{head}Connection: close\r\n\r\n".encode() + PORTAL)

    async def _join(self, near: trio.SocketStream) -> None:
        first = await near.receive_some()
        if self._cut_sockets and b"\r\nupgrade: websocket\r\n" in bytes(first).lower():
            return
        async with await trio.open_tcp_stream("127.0.0.1", self.to) as far:
            await far.send_all(first)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._pump, near, far, "up", nursery.cancel_scope)
                    nursery.start_soon(self._pump, far, near, "down", nursery.cancel_scope)
            except* (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                pass

    async def _pump(
        self, one: trio.SocketStream, other: trio.SocketStream, way: str, both: trio.CancelScope
    ) -> None:
        whole = True
        async for data in one:
            if self._delay:
                await trio.sleep(self._delay)
            whole = whole and way not in self._lost  # no stream goes on behind a hole
            if whole:
                await other.send_all(data)
        both.cancel()
