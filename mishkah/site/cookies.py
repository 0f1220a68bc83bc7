"""The cookie by which our own pages show who sends a request: given, kept good, and taken."""

import math
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from mishkah.core.errors import Refused
from mishkah.http.credentials import FOR_GOOD, is_by_cookie, set_cookie
from mishkah.site.premises import Premises
from mishkah.site.visitors import known_rights, shown_token
from mishkah.who import Who


async def keep_in(house: Premises, request: Request, response: Response) -> None:
    """Let the session of who sent *request* last on, and its cookie with it, where it is time."""
    known = known_rights(request)
    if house.identity is None or known is None:
        return
    with suppress(Refused):  # it lasts on with another request
        if await house.identity.sessions.renew(known.who, house.clock()):
            show_again(house, request, response)


def show_again(house: Premises, request: Request, response: Response) -> None:
    """Let the browser keep the cookie of *request*, if it has shown one, as long as it is good."""
    token = shown_token(house, request)
    if house.identity is not None and token is not None and is_by_cookie(request.headers):
        give_cookie(house, request, response, token, house.gate.identify(token))


def give_cookie(
    house: Premises, request: Request, response: Response, token: str, who: Who
) -> None:
    """Let the browser show *token*, that of *who*, from now on; a device's for good."""
    left = FOR_GOOD
    if who.expires is not None and who.device is None:
        left = math.ceil(who.expires - house.gate.now())
    _put_cookie(request, response, token, left)


def take_cookie(request: Request, response: Response) -> None:
    """Let the browser forget its cookie."""
    _put_cookie(request, response, "", 0)


def _put_cookie(request: Request, response: Response, token: str, seconds: int) -> None:
    cookie = set_cookie(token, seconds, secure=request.url.scheme == "https")
    response.headers["set-cookie"] = cookie
    response.headers["cache-control"] = "no-store"
