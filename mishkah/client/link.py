"""One connection after the other, as long as the client lives; the machine says what is said."""

import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)

from mishkah.client.errors import Denied, Lost, Refusal
from mishkah.client.machine import Machine
from mishkah.core.errors import AuthExpired, AuthRequired, Forbidden
from mishkah.core.frames import UNAUTHORISED

SUBPROTOCOL = "mishkah.v1"
DIAL_SECONDS = 10.0
"""How long a connection, with its handshake, may take to come about."""
QUIET_SECONDS = 20.0
"""A server that has said nothing for so long is asked for a sign of life."""
ANSWER_SECONDS = 10.0
"""How long it has to give one."""
FAREWELL_SECONDS = 2.0
FIRST_DELAY = 0.25
LONGEST_DELAY = 30.0
"""Seconds between one attempt and the next, at most; each wait is twice the one before."""
MAX_MESSAGE = 2**28
"""Bytes of the longest message that is taken."""

Dial = Callable[[], Awaitable[trio.abc.Stream]]
"""Open a stream to the server; the client closes it."""

LOST = (
    OSError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    ConnectionClosed,
    HandshakeError,
    Lost,
)
"""How a connection ends, or does not come about."""
_SHUT = {401: AuthRequired.code, 403: Forbidden.code}
"""HTTP status of a handshake by which we are not let in → the code that it comes to."""


class Address:
    """Where a server is: ``ws://host:port/path`` or ``wss://…``. Raises ValueError."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if "@" in parts.netloc or any(name == "token" for name, _ in parse_qsl(parts.query, True)):
            raise ValueError("URLs end up in logs: no name, password or token belongs in one")
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError(f"{url!r} is no URL of a WebSocket, such as ws://127.0.0.1:8080")
        self.secure = parts.scheme == "wss"
        self.host = parts.hostname
        self.port = parts.port or (443 if self.secure else 80)
        self.netloc = parts.netloc
        self.path = parts.path or "/"

    async def dial(self) -> trio.abc.Stream:
        if self.secure:
            return await trio.open_ssl_over_tcp_stream(self.host, self.port, https_compatible=True)
        return await trio.open_tcp_stream(self.host, self.port)


class Link:
    """Keeps *machine* connected. *moved* is called whenever the machine may have something new."""

    def __init__(
        self,
        machine: Machine,
        address: Address,
        dial: Dial,
        rng: random.Random,
        moved: Callable[[], None],
    ) -> None:
        self.lost: BaseException | None = None
        """Why the last connection ended."""
        self.attempts = 0
        """Connections, since the last that served, that failed."""
        self._machine = machine
        self._address = address
        self._dial = dial
        self._rng = rng
        self._moved = moved
        self._outgoing = trio.lowlevel.ParkingLot()
        self._stopped = False
        self._waiting = trio.CancelScope()

    def wake(self) -> None:
        """Let what is outgoing go."""
        self._outgoing.unpark_all()

    def stop(self) -> None:
        """Say goodbye to the server, and let `run` end."""
        self._stopped = True
        self._waiting.cancel()

    async def run(self) -> None:
        """Connect, again and again, until stopped or refused for good."""
        while self._machine.failure is None and not self._stopped:
            try:
                await self._live()
            except* Refusal:
                pass  # it is the machine's `failure` now
            except* LOST as group:
                self.lost = self._judged(_first(group))
            self.attempts += 1
            self._machine.cut()
            self._moved()
            if self._machine.failure is None:
                with self._until_stopped():
                    await trio.sleep(self._delay())

    def _judged(self, error: BaseException) -> BaseException:
        """Return *error* in words; where it says that we are not let in, the machine decides."""
        if isinstance(error, ConnectionRejected):
            said = (error.body or b"").decode(errors="replace").strip()
            words = f"the server turned us away: {error.status_code} {said}".strip()
            if error.status_code not in _SHUT:
                return Lost(words)
            return self._machine.deny(Refusal(_SHUT[error.status_code], words))
        reason = error.reason if isinstance(error, ConnectionClosed) else None
        if reason is not None and reason.code == UNAUTHORISED:
            late = reason.reason == AuthExpired.code
            return self._machine.deny(Refusal.of(AuthExpired() if late else AuthRequired()))
        return error

    def _until_stopped(self) -> trio.CancelScope:
        """Return a scope that ends when `stop` is called."""
        self._waiting = trio.CancelScope()
        if self._stopped:
            self._waiting.cancel()
        return self._waiting

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Give the block as long as a connection may take to come about. Raises Lost."""
        with self._until_stopped() as dialing:
            dialing.deadline = trio.current_time() + DIAL_SECONDS
            yield
        if dialing.cancelled_caught:
            raise Lost("the server does not answer")

    def _delay(self) -> float:
        """Return how long to wait: what the server asked for, or twice as long each time."""
        if self._machine.retry_ms is not None:
            return self._machine.retry_ms / 1000 * self._rng.uniform(1.0, 1.5)
        doubled = FIRST_DELAY * 2.0 ** min(self.attempts - 1, 16)
        return min(doubled, LONGEST_DELAY) * self._rng.uniform(0.5, 1.0)

    async def _live(self) -> None:
        """Go through one connection, from its first byte to its last."""
        with self._in_time():
            stream = await self._dial()
        try:
            async with trio.open_nursery() as nursery:
                await self._talk(stream, nursery)
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)

    async def _talk(self, stream: trio.abc.Stream, nursery: trio.Nursery) -> None:
        with self._in_time():
            ws = await wrap_client_stream(
                nursery,
                cast(trio.SocketStream, stream),  # any stream will do
                self._address.netloc,
                self._address.path,
                subprotocols=[SUBPROTOCOL],
                max_message_size=MAX_MESSAGE,
            )
        self._machine.connected()
        self._moved()
        nursery.start_soon(self._send, ws)
        try:
            with self._until_stopped():
                await self._listen(ws)
        finally:
            with trio.move_on_after(FAREWELL_SECONDS):
                await ws.aclose()

    async def _listen(self, ws: WebSocketConnection) -> None:
        asked = False
        while True:
            with trio.move_on_after(ANSWER_SECONDS if asked else QUIET_SECONDS) as silence:
                message = await ws.get_message()
            if not silence.cancelled_caught:
                asked = False
                self._hear(message)
            elif asked:
                raise Lost("the server is silent")
            else:
                asked = True
                self._machine.ping()
                self.wake()

    def _hear(self, message: str | bytes) -> None:
        try:
            self._machine.hear(message)
        finally:
            if self._machine.status == "live":
                self.attempts = 0
            self._moved()

    async def _send(self, ws: WebSocketConnection) -> None:
        outgoing = self._machine.outgoing
        while True:
            while outgoing:
                await ws.send_message(outgoing.popleft())
            await self._outgoing.park()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what the server has said, if it is that, before how the line broke."""
    errors = list(_leaves(group))
    return next((error for error in errors if isinstance(error, Denied)), errors[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterable[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
