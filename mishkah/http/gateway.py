"""Requests of a connection as an ASGI application sees them (asgi.readthedocs.io, HTTP 2.4)."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from http import HTTPStatus
from time import time
from typing import Any
from urllib.parse import unquote_to_bytes

import h11
import trio

from mishkah.http.connection import Connection
from mishkah.http.guests import Caller
from mishkah.http.head import Head
from mishkah.http.turned import CutOff, Turned

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}


class Gone(OSError):
    """The client has left, as ASGI wants it told to who still sends."""


async def respond(app: Application, head: Head, connection: Connection, caller: Caller) -> None:
    """Let *app* answer a request. Raises `Turned` where that failed before anything was said.

    Raises trio.BrokenResourceError where the client is gone, or the response could not be ended.
    """
    exchange = _Exchange(head, connection)
    turned = Turned(500, "The server failed.")
    try:
        await app(_scope(head, caller), exchange.receive, exchange.send)
        if not (exchange.ended or exchange.gone):
            log.error("a response has no end")
    except Turned as fault:
        turned = fault
    except CutOff:
        log.info("a response was cut off: who takes it may see it no more")
    except Exception:  # the border of one request: the others go on
        if not exchange.gone:
            log.exception("a request failed")
    if exchange.gone or not (exchange.ended or connection.unanswered):
        raise trio.BrokenResourceError("the client has gone, or its response is cut short")
    if not exchange.ended:
        raise turned


def _scope(head: Head, caller: Caller) -> Message:
    path, _, query = head.target.partition("?")
    host = caller.host or ""
    name, _, port = host.rpartition(":")
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
        "server": (name, int(port)) if port.isdecimal() else (host, None),
    }


class _Exchange:
    """One request and its response."""

    def __init__(self, head: Head, connection: Connection) -> None:
        self._head = head
        self._connection = connection
        self._read = False
        self._start: Message | None = None
        self._bodiless = False
        self._listening = trio.CancelScope()
        self.ended = False
        self.gone = False

    async def receive(self) -> Message:
        if self._read:
            with self._listening:  # which ends with the response
                await self._connection.gone()
            return {"type": "http.disconnect"}
        try:
            data = await self._connection.read()
        except trio.BrokenResourceError:
            self._read = self.gone = True
            return {"type": "http.disconnect"}
        self._read = data is None
        return {"type": "http.request", "body": data or b"", "more_body": not self._read}

    async def send(self, message: Message) -> None:
        try:
            if message["type"] == "http.response.start":
                self._start = message
            elif message["type"] == "http.response.body":
                await self._body(message.get("body", b""), more=message.get("more_body", False))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as gone:
            self.gone = True
            raise Gone("the client has gone") from gone

    async def _body(self, data: bytes, *, more: bool) -> None:
        events: list[h11.Event] = []
        if self._start is not None:
            start, self._start = self._start, None
            self._bodiless = self._head.method == "HEAD" or start["status"] in _BODILESS
            events.append(self._response(start["status"], start.get("headers", ())))
        if data and not self._bodiless:
            events.append(h11.Data(data=data))
        if not more:
            events.append(h11.EndOfMessage())
        await self._connection.write(*events)
        if not more:
            self.ended = True
            self._listening.cancel()

    def _response(self, status: int, told: Any) -> h11.Response:
        headers = [(bytes(name), bytes(value)) for name, value in told]
        if status == HTTPStatus.NO_CONTENT:  # it has no length (RFC 9110, 8.6)
            headers = [header for header in headers if header[0].lower() != b"content-length"]
        headers.append((b"date", formatdate(time(), usegmt=True).encode()))
        if self._connection.last:
            headers.append((b"connection", b"close"))
        reason = _PHRASES.get(status, b"")
        return h11.Response(status_code=status, headers=headers, reason=reason)
