"""Who sends a request, and what may be done with it."""

from starlette.requests import Request
from starlette.responses import Response

from mishkah.core.errors import AuthRequired, Forbidden, Text
from mishkah.core.ids import StoreId
from mishkah.core.reach import HOUSE
from mishkah.http.credentials import token_of
from mishkah.rest.problems import Problem, told
from mishkah.rights import Rights
from mishkah.site.paced import address_of
from mishkah.site.premises import Premises
from mishkah.who import NOBODY

METRICS = StoreId(HOUSE, "metrics")
"""What is counted of the house, as roles see it: a store of the house's own."""
_KEPT = "mishkah.rights"


def rights_of(house: Premises, request: Request) -> Rights:
    """Return the rights of who sends *request*, looked up once for each request.

    Raises AuthRequired, AuthExpired, RateLimited.
    """
    known = known_rights(request)
    if known is None:
        rights = house.rights()
        rights.show(shown_token(house, request))
        house.rates.admit_person(rights.who.owner, address_of(request.scope, house.rates))
        known = request.scope[_KEPT] = rights
    return known


def caller(request: Request) -> str:
    """Return the address that *request* comes from, as far as believed proxies tell."""
    address: str = request.scope["client"][0]
    return address


def check_counts(house: Premises, request: Request) -> None:
    """See whether who sends *request* may know what is counted, and how the stores are.

    Where there is access control, that is an owner: coming from this machine is no proof, since
    what a proxy on it passes on does too. Raises Forbidden, and as `rights_of`.
    """
    if not rights_of(house, request).may_enter(METRICS):
        raise Forbidden(_ONLY_OWNERS)


def known_rights(request: Request) -> Rights | None:
    """Return the rights of who sends *request*, where they were looked up."""
    known: Rights | None = request.scope.get(_KEPT)
    return known


def shown_token(house: Premises, request: Request) -> str | None:
    """Return the token of *request*, None where it has none, or one that does not count."""
    return token_of(request.method, request.headers, request.scope["scheme"], house.origins)


def refuse(house: Premises, request: Request, refused: Problem, *, noted: bool = False) -> Response:
    """Return the response that tells *refused*, counted; who was refused is noted, if not yet."""
    code = refused.error.code
    house.tally.refused[code] += 1
    if not noted:
        note_refusal(house, request, code)
    return told(refused, request)


def note_refusal(house: Premises, request: Request, code: str) -> None:
    """Let it be noted that who sent *request* was told *code*.

    That who shows nothing is to sign in is no news: whoever finds the port would push out what is.
    """
    known = known_rights(request)
    if code == AuthRequired.code and shown_token(house, request) is None:
        return
    if house.identity is not None:
        house.identity.refused(known.who if known else NOBODY, code, caller(request))


_ONLY_OWNERS = Text("Only owners may see this", "هذا للمالكين فقط")
