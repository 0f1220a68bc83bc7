"""Writes: each becomes the message that a socket would send, and is answered when it is durable."""

from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mishkah.asking import Ack
from mishkah.core.errors import BadMessage, Detail, Text, pointer
from mishkah.rest.asking import Desk, Place, write
from mishkah.rest.requests import Parameters, key_of, read_body

_encode = msgspec.json.Encoder().encode


async def insert(desk: Desk, request: Request, given: Parameters) -> Response:
    """Insert the row that is the body: 201, with its address."""
    place, name = await desk.place(request), request.path_params["t"]
    table = place.grant.table(name).table
    ack = await write(
        place, request, {"type": "INSERT", "table": name, "data": await read_body(request)}
    )
    row = _row(ack)
    headers = {"etag": place.tag(ack.seq, name)}
    if row is not None:
        identifier = table.decode(row)[table.primary_key]
        headers["location"] = f"{request.url.path}/{quote(identifier, safe='')}"
    return _done(ack, 201, headers, row=row)


async def update(desk: Desk, request: Request, given: Parameters) -> Response:
    """Change a row: `changes` replace what fields have, `add` is added to it."""
    place, message = await _about_row(desk, request, "UPDATE")
    body = await read_body(request, ("changes", "add"))
    if "add" in body and key_of(request) is None:
        raise BadMessage(None, (Detail(pointer("add"), "add", _ADD_NEEDS_KEY),))
    if "add" in body and "changes" not in body and "if-match" in request.headers:
        raise BadMessage(None, (Detail(pointer("add"), "add", _ADD_IS_FREE),))
    ack = await write(place, request, {**message, **body})
    name, row, seq = message["table"], _row(ack), ack.seq
    if not ack.rows:  # it had these values already, or the log no longer has what was said first
        record = await place.reader.row(place.table(name), message["id"])
        line = None if record is None else place.grant.tables[name].line(record.json)
        row = None if line is None else msgspec.Raw(line)
        seq = ack.seq if record is None else record.seq
    return _done(ack, 200, {"etag": place.tag(seq, name)}, row=row)


def _row(ack: Ack) -> msgspec.Raw | None:
    """Return the row that was written; None where there is none, or none that may be read."""
    return ack.rows[0] if ack.rows and bytes(ack.rows[0]) != b"null" else None


async def delete(desk: Desk, request: Request, given: Parameters) -> Response:
    """Delete a row, and what goes with it."""
    place, message = await _about_row(desk, request, "DELETE")
    return _done(await write(place, request, message), 200, {})


async def transact(desk: Desk, request: Request, given: Parameters) -> Response:
    """Do several operations in one commit, or none of them."""
    place = await desk.place(request)
    body = await read_body(request, ("ops", "base", "epoch"))
    ack = await write(place, request, {"type": "TRANSACTION", **body})
    return _done(ack, 200, {}, rows=ack.rows)


async def take_numbers(desk: Desk, request: Request, given: Parameters) -> Response:
    """Take numbers of a sequence without a row; nobody else gets them."""
    place, path = await desk.place(request), request.path_params
    body = await read_body(request, ("count",), optional=True)
    ack = await write(
        place, request, {"type": "NEXT", "table": path["t"], "field": path["f"], **body}
    )
    return _done(ack, 200, {}, numbers=ack.numbers)


async def _about_row(desk: Desk, request: Request, kind: str) -> tuple[Place, dict[str, Any]]:
    place, path = await desk.place(request), request.path_params
    place.grant.table(path["t"])
    return place, {"type": kind, "table": path["t"], "id": path["id"]}


def _done(ack: Ack, status: int, headers: dict[str, str], **more: Any) -> Response:
    again = {"dup": True} if ack.dup else {}
    body = _encode({"seq": ack.seq, **more, **again})
    return Response(body, status, headers, media_type="application/json")


_ADD_NEEDS_KEY = Text(
    "add needs an Idempotency-Key, so that it is done once",
    "تحتاج add إلى Idempotency-Key حتى لا تُنفّذ مرتين",
)
_ADD_IS_FREE = Text(
    "add never conflicts: leave If-Match out",
    "لا تعارض في add، فلا ترسل معها If-Match",
)
