"""A whole module as one SNAPSHOT message: the bytes that sockets are sent, as fast as taken."""

import zlib

import trio
from starlette.requests import Request
from starlette.responses import Response

from mishkah.asking import answer_of, send
from mishkah.core.errors import Refused
from mishkah.core.frames import payloads
from mishkah.core.messages import Subscribe
from mishkah.core.views import View, read_view
from mishkah.core.wire import seen_as
from mishkah.feed import Outbox
from mishkah.http.turned import CutOff
from mishkah.listener import Listener
from mishkah.requests import Join
from mishkah.rest.asking import Desk, Place
from mishkah.rest.changes import raise_error
from mishkah.rest.reading import as_known
from mishkah.rest.requests import Parameters, is_known, list_parameter, tag
from mishkah.rest.streams import Put, Streamed
from mishkah.site.preferences import takes_gzip

_LEVEL = 4


async def snapshot(desk: Desk, request: Request, given: Parameters) -> Response:
    """Show all rows as they are at one commit, which the ETag names.

    The response is cut off where who takes it may see these rows so no more.
    """
    place = await desk.place(request)
    outbox = Outbox()
    listener = Listener(outbox, place.store, seed=True)
    asked = Subscribe(tables=list_parameter(given, "tables"))
    await send(place.inbox, Join(outbox, listener, asked, place.standing))
    mail = await answer_of(outbox)
    outbox.hang_up()
    view = listener.view
    if view is None:
        raise_error(b"".join(mail.pieces))
    packed = takes_gzip(request.headers.get("accept-encoding", ""))
    plain = tag(seen_as(place.reader.epoch, view.lens), listener.cursor)
    etag = f'{plain[:-1]}-gzip"' if packed else plain
    headers = {"vary": "Accept-Encoding", "cache-control": "no-cache"}
    if is_known(request, etag):
        return as_known(etag, headers)
    frames = iter(mail.pieces)

    async def write(put: Put) -> None:
        packer = zlib.compressobj(_LEVEL, wbits=31) if packed else None
        while (frame := await desk.turns.next(frames)) is not None:
            _check(place, asked, view)
            data = b"".join(payloads(frame))
            if packer is not None:
                data = await trio.to_thread.run_sync(packer.compress, data)
            if data:
                await put(data)
        if packer is not None:
            await put(packer.flush())

    if packed:
        headers["content-encoding"] = "gzip"
    return Streamed(write, "application/json", {**headers, "etag": etag})


def _check(place: Place, asked: Subscribe, view: View) -> None:
    """Raise CutOff where *view* is not what may be seen by now."""
    try:
        place.rights.check()
        same = read_view(place.grant, asked.tables, None).id == view.id
    except Refused:
        same = False
    if not same:
        raise CutOff
