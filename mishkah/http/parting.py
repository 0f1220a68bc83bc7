"""How a connection ends, so that what was said last arrives."""

import contextlib

import trio

LINGER = 1.0
"""Seconds that a closed connection is drained, lest a reset overtake what was said last."""
MAX_LINGER_BYTES = 32 * 2**20


def socket_of(stream: trio.abc.Stream) -> trio.SocketStream | None:
    """Return the socket under *stream*; None where there is no network between."""
    if isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return stream if isinstance(stream, trio.SocketStream) else None


async def part(stream: trio.abc.Stream) -> None:
    """Say that nothing follows, and pass over what still comes, until the other end hangs up.

    The caller bounds the time, and closes the stream. Raises trio.BrokenResourceError where the
    client is gone.
    """
    if isinstance(stream, trio.SSLStream):
        transport = stream.transport_stream
        try:
            with contextlib.suppress(trio.BrokenResourceError):  # it says more, or nothing at all
                await stream.unwrap()
            await _drain(transport)
        finally:  # which *stream* knows no longer, once it is unwrapped
            await trio.aclose_forcefully(transport)
    else:
        await _drain(stream)


async def _drain(stream: trio.abc.Stream) -> None:
    if not isinstance(stream, trio.abc.HalfCloseableStream):
        return
    await stream.send_eof()
    left = MAX_LINGER_BYTES
    while left > 0 and (data := await stream.receive_some(65536)):
        left -= len(data)
