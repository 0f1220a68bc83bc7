"""One connection's HTTP/1.1: requests in, responses out, until one of them asks for a WebSocket.

h11 reads and writes the protocol (RFC 9112); this adds what a server owes: time and size limits, an
orderly end, and the way out for an upgrade, on whichever request of the connection it comes.
"""

from collections.abc import Awaitable, Callable
from email.utils import formatdate
from time import time

import h11
import msgspec
import trio

from mishkah.http.head import MAX_HEAD, Head, head_of
from mishkah.http.turned import Turned
from mishkah.limits import Limits

CHUNK = 64 * 1024


class Handover(msgspec.Struct, frozen=True):
    """A request that asks for a WebSocket, and the bytes that came behind it."""

    head: Head
    rest: bytes


class Connection:
    """The requests of *stream*, one after the other; *respond* answers each.

    `waiting` is the scope in which it waits for a request: cancel it to end an idle connection.
    After `retire`, the response that is under way is the last one.
    """

    def __init__(self, stream: trio.abc.Stream, limits: Limits, respond: "Respond") -> None:
        self._stream = stream
        self._limits = limits
        self._respond = respond
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._body = 0
        self._body_deadline = float("inf")
        self._retired = False
        self.waiting = trio.CancelScope()

    def retire(self) -> None:
        """Take no further request."""
        self._retired = True
        self.waiting.cancel()

    async def run(self) -> Handover | None:
        """Serve until the connection ends, or a WebSocket is asked for.

        Raises `Turned` for a request that can't be read, and what the stream raises.
        """
        patience = self._limits.handshake
        while not self._retired:
            head = await self._next(patience)
            if head is None:
                return None
            if head.upgrades:
                return Handover(head, bytes(self._h11.trailing_data[0]))
            await self._respond(head, self)
            self._skim()
            if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
                return None
            self._h11.start_next_cycle()
            patience = self._limits.keep_alive
        return None

    async def _next(self, patience: float) -> Head | None:
        """Return the next request, None where there is none in time, or no whole one."""
        with trio.CancelScope() as self.waiting:
            self.waiting.deadline = trio.current_time() + patience
            event: object = h11.NEED_DATA
            begun = False
            while event is h11.NEED_DATA:
                event = self._event()
                if event is not h11.NEED_DATA:
                    break
                data = await self._stream.receive_some(CHUNK)
                if not begun and data.strip(b"\r\n"):
                    begun = True
                    if data.lstrip(b"\r\n")[:1] not in _FIRST:
                        raise Turned(400, "This is not an HTTP request.")
                    within = trio.current_time() + self._limits.handshake
                    self.waiting.deadline = min(self.waiting.deadline, within)
                self._h11.receive_data(bytes(data))
            if isinstance(event, h11.Request):
                self._body, self._body_deadline = 0, float("inf")
                return head_of(event)
        return None

    def _skim(self) -> None:
        """Pass over what has come of a body that nobody read."""
        try:
            while isinstance(self._h11.next_event(), h11.Data):
                pass
        except h11.RemoteProtocolError:
            pass  # the connection ends, since the request has no end

    def _event(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                raise Turned(431, "The head of this request is too large.") from error
            raise Turned(error.error_status_hint, "This is not an HTTP request.") from error

    async def read(self) -> bytes | None:
        """Return more of the request's body, None at its end.

        Raises `Turned` where it is too large (413), too slow (408) or broken (400), and
        trio.BrokenResourceError where the client is gone.
        """
        if self._body_deadline == float("inf"):
            self._body_deadline = trio.current_time() + self._limits.body_seconds
        if self._h11.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            await self.write(go_on)
        with trio.move_on_at(self._body_deadline):
            while True:
                event = self._event()
                if isinstance(event, h11.Data):
                    self._body += len(event.data)
                    if self._body > self._limits.body:
                        raise Turned(413, f"A body has at most {self._limits.body} bytes.")
                    return bytes(event.data)
                if isinstance(event, h11.EndOfMessage):
                    return None
                if event is not h11.NEED_DATA:
                    raise trio.BrokenResourceError("the client left in the middle of its request")
                data = await self._stream.receive_some(CHUNK)
                self._h11.receive_data(bytes(data))
        raise Turned(408, "The body did not come in time.")

    async def write(self, event: h11.Event) -> None:
        """Send a part of the response. A client that takes nothing for a while is given up."""
        data = self._h11.send(event)
        if not data:
            return
        with trio.move_on_after(self._limits.stall) as sending:
            await self._stream.send_all(data)
        if sending.cancelled_caught:
            raise trio.BrokenResourceError("the client reads nothing")

    @property
    def last(self) -> bool:
        """Whether this response must be the last of its connection."""
        return self._retired

    @property
    def unanswered(self) -> bool:
        """Whether nothing of the response has been sent."""
        return self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE)


Respond = Callable[[Head, Connection], Awaitable[None]]
"""Answer one request: read its body if need be, and write the response."""

_FIRST = tuple(bytes([letter]) for letter in b"GPHODCT")
"""What methods begin with; anything else is a TLS hello or noise."""


def now() -> str:
    """Return the time as headers have it (RFC 9110, 5.6.7)."""
    return formatdate(time(), usegmt=True)
