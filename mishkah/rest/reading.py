"""What there is: branches, modules, their schemas, single rows, and the rules of their numbers."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mishkah import inventory
from mishkah.core.errors import NotFound
from mishkah.core.sequences import Sequence
from mishkah.describing import describe
from mishkah.rest.asking import Desk, Place
from mishkah.rest.requests import Parameters, is_known, tag

_encode = msgspec.json.Encoder(decimal_format="number").encode


def as_json(value: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(_encode(value), headers=headers, media_type="application/json")


def as_known(etag: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to who has it already, with the *headers* that it would have."""
    return Response(status_code=304, headers={**(headers or {}), "etag": etag})


async def branches(desk: Desk, request: Request, given: Parameters) -> Response:
    return as_json({"branches": list(inventory.branches(desk.house.catalog))})


async def info(desk: Desk, request: Request, given: Parameters) -> Response:
    """Tell where a module's history is, and what tables it has."""
    place = await desk.place(request)
    module = desk.house.catalog.module(place.store.module)
    seq = await place.reader.head()
    said = {
        "branch": place.store.branch,
        "module": place.store.module,
        "label": module.label,
        "epoch": place.reader.epoch,
        "seq": seq,
        "tables": list(place.keeper.recipe.rules.schema.tables),
    }
    return as_json(said, {"etag": tag(place.reader.epoch, seq)})


async def schema(desk: Desk, request: Request, given: Parameters) -> Response:
    """Tell every rule of the module's tables that is in force."""
    place = await desk.place(request)
    return as_json(describe(place.keeper.recipe.rules.schema))


async def row(desk: Desk, request: Request, given: Parameters) -> Response:
    """Show one row; its ETag is what `If-Match` takes."""
    place, path = await desk.place(request), request.path_params
    record = await place.reader.row(place.table(path["t"]), path["id"])
    if record is None:
        raise NotFound
    etag = tag(place.reader.epoch, record.seq)
    if is_known(request, etag):
        return as_known(etag)
    return Response(record.json, headers={"etag": etag}, media_type="application/json")


async def sequences(desk: Desk, request: Request, given: Parameters) -> Response:
    """Tell the rule of each sequence, and the number that it will give next."""
    place = await desk.place(request)
    ready = place.keeper.recipe.rules.sequences.values()
    counters = await place.reader.counters()
    listed = [_sequence(desk, place, one, counters) for some in ready for one in some]
    return as_json({"sequences": listed})


def _sequence(desk: Desk, place: Place, sequence: Sequence, counters: Any) -> dict[str, Any]:
    local = place.keeper.clock().astimezone(place.keeper.recipe.rules.zone)
    store = place.store
    rules = desk.house.catalog.sequences.rules_of(store.branch, store.module)
    rule = rules[sequence.table][sequence.field]
    last = counters.get((sequence.table, sequence.field, sequence.period(local)))
    number = sequence.start if last is None else max(last + 1, sequence.start)
    return {
        "table": sequence.table,
        "field": sequence.field,
        "prefix": rule.prefix,
        "start": rule.start,
        "format": rule.template,
        "reset": rule.reset,
        "last": last,
        "next": sequence.write(number, local),
    }
