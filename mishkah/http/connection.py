"""One connection's HTTP/1.1: requests in, responses out, until one of them asks for a WebSocket.

h11 reads and writes the protocol (RFC 9112); this adds what a server owes: time and size limits, an
orderly end, and the way out for an upgrade, on whichever request of the connection it comes.
"""

from collections import Counter
from collections.abc import Awaitable, Callable

import h11
import msgspec
import trio

from mishkah.http.head import MAX_HEAD, Head, head_size, next_event, read_head
from mishkah.http.parting import LINGER, part
from mishkah.http.turned import Turned
from mishkah.limits import Limits

CHUNK = 64 * 1024


class Handover(msgspec.Struct, frozen=True):
    """A request that asks for a WebSocket, and the bytes that came behind it."""

    head: Head
    rest: bytes


class Connection:
    """The requests of *stream*, one after the other; *respond* answers each.

    What *limits* end is counted in *limited*, by the limit's name.
    After `retire`, the response that is under way is the last one.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        limits: Limits,
        limited: Counter[str],
        respond: "Respond",
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._limited = limited
        self._respond = respond
        self._received = bytearray()  # what h11 has not been given
        self._h11 = _fresh()
        self._body = _Body(whole=True)
        self._retired = False
        self._bodiless = False
        self._waiting = trio.CancelScope()

    def retire(self) -> None:
        """Take no further request; end at once where none is under way."""
        self._retired = True
        self._waiting.cancel()

    async def run(self) -> Handover | None:
        """Serve until the connection ends, or a WebSocket is asked for.

        Raises `Turned` for a request that can't be read, and what the stream raises.
        """
        patience, first = self._limits.handshake, True
        while not self._retired:
            head = await self._next(patience)
            if head is None:
                if (first or self._received) and self._is_late():
                    self._limited["handshake"] += 1
                return None
            if head.upgrades:
                rest = bytes(self._received)
                del self._h11, self._received  # nobody reads HTTP here again, for hours perhaps
                return Handover(head, rest)
            await self._respond(head, self)
            if self._h11.our_state is not h11.DONE or not await self._skim():
                return None
            self._received[:0] = self._h11.trailing_data[0]
            self._h11 = _fresh()
            patience, first = self._limits.keep_alive, False
        return None

    def _is_late(self) -> bool:
        """Tell whether a head did not come in time, where nobody else ended the wait for it."""
        return self._waiting.cancelled_caught and not self._retired

    async def _next(self, patience: float) -> Head | None:
        """Return the next request, None where there is no whole one in time. Raises `Turned`."""
        with trio.CancelScope(deadline=trio.current_time() + patience) as self._waiting:
            size = await self._head_size()
        if self._waiting.cancelled_caught or size == 0:
            return None
        self._bodiless = self._received.startswith(b"HEAD ")
        data = bytes(self._received[:size])
        del self._received[:size]
        head = read_head(self._h11, data)
        if head.brings:
            self._body = _Body()
            if int(head.headers.get("content-length", 0)) > self._limits.body:
                self._body.fault = self._too_large()
            if self._received:  # nothing would be the client's end
                self._h11.receive_data(bytes(self._received))
                self._received.clear()
        else:
            self._body = _Body(whole=isinstance(next_event(self._h11), h11.EndOfMessage))
        return head

    async def _head_size(self) -> int:
        """Return how many of the received bytes are the next head; 0 where the client leaves."""
        received, seen = self._received, 0
        while not (size := head_size(received, seen)):
            if received and not seen:
                within = trio.current_time() + self._limits.handshake
                self._waiting.deadline = min(self._waiting.deadline, within)
            seen = len(received)
            data = await self._stream.receive_some(CHUNK)
            if not data:
                return 0
            received += data
        return size

    async def read(self) -> bytes | None:
        """Return more of the request's body, None at its end.

        Raises `Turned` where it is too large (413), too slow (408) or broken (400), and
        trio.BrokenResourceError where the client is gone.
        """
        body = self._body
        if body.fault is not None:
            raise body.fault
        if body.whole:
            return None
        if body.deadline is None:
            body.deadline = trio.current_time() + self._limits.body_seconds
        if self._h11.they_are_waiting_for_100_continue:
            await self.write(h11.InformationalResponse(status_code=100, headers=[]))
        try:
            event = await self._part_of_body(body.deadline)
        except Turned as fault:
            body.fault = fault
            raise
        if not isinstance(event, h11.Data):
            body.whole = True
            return None
        body.size += len(event.data)
        if body.size > self._limits.body:
            body.fault = self._too_large()
            raise body.fault
        return bytes(event.data)

    def _too_large(self) -> Turned:
        self._limited["body"] += 1
        return Turned(413, f"A body has at most {self._limits.body} bytes.")

    async def _part_of_body(self, deadline: float) -> object:
        with trio.move_on_at(deadline):
            while (event := next_event(self._h11)) is h11.NEED_DATA:
                data = await self._stream.receive_some(CHUNK)
                if not data:
                    raise trio.BrokenResourceError("the client left in the middle of its request")
                self._h11.receive_data(bytes(data))
            return event
        self._limited["body_seconds"] += 1
        raise Turned(408, "The body did not come in time.")

    async def _skim(self) -> bool:
        """Pass over what nobody wanted of the body; return whether a request can follow it."""
        try:
            while await self.read() is not None:
                pass
        except Turned:
            return False
        return True

    async def gone(self) -> None:
        """Wait until the client hangs up; the requests that it sends meanwhile wait their turn."""
        try:
            while len(self._received) < CHUNK:
                data = await self._stream.receive_some(CHUNK)
                if not data:
                    return
                self._received += data
        except trio.BrokenResourceError:
            return
        await trio.sleep_forever()

    async def write(self, *events: h11.Event) -> None:
        """Send parts of the response. Raises trio.BrokenResourceError where the client is gone.

        A client that takes nothing for a while is gone.
        """
        data = memoryview(b"".join(self._h11.send(event) or b"" for event in events))
        for at in range(0, len(data), CHUNK):
            with trio.move_on_after(self._limits.stall) as sending:
                await self._stream.send_all(data[at : at + CHUNK])
            if sending.cancelled_caught:
                self._limited["stall"] += 1
                raise trio.BrokenResourceError("the client reads nothing")

    async def turn_away(self, turned: Turned) -> None:
        """Answer the request that can't be served, and end the connection."""
        with trio.move_on_after(self._limits.handshake):
            await self._stream.send_all(turned.response(bodiless=self._bodiless))
        await self.part()

    async def part(self) -> None:
        """Let what was said arrive, before a reset can overtake it."""
        with trio.move_on_after(LINGER):
            await part(self._stream)

    @property
    def last(self) -> bool:
        """Whether the response that begins now must be the last: a body may never come."""
        waits = self._h11.they_are_waiting_for_100_continue
        return self._retired or self._body.fault is not None or waits

    @property
    def unanswered(self) -> bool:
        """Whether nothing of the response has been sent."""
        return self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE)


class _Body:
    """How much of a request's body came, until when it may, and why it never will."""

    def __init__(self, *, whole: bool = False) -> None:
        self.whole = whole
        self.fault: Turned | None = None
        self.size = 0
        self.deadline: float | None = None


Respond = Callable[[Head, Connection], Awaitable[None]]
"""Answer one request: read its body if need be, and write the response."""


def _fresh() -> h11.Connection:
    return h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
