"""What owners ask of the identity store, as commands do: each deed has its address."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mishkah.core.errors import NotFound, Text
from mishkah.identity.deeds import do
from mishkah.identity.gate import ClosedGate
from mishkah.identity.register import may_manage
from mishkah.rest.asking import Desk
from mishkah.rest.reading import as_json
from mishkah.rest.requests import Parameters, read_body
from mishkah.site.visitors import rights_of


async def deed(desk: Desk, request: Request, given: Parameters) -> Response:
    """Do a deed whose arguments are the body; in a house that is open to all there is none."""
    gate = desk.house.gate
    if not isinstance(gate, ClosedGate):
        raise NotFound(_OPEN)
    rights = rights_of(desk.house, request)
    may_manage(rights.who)
    arguments = msgspec.json.encode(await read_body(request))
    name = request.path_params["deed"]
    told = await do(gate.identity, name, arguments, rights.who, desk.house.clock(), gate.roles)
    return as_json(told, {"cache-control": "no-store"})


_OPEN = Text("This house has no access control", "لا ضبط للدخول في هذه المنشأة")
