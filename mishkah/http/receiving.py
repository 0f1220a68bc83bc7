"""How bytes come off a connection: from a socket with as few steps as the system needs."""

import os

import trio

CHUNK = 16 * 1024
"""Bytes that are taken in one go."""


class Receiving:
    """The receiving half of *stream*."""

    __slots__ = ("_socket", "_stream", "active", "heard")

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._socket: trio.socket.SocketType | None = None
        if isinstance(stream, trio.SocketStream) and os.name == "posix":
            self._socket = stream.socket
        self._stream = stream
        self.active = False
        """Whether somebody is waiting for bytes."""
        self.heard = trio.current_time()
        """When some came last."""

    async def some(self, most: int | None) -> bytes:
        """Return at most so many bytes, as `receive_some` of a stream does; raise what that does.

        A client that waits for its answers sends nothing before it has them: to look first, as
        trio's sockets do, is to look in vain. And who is idle waits in one coroutine, not in four.
        """
        data: bytes | None = None
        self.active = True
        try:
            while data is None:
                if self._socket is None:
                    data = bytes(await self._stream.receive_some(most))
                elif self._socket.fileno() < 0:
                    raise trio.ClosedResourceError("this socket was already closed")
                else:
                    await trio.lowlevel.wait_readable(self._socket)
                    data = _read(self._socket, most or CHUNK)
        except OSError as error:
            raise trio.BrokenResourceError(f"socket connection broken: {error}") from error
        finally:
            self.active = False
        self.heard = trio.current_time()
        return data


def _read(socket: trio.socket.SocketType, most: int) -> bytes | None:
    """Return what the system has, None where that is nothing after all."""
    try:
        return os.read(socket.fileno(), most)
    except BlockingIOError:
        return None
