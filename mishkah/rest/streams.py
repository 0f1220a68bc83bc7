"""Responses that are written while they are made, as fast as the client takes them."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Put = Callable[[bytes], Awaitable[None]]
"""Sends some bytes of a body. Raises OSError where the client has gone."""


class Streamed(Response):
    """A response whose body *write* puts; it may do so for as long as it likes."""

    def __init__(
        self, write: Callable[[Put], Awaitable[None]], kind: str, headers: Mapping[str, str]
    ) -> None:
        self._write = write
        self.status_code = 200
        self.media_type = kind
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def put(data: bytes) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": True})

        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        if scope["method"] != "HEAD":
            await self._write(put)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
