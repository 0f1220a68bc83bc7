"""A whole module as one SNAPSHOT message: the bytes that sockets are sent, as fast as taken."""

import zlib
from contextlib import suppress

import trio
from starlette.requests import Request
from starlette.responses import Response

from mishkah.asking import answer_of, send
from mishkah.core.frames import payloads
from mishkah.core.messages import Subscribe
from mishkah.core.wire import seen_as
from mishkah.feed import Listener, Outbox
from mishkah.following import follow
from mishkah.http.turned import Turned
from mishkah.requests import Join
from mishkah.rest.asking import Desk
from mishkah.rest.changes import raise_error
from mishkah.rest.reading import as_known
from mishkah.rest.requests import Parameters, is_known, list_parameter, tag
from mishkah.rest.streams import Put, Streamed
from mishkah.site.preferences import weights

_LEVEL = 4


async def snapshot(desk: Desk, request: Request, given: Parameters) -> Response:
    """Show all rows as they are at one commit, which the ETag names."""
    place = await desk.place(request)
    outbox = Outbox()
    listener = Listener(outbox, place.store, seed=True)
    asked = Subscribe(tables=list_parameter(given, "tables"))
    await send(place.inbox, Join(outbox, listener, asked, place.standing))
    mail = await answer_of(outbox)
    if listener.view is None:
        raise_error(b"".join(mail.pieces))
    packed = _takes_gzip(request.headers.get("accept-encoding", ""))
    plain = tag(seen_as(place.reader.epoch, listener.view.lens), listener.cursor)
    etag = f'{plain[:-1]}-gzip"' if packed else plain
    headers = {"vary": "Accept-Encoding", "cache-control": "no-cache"}
    if is_known(request, etag):
        outbox.hang_up()
        return as_known(etag, headers)
    frames = iter(mail.pieces)
    listener.live = False  # it hears of no change, but of what it may see

    async def write(put: Put) -> None:
        """Put all of it, or cut it short where who reads it may not see it any more."""
        packer = zlib.compressobj(_LEVEL, wbits=31) if packed else None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow, place.rights, outbox, lambda store: place.inbox)
            with suppress(OSError):  # the client has gone; who ends the response will meet it again
                while (frame := await desk.turns.next(frames)) is not None:
                    data = b"".join(payloads(frame))
                    if packer is not None:
                        data = await trio.to_thread.run_sync(packer.compress, data)
                    if data:
                        await put(data)
            nursery.cancel_scope.cancel()
        if not outbox.open:
            raise Turned(401, "What may be seen has changed.")
        if packer is not None:
            await put(packer.flush())

    if packed:
        headers["content-encoding"] = "gzip"
    return Streamed(write, "application/json", {**headers, "etag": etag})


def _takes_gzip(header: str) -> bool:
    """Tell whether gzip is welcome (RFC 9110, 12.5.3)."""
    return any(name == "gzip" and weight > 0 for name, weight in weights(header))
