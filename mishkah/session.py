"""One client on one socket: a reader that asks the store, and a writer that sends its mail."""

from collections.abc import Awaitable, Callable, Iterable

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from mishkah.core.commands import Write, decode, salvage_ref
from mishkah.core.errors import Forbidden, Refused
from mishkah.core.ids import StoreId
from mishkah.feed import Outbox
from mishkah.store import Ask, Join, Leave, Request, Told

QUIET = 0.2
"""Seconds that a stopping server still reads what its clients have sent."""
PATIENCE = 2.0
"""Seconds that a client too slow for its mail has left to take the end of it."""
FAREWELL = 3.0
"""Seconds that a client has to answer a close frame."""

Send = Callable[[Iterable[bytes]], Awaitable[None]]
Inbox = trio.MemorySendChannel[Request]


class Session:
    """A client of one store, subscribed from the start: the guide's own way to connect.

    *client* is the stable name of a device or tab, under which the refs of its writes are kept.
    """

    def __init__(
        self,
        ws: WebSocketConnection,
        send: Send,
        store: StoreId,
        inbox: Inbox,
        client: str | None,
        outbox: Outbox,
    ) -> None:
        self._ws = ws
        self._send = send
        self._store = store
        self._inbox = inbox
        self._client = client
        self._outbox = outbox
        self._reading = trio.CancelScope()

    async def run(self, stopping: trio.Event) -> None:
        """Serve until the client leaves, is sent away, or *stopping* is set; then close."""
        outbox = self._outbox
        async with self._inbox, trio.open_nursery() as nursery:
            nursery.start_soon(self._read)
            nursery.start_soon(self._leave_when, stopping)
            nursery.start_soon(self._cut_off, nursery.cancel_scope)
            await self._write()
            nursery.cancel_scope.cancel()
        code, reason = outbox.closing or (1000, "")
        with trio.move_on_after(FAREWELL):
            await self._ws.aclose(code, reason)

    async def _read(self) -> None:
        outbox = self._outbox
        with self._reading:
            try:
                await self._inbox.send(Join(outbox))
                while outbox.open:
                    await outbox.room()
                    message = await self._ws.get_message()
                    await self._inbox.send(self._request(message))
            except (ConnectionClosed, trio.BrokenResourceError):
                outbox.hang_up()

    def _request(self, message: str | bytes) -> Request:
        try:
            command = decode(message)
            self._check_place(command)
        except Refused as refusal:
            return Told(self._outbox, refusal, salvage_ref(message))
        size = len(message)
        number = self._outbox.ask(size)
        return Ask(
            outbox=self._outbox, command=command, size=size, number=number, client=self._client
        )

    def _check_place(self, command: Write) -> None:
        """Refuse what names another store: this socket belongs to one."""
        if command.branch not in (None, self._store.branch):
            raise Forbidden
        if command.module not in (None, self._store.module):
            raise Forbidden

    async def _write(self) -> None:
        try:
            while (pieces := await self._outbox.take()) is not None:
                await self._send(pieces)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._outbox.hang_up()

    async def _leave_when(self, stopping: trio.Event) -> None:
        """Read what comes in at once, no longer; the store closes the outbox behind its answers."""
        await stopping.wait()
        self._reading.deadline = trio.current_time() + QUIET
        await trio.sleep(QUIET)
        try:
            await self._inbox.send(Leave(self._outbox))
        except trio.BrokenResourceError:
            self._outbox.close(1001, "the server is stopping")

    async def _cut_off(self, everything: trio.CancelScope) -> None:
        await self._outbox.cut_off.wait()
        await trio.sleep(PATIENCE)
        everything.cancel()
