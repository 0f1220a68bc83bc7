"""Requests of a connection as an ASGI application sees them (asgi.readthedocs.io, HTTP 2.4)."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import h11
import trio

from mishkah.http.connection import Connection, now
from mishkah.http.guests import Caller
from mishkah.http.head import Head
from mishkah.http.turned import Turned

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Gone(OSError):
    """The client has left, as ASGI wants it told to who still sends."""


async def respond(app: Application, head: Head, connection: Connection, caller: Caller) -> None:
    """Let *app* answer a request. Raises `Turned` where its body is at fault, and nothing was said.

    Raises trio.BrokenResourceError where the client is gone, or the response could not be ended.
    """
    exchange = _Exchange(head, connection)
    try:
        await app(_scope(head, caller), exchange.receive, exchange.send)
    except Gone as gone:
        raise trio.BrokenResourceError("the client has gone") from gone
    except Turned:
        if not connection.unanswered:
            raise trio.BrokenResourceError("the response is cut short") from None
        raise
    except Exception as error:  # the border of one request: the others go on
        log.exception("a request failed")
        if not connection.unanswered:
            raise trio.BrokenResourceError("the response is cut short") from error
        raise Turned(500, "The server failed.") from error
    if not exchange.ended:
        raise trio.BrokenResourceError("the response has no end")


def _scope(head: Head, caller: Caller) -> Message:
    path, _, query = head.target.partition("?")
    name, _, port = caller.host.rpartition(":")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": head.http_version,
        "method": head.method,
        "scheme": caller.scheme,
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": list(head.raw),
        "client": (caller.address, 0),
        "server": (name, int(port)) if port.isdecimal() else (caller.host, None),
    }


class _Exchange:
    """One request and its response."""

    def __init__(self, head: Head, connection: Connection) -> None:
        self._head = head
        self._connection = connection
        self._read = False
        self._start: Message | None = None
        self._ended = trio.Event()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    async def receive(self) -> Message:
        if self._read:
            await self._ended.wait()
            return {"type": "http.disconnect"}
        data = await self._connection.read()
        self._read = data is None
        return {"type": "http.request", "body": data or b"", "more_body": not self._read}

    async def send(self, message: Message) -> None:
        try:
            if message["type"] == "http.response.start":
                self._start = message
            elif message["type"] == "http.response.body":
                await self._body(message.get("body", b""), more=message.get("more_body", False))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as gone:
            raise Gone("the client has gone") from gone

    async def _body(self, data: bytes, *, more: bool) -> None:
        if self._start is not None:
            start, self._start = self._start, None
            self._bodiless = self._head.method == "HEAD" or start["status"] in _BODILESS
            await self._connection.write(self._response(start))
        if data and not self._bodiless:
            await self._connection.write(h11.Data(data=data))
        if not more:
            await self._connection.write(h11.EndOfMessage())
            self._ended.set()

    def _response(self, start: Message) -> h11.Response:
        headers = [(bytes(name), bytes(value)) for name, value in start.get("headers", ())]
        headers.append((b"date", now().encode()))
        if self._connection.last:
            headers.append((b"connection", b"close"))
        return h11.Response(
            status_code=start["status"],
            headers=headers,
            reason=HTTPStatus(start["status"]).phrase.encode(),
        )
