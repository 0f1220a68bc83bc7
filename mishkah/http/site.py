"""What is answered to plain requests: one ASGI application on Starlette."""

from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mishkah.http.gateway import Application

Status = Callable[[], Mapping[str, str]]
"""Return each open store and what it does: "opening", "serving" or "failed"."""


def make_site(status: Status) -> Application:
    """Return the application."""

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        stores = dict(status())
        ready = all(doing == "serving" for doing in stores.values())
        return JSONResponse({"ready": ready, "stores": stores}, 200 if ready else 503)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz)])
