"""How bytes come off a connection: from a socket with as few steps as the system needs."""

import os
from collections.abc import Awaitable, Callable
from errno import EBADF
from functools import partial

import trio

CHUNK = 16 * 1024
"""Bytes that are taken in one go where no number is asked for."""

Receive = Callable[[int | None], Awaitable[bytes]]
"""Returns at most so many bytes, as `receive_some` of a stream does, and raises what that does."""


def receiving(stream: trio.abc.Stream) -> Receive:
    """Return what receives from *stream*."""
    if isinstance(stream, trio.SocketStream) and os.name == "posix":
        return partial(_from_socket, stream.socket)
    return partial(_from_stream, stream)


async def _from_socket(socket: trio.socket.SocketType, most: int | None) -> bytes:
    """Wait for the system to have bytes, and take them.

    A client that waits for its answers sends nothing before it has them: to look first, as trio's
    sockets do, is to look in vain.
    """
    while True:
        try:
            await trio.lowlevel.wait_readable(socket)
            return os.read(socket.fileno(), most or CHUNK)
        except BlockingIOError:
            continue
        except OSError as error:
            if error.errno == EBADF or socket.fileno() < 0:
                raise trio.ClosedResourceError("this socket was already closed") from None
            raise trio.BrokenResourceError(f"socket connection broken: {error}") from error


async def _from_stream(stream: trio.abc.Stream, most: int | None) -> bytes:
    return bytes(await stream.receive_some(most))
