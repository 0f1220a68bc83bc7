"""What there is: branches, modules, their schemas, single rows, and the rules of their numbers."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mishkah import inventory
from mishkah.core.errors import NotFound
from mishkah.core.grants import lens_of
from mishkah.core.ids import StoreId
from mishkah.core.sequences import Sequence
from mishkah.core.wire import seen_as
from mishkah.describing import describe
from mishkah.rest.asking import Desk, Place
from mishkah.rest.requests import Parameters, is_known, tag
from mishkah.rest.sentences import SENTENCES
from mishkah.site.visitors import rights_of
from mishkah.who import ANY

_encode = msgspec.json.Encoder(decimal_format="number").encode


def as_json(value: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(_encode(value), headers=headers, media_type="application/json")


def as_known(etag: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to who has it already, with the *headers* that it would have."""
    return Response(status_code=304, headers={**(headers or {}), "etag": etag})


async def branches(desk: Desk, request: Request, given: Parameters) -> Response:
    """Tell which branches there are: those that may be entered, with their modules."""
    rights = rights_of(desk.house, request)
    shown = []
    for line in inventory.branches(desk.house.catalog):
        branch = ANY if line["kind"] == "pattern" else line["branch"]
        modules = [m for m in line["modules"] if rights.may_enter(StoreId(branch, m))]
        if modules:
            shown.append({**line, "modules": modules})
    return as_json({"branches": shown})


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
        "tables": list(place.grant.schema.tables),
    }
    lens = lens_of(place.grant.tables.values())
    return as_json(said, {"etag": tag(seen_as(place.reader.epoch, lens), seq)})


async def schema(desk: Desk, request: Request, given: Parameters) -> Response:
    """Tell every rule of the module's tables that is in force, and how its refusal is said.

    A field that the server numbers where it is left out is *numbered*.
    """
    place = await desk.place(request)
    told = describe(place.grant.known)
    for table, some in place.keeper.recipe.rules.sequences.items():
        for one in some:
            if place.grant.names(table, (one.field,)):
                told["tables"][table]["fields"][one.field]["numbered"] = True
    return as_json({**told, "sentences": SENTENCES})


async def row(desk: Desk, request: Request, given: Parameters) -> Response:
    """Show one row; its ETag is what `If-Match` takes."""
    place, path = await desk.place(request), request.path_params
    record = await place.reader.row(place.table(path["t"]), path["id"])
    line = None if record is None else place.grant.tables[path["t"]].line(record.json)
    if record is None or line is None:
        raise NotFound
    etag = place.tag(record.seq, path["t"])
    if is_known(request, etag):
        return as_known(etag)
    return Response(line, headers={"etag": etag}, media_type="application/json")


async def sequences(desk: Desk, request: Request, given: Parameters) -> Response:
    """Tell the rule of each sequence, and the number that it will give next."""
    place = await desk.place(request)
    ready = place.keeper.recipe.rules.sequences.values()
    counters = await place.reader.counters()
    known = [s for some in ready for s in some if place.grant.tables[s.table].reads_field(s.field)]
    listed = [_sequence(desk, place, one, counters) for one in known]
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
