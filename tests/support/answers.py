"""An ASGI application in which each path behaves in its own way, well or badly."""

import json
from typing import Any

import trio

PLAIN = [(b"content-type", b"text/plain")]
BIG = 8 * 2**20


def _start(status: int, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": [*PLAIN, *headers]}


def _body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def _length(data: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", b"%d" % len(data))


class Answers:
    """Remembers how its requests ended: `told` has a line for each that was waited for."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.asked = 0
        self.go_on = trio.Event()
        self.under_way = trio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        name = scope["path"].strip("/").replace("-", "_")
        await getattr(self, f"_{name}", self._nowhere)(scope, receive, send)

    async def _nowhere(self, scope: Any, receive: Any, send: Any) -> None:
        await self._say(send, 404, b"nowhere")

    async def _say(self, send: Any, status: int, data: bytes) -> None:
        await send(_start(status, _length(data)))
        await send(_body(data))

    async def _hello(self, scope: Any, receive: Any, send: Any) -> None:
        await self._say(send, 200, b"hello")

    async def _who(self, scope: Any, receive: Any, send: Any) -> None:
        told = {key: scope[key] for key in ("client", "scheme", "server", "path", "raw_path")}
        told["raw_path"] = told["raw_path"].decode()
        await self._say(send, 200, json.dumps(told).encode())

    async def _echo(self, scope: Any, receive: Any, send: Any) -> None:
        data = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.told.append("left in the middle")
                return
            data += message["body"]
            if not message["more_body"]:
                break
        await self._say(send, 200, data)

    async def _pieces(self, scope: Any, receive: Any, send: Any) -> None:
        await send(_start(200))
        for piece in (b"one,", b"", b"two,", b"three"):
            await send(_body(piece, more=True))
        await send(_body(b""))

    async def _empty(self, scope: Any, receive: Any, send: Any) -> None:
        await send(_start(204, (b"content-length", b"0")))
        await send(_body(b"never seen"))

    async def _same(self, scope: Any, receive: Any, send: Any) -> None:
        await send(_start(304, (b"etag", b'"1"')))
        await send(_body(b"never seen"))

    async def _odd(self, scope: Any, receive: Any, send: Any) -> None:
        await self._say(send, 299, b"odd")

    async def _raises(self, scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("a mistake")

    async def _raises_late(self, scope: Any, receive: Any, send: Any) -> None:
        await send(_start(200, (b"content-length", b"10")))
        await send(_body(b"half ", more=True))
        raise ValueError("a mistake")

    async def _raises_behind(self, scope: Any, receive: Any, send: Any) -> None:
        await self._say(send, 200, b"done")
        raise ValueError("a mistake")

    async def _silent(self, scope: Any, receive: Any, send: Any) -> None:
        return

    async def _short(self, scope: Any, receive: Any, send: Any) -> None:
        await send(_start(200, (b"content-length", b"10")))
        await send(_body(b"half "))

    async def _long(self, scope: Any, receive: Any, send: Any) -> None:
        await send(_start(200, (b"content-length", b"5")))
        await send(_body(b"more than that"))

    async def _splits(self, scope: Any, receive: Any, send: Any) -> None:
        await send(_start(200, (b"x-name", b"a\r\nset-cookie: b=c")))
        await send(_body(b""))

    async def _big(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._say(send, 200, b"x" * BIG)
        except OSError:
            self.told.append("the big one was not taken")
            raise

    async def _waits(self, scope: Any, receive: Any, send: Any) -> None:
        self.under_way.set()
        await self.go_on.wait()
        await self._say(send, 200, b"waited")

    async def _stream(self, scope: Any, receive: Any, send: Any) -> None:
        """Say something each second, until the house stops or the client hangs up."""
        await receive()
        await send(_start(200))
        await send(_body(b"begun ", more=True))
        self.under_way.set()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hung_up, receive, nursery.cancel_scope)
            await self.go_on.wait()
            nursery.cancel_scope.cancel()
        await send(_body(b"ended"))

    async def _hung_up(self, receive: Any, streaming: trio.CancelScope) -> None:
        message = await receive()
        self.told.append(message["type"])
        streaming.cancel()
