"""What has changed since a cursor: a page of commits as JSON, or a stream that never ends (SSE)."""

from functools import partial
from typing import Any, NoReturn

import msgspec
import trio
from starlette.requests import Request
from starlette.responses import Response

from mishkah.asking import Error, answer_of, send
from mishkah.core.commit import Commit, as_now
from mishkah.core.errors import Text
from mishkah.core.frames import GOING_AWAY, payloads
from mishkah.core.messages import Subscribe
from mishkah.core.views import Shown, View, read_view
from mishkah.core.wire import seen_as
from mishkah.feed import Outbox
from mishkah.following import catch_up
from mishkah.letters import Mail
from mishkah.listener import Listener
from mishkah.requests import Join, Missed
from mishkah.rest.asking import Desk, Place
from mishkah.rest.problems import Problem
from mishkah.rest.reading import as_json
from mishkah.rest.requests import (
    Parameters,
    json_parameter,
    list_parameter,
    number_parameter,
    read_tag,
    unfit,
)
from mishkah.rest.streams import Put, Streamed

PARAMETERS = ("since", "epoch", "limit", "tables", "where")
DEFAULT_COMMITS = 100
MAX_COMMITS = 1000
HEARTBEAT = 15.0
"""Seconds of silence after which a stream says that it is still there."""


async def changes(desk: Desk, request: Request, given: Parameters) -> Response:
    """Show the commits after `since`, as a page or, where asked for, as a stream of events."""
    place = await desk.place(request)
    accepted = request.headers.get("accept", "").lower()
    if "text/event-stream" in accepted and request.method == "GET":
        return await _stream(desk, place, request, given)
    for name in ("tables", "where"):
        if name in given:
            raise unfit(name, "stream", _ONLY_STREAMS)
    return await _page(place, given)


async def _page(place: Place, given: Parameters) -> Response:
    since = number_parameter(given, "since") or 0
    limit = number_parameter(given, "limit")
    limit = DEFAULT_COMMITS if limit is None else limit
    if not 0 < limit <= MAX_COMMITS:
        raise unfit("limit", "query", _BAD_LIMIT)
    head = await place.reader.head()
    view = read_view(place.grant, None, None)
    epoch = seen_as(place.reader.epoch, view.lens)
    if since > head or given.get("epoch", epoch) != epoch:
        raise unfit("since", "epoch", _OTHER_HISTORY)
    commits = await place.reader.commits(since, min(since + limit, head))
    upto = commits[-1].seq if commits else head
    shown = [_shown(_as_now(place, commit), view) for commit in commits]
    if view.lens:  # who did what is not to be seen, and when, is not told either
        shown = [one for one in shown if one["changes"]]
    return as_json(
        {
            "epoch": epoch,
            "seq": head,
            "commits": shown,
            "next": upto if upto < head else None,
        }
    )


def _as_now(place: Place, commit: Commit) -> Commit:
    migrated = commit.seq <= place.keeper.migrated
    return as_now(commit, place.grant.whole) if migrated else commit


def _shown(commit: Commit, view: View) -> dict[str, Any]:
    return {
        "seq": commit.seq,
        "timestamp": commit.at,
        "by": commit.by,
        "changes": [_change(shown) for shown in view.shows(commit.changes)],
    }


def _change(shown: Shown) -> dict[str, Any]:
    said = {
        "table": shown.change.table,
        "operation": shown.operation,
        "id": shown.change.id,
        "changes": msgspec.Raw(shown.body),
    }
    return {**said, "reason": "left"} if shown.left else said


async def _stream(desk: Desk, place: Place, request: Request, given: Parameters) -> Response:
    """Subscribe as a socket does, and tell every message as an event.

    A cursor in Last-Event-ID, which browsers send when they come back, wins over `since`.
    """
    last = read_tag(f'"{request.headers.get("last-event-id", "")}"')
    epoch, since = last or (given.get("epoch"), number_parameter(given, "since"))
    asked = Subscribe(
        tables=list_parameter(given, "tables"),
        where=json_parameter(given, "where"),
        since=since,
        epoch=epoch,
    )
    if epoch is None:
        lens = read_view(place.grant, asked.tables, asked.where).lens
        asked = msgspec.structs.replace(asked, epoch=seen_as(place.reader.epoch, lens))
    outbox = Outbox()
    listener = Listener(outbox, place.store, seed=False)
    await send(place.inbox, Join(outbox, listener, asked, place.standing))
    first = await answer_of(outbox)
    if listener.view is None:
        raise_error(b"".join(first.pieces))

    async def write(put: Put) -> None:
        try:
            await _tell(desk, place, outbox, first, put)
        finally:
            outbox.hang_up()

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Streamed(write, "text/event-stream", headers)


async def _tell(desk: Desk, place: Place, outbox: Outbox, first: Mail, put: Put) -> None:
    """Put *first* and all that comes into *outbox*, until the house stops or the client goes."""

    async def close_when_stopping() -> None:
        await desk.house.stopping.wait()
        outbox.close(GOING_AWAY, "the server is stopping")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(close_when_stopping)
        look = partial(
            nursery.start_soon, catch_up, place.rights, outbox, lambda store: place.inbox
        )
        desk.house.following.add(place.rights, look)
        try:
            await put(b"retry: 1000\n\n")
            mail: Mail | None = first
            while mail is not None:
                await _pass_on(desk, place, outbox, mail, put)
                mail = await _next(outbox, put)
        except OSError:
            pass  # the client has gone; who ends the response will meet it again
        finally:
            desk.house.following.remove(place.rights)
        nursery.cancel_scope.cancel()


async def _next(outbox: Outbox, put: Put) -> Mail | None:
    """Return the next mail, and keep the connection alive while there is none."""
    while True:
        with trio.move_on_after(HEARTBEAT) as waiting:
            return await outbox.take()
        if waiting.cancelled_caught:
            await put(b": still here\n\n")


async def _pass_on(desk: Desk, place: Place, outbox: Outbox, mail: Mail, put: Put) -> None:
    frames = iter(mail.pieces)
    while (frame := await desk.turns.next(frames)) is not None:
        if events := b"".join(map(_event, payloads(frame))):
            await put(events)
    for listener in mail.behind:
        if not listener.gone:
            listener.asking = True
            await send(place.inbox, Missed(outbox, listener, mail.slow))


class _Tx(msgspec.Struct):
    i: int
    n: int


class _Told(msgspec.Struct):
    """What an event's id is made of."""

    type: str
    epoch: str = ""
    seq: int = 0
    tx: _Tx | None = None
    last: bool = True


_told = msgspec.json.Decoder(_Told).decode


def _event(payload: bytes) -> bytes:
    """Return a message as an event. One that completes a commit has its cursor as id.

    Who has seen half of a commit comes back to before it.
    """
    told = _told(payload)
    whole = told.tx is None or told.tx.i == told.tx.n - 1
    cursor = told.type in ("DELTA", "SNAPSHOT", "SYNCED") and whole and told.last
    name = f"id: {told.epoch}-{told.seq}\n" if cursor else ""
    return b"%bevent: %b\ndata: %b\n\n" % (name.encode(), told.type.encode(), payload)


_error = msgspec.json.Decoder(Error).decode


def raise_error(frames: bytes) -> NoReturn:
    """Raise the ERROR that *frames* are."""
    (payload,) = payloads(frames)
    raise Problem(_error(payload))


_ONLY_STREAMS = Text(
    "tables and where are for streams: Accept text/event-stream",
    "المعاملان tables و where للبث فقط: Accept text/event-stream",
)
_BAD_LIMIT = Text(f"limit is 1 to {MAX_COMMITS}", f"الحد limit من 1 إلى {MAX_COMMITS}")
_OTHER_HISTORY = Text(
    "This cursor is of another history; begin with a snapshot",
    "هذا الموضع من سجل آخر، ابدأ من snapshot",
)
