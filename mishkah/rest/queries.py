"""Questions about a table: pages of rows, and totals, read from what is committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mishkah.core.errors import Detail, Refused
from mishkah.core.messages import Query
from mishkah.core.query import read_question
from mishkah.core.wire import quote
from mishkah.rest.asking import Desk, Place
from mishkah.rest.reading import as_known
from mishkah.rest.requests import (
    Parameters,
    is_known,
    json_parameter,
    list_parameter,
    number_parameter,
)

PAGE = ("where", "order", "limit", "cursor", "fields")
TOTALS = ("table", "where", "by", "values")


async def page(desk: Desk, request: Request, given: Parameters) -> Response:
    """Show rows, filtered, in an order; `next` is the `cursor` of the page after it."""
    place, name = await desk.place(request), request.path_params["t"]
    place.table(name)
    asked = Query(
        table=name,
        where=json_parameter(given, "where"),
        order=_order(given),
        limit=number_parameter(given, "limit"),
        after=given.get("cursor"),
        fields=list_parameter(given, "fields"),
    )
    return await _answer(place, request, asked)


async def totals(desk: Desk, request: Request, given: Parameters) -> Response:
    """Count and add up rows, in groups."""
    place = await desk.place(request)
    name = given.get("table", "")
    place.table(name)
    aggregate: dict[str, Any] = {"values": json_parameter(given, "values")}
    if "by" in given:
        aggregate["by"] = list_parameter(given, "by")
    asked = Query(table=name, where=json_parameter(given, "where"), aggregate=aggregate)
    return await _answer(place, request, asked)


def _order(given: Parameters) -> list[list[str]] | None:
    """Return the order in the words of a QUERY: ``-name`` goes down."""
    names = list_parameter(given, "order")
    if names is None:
        return None
    return [[n[1:], "desc"] if n.startswith("-") else [n, "asc"] for n in names]


async def _answer(place: Place, request: Request, asked: Query) -> Response:
    with _named_as_here():
        question = read_question(place.grant, asked)
    seq, found = await place.reader.find(question)
    etag = place.tag(seq, asked.table)
    if is_known(request, etag):
        return as_known(etag)
    parts = [b'{"rows":[', b",".join(found.rows), b'],"seq":%d' % seq]
    if question.totals is None:
        parts += [b',"next":', quote(found.next)]
    body = b"".join([*parts, b"}"])
    return Response(body, headers={"etag": etag}, media_type="application/json")


@contextmanager
def _named_as_here() -> Iterator[None]:
    """Let a refusal point to the parameters of the URL, where a QUERY's have other names."""
    try:
        yield
    except Refused as refusal:
        details = tuple(_here(detail) for detail in refusal.details)
        raise type(refusal)(refusal.said, details) from None


def _here(detail: Detail) -> Detail:
    path = detail.path.removeprefix("/aggregate")
    if path == "/after":
        path = "/cursor"
    return Detail(path or "/values", detail.rule, detail.text)
