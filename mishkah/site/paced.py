"""Requests that come too fast are refused before anybody else looks at them."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mishkah.core.errors import RateLimited
from mishkah.http.crowd import counted
from mishkah.rates import Rates
from mishkah.rest.problems import problem, told
from mishkah.tally import Tally


def address_of(scope: Scope, rates: Rates) -> str | None:
    """Return the address of a request as *rates* count it."""
    return counted(scope["client"][0], loopback=rates.loopback)


class Paced:
    """An ASGI application that answers as *app* does, to addresses that keep to their rate."""

    def __init__(self, app: ASGIApp, rates: Rates, tally: Tally) -> None:
        self._app = app
        self._rates = rates
        self._refused = tally.refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._rates.admit(address_of(scope, self._rates))
        except RateLimited as limited:
            self._refused[limited.code] += 1
            response = told(problem(limited), Request(scope))
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)
