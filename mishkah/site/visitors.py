"""Who sends a request, and what may be done with it."""

from starlette.requests import Request

from mishkah.http.credentials import token_of
from mishkah.rights import Rights
from mishkah.site.paced import address_of
from mishkah.site.premises import Premises

_KEPT = "mishkah.rights"


def rights_of(house: Premises, request: Request) -> Rights:
    """Return the rights of who sends *request*, looked up once for each request.

    Raises AuthRequired, AuthExpired, RateLimited.
    """
    known: Rights | None = request.scope.get(_KEPT)
    if known is None:
        rights = house.rights()
        rights.show(token_of(request.method, request.headers, house.origins))
        house.rates.admit_person(rights.who.owner, address_of(request.scope, house.rates))
        known = request.scope[_KEPT] = rights
    return known
