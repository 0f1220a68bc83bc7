"""Where the API tells of itself: OpenAPI as JSON, and a page for people that needs no network."""

from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mishkah.core.errors import AuthExpired, AuthRequired, UnknownModule
from mishkah.core.seeding import Recipe
from mishkah.jsonfile import BadFile
from mishkah.rest.asking import Desk
from mishkah.rest.openapi import describe_api
from mishkah.rest.page import STYLE, write_index, write_page
from mishkah.rest.requests import Parameters
from mishkah.site.landing import language_of
from mishkah.site.visitors import rights_of

_json = msgspec.json.Encoder(decimal_format="number")


async def openapi(desk: Desk, request: Request, given: Parameters) -> Response:
    """Describe the module that the parameters name, or else the path."""
    path = request.path_params
    named = {"branch": path["b"], "module": path["m"]} if "b" in path else given
    recipe = _recipe(desk, request, named)
    return Response(_json.encode(describe_api(recipe)), media_type="application/json")


async def page(desk: Desk, request: Request, given: Parameters) -> Response:
    """Write the page of one module, or the list of all where none is named.

    Who has to sign in first is sent there, and back.
    """
    try:
        rights = rights_of(desk.house, request)
    except (AuthRequired, AuthExpired):
        path, query = request.url.path, request.url.query
        back = urlencode({"next": f"{path}?{query}" if query else path})
        return RedirectResponse(f"/sign-in?{back}", 303)
    arabic = language_of(request) == "ar"
    if "branch" in given or "module" in given:
        recipe = _recipe(desk, request, given)
        text = write_page(recipe, arabic=arabic)
    else:
        stores = filter(rights.may_enter, desk.house.catalog.listed)
        text = write_index(stores, arabic=arabic)
    return Response(text, media_type="text/html")


async def style(desk: Desk, request: Request, given: Parameters) -> Response:
    return Response(STYLE, media_type="text/css")


def _recipe(desk: Desk, request: Request, named: Parameters) -> Recipe:
    """Return a store's recipe, with what who asks may know of it: no table and no field more."""
    rights = rights_of(desk.house, request)
    store = desk.house.catalog.resolve(named.get("branch"), named.get("module"))
    if store is None or not rights.may_enter(store):
        raise UnknownModule
    try:
        recipe = desk.house.catalog.recipe(store)
    except BadFile as bad:
        raise UnknownModule from bad
    grant = desk.house.gate.grant(rights.who, store, recipe.rules.schema)
    sequences = {
        table: known
        for table, some in recipe.rules.sequences.items()
        if (known := tuple(one for one in some if grant.names(table, (one.field,))))
    }
    rules = replace(recipe.rules, schema=grant.known, sequences=sequences)
    return replace(recipe, rules=rules)
