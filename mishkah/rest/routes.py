"""Every address under /api/v1, with its methods and parameters, on one page."""

import re

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from mishkah.core.errors import Refused
from mishkah.rest import (
    changes,
    describing,
    history,
    identity,
    queries,
    reading,
    signing,
    snapshots,
    writing,
)
from mishkah.rest.asking import Desk, Handler
from mishkah.rest.problems import HANDLERS, Problem, problem
from mishkah.rest.requests import parameters
from mishkah.site.cookies import keep_in
from mishkah.site.premises import Premises
from mishkah.site.visitors import refuse

PREFIX = "/api/v1"
MODULE = "/branches/{b}/modules/{m}"

Methods = dict[str, tuple[Handler, tuple[str, ...]]]
"""Method → what answers it, and the parameters that it takes."""

ADDRESSES: dict[str, Methods] = {
    "/branches": {"GET": (reading.branches, ())},
    MODULE: {"GET": (reading.info, ())},
    "/openapi.json": {"GET": (describing.openapi, ("branch", "module"))},
    f"{MODULE}/openapi.json": {"GET": (describing.openapi, ())},
    f"{MODULE}/schema": {"GET": (reading.schema, ())},
    f"{MODULE}/snapshot": {"GET": (snapshots.snapshot, ("tables",))},
    f"{MODULE}/changes": {"GET": (changes.changes, changes.PARAMETERS)},
    f"{MODULE}/history": {"GET": (history.history, history.PARAMETERS)},
    f"{MODULE}/aggregate": {"GET": (queries.totals, queries.TOTALS)},
    f"{MODULE}/sequences": {"GET": (reading.sequences, ())},
    f"{MODULE}/sequences/{{t}}/{{f}}": {"POST": (writing.take_numbers, ())},
    f"{MODULE}/transactions": {"POST": (writing.transact, ())},
    f"{MODULE}/tables/{{t}}": {"GET": (queries.page, queries.PAGE), "POST": (writing.insert, ())},
    f"{MODULE}/tables/{{t}}/{{id:any}}": {
        "GET": (reading.row, ()),
        "PATCH": (writing.update, ()),
        "DELETE": (writing.delete, ()),
    },
}

HOUSE: dict[str, Methods] = {
    "/auth/login": {"POST": (signing.login, ())},
    "/auth/logout": {"POST": (signing.logout, ())},
    "/auth/me": {"GET": (signing.me, ())},
    "/auth/password": {"POST": (signing.password, ())},
    "/auth/enrol": {"POST": (signing.enrol, ())},
    "/auth/pin": {"POST": (signing.act, ()), "DELETE": (signing.stop_acting, ())},
    "/identity/{deed}": {"POST": (identity.deed, ())},
}
"""Who speaks, and who else may; of no module, and so in no description of one."""

PAGES: dict[str, Methods] = {
    "/docs": {"GET": (describing.page, ("branch", "module", "lang"))},
    "/docs/style.css": {"GET": (describing.style, ())},
}
"""What people read, beside the API."""


def routes(house: Premises) -> list[BaseRoute]:
    """Return what answers under `PREFIX`."""
    register_url_convertor("any", _Any())
    desk = Desk(house)
    api = Starlette(
        routes=[_route(desk, path, methods) for path, methods in (ADDRESSES | HOUSE).items()],
        exception_handlers=HANDLERS,
    )
    api.router.redirect_slashes = False
    pages = [_route(desk, path, methods) for path, methods in PAGES.items()]
    mount = Mount(PREFIX, api)
    mount.path_regex = re.compile(f"{PREFIX}/(?P<path>.*)", re.DOTALL)
    return [mount, *pages]


class _Any(Convertor[str]):
    """Whatever is left of a path, line breaks too: so that every address is answered here."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def _route(desk: Desk, path: str, methods: Methods) -> Route:
    async def answer(request: Request) -> Response:
        handler, allowed = methods["GET" if request.method == "HEAD" else request.method]
        try:
            response = await handler(desk, request, parameters(request, allowed))
        except Refused as refusal:
            refused = problem(refusal)
        except Problem as already:
            refused = already
        else:
            response.headers.setdefault("cache-control", "no-cache")  # no row that is no more
            await keep_in(desk.house, request, response)
            return response
        noted = handler in signing.NOTED
        return refuse(desk.house, request, refused, noted=noted)

    return Route(path, answer, methods=list(methods))
