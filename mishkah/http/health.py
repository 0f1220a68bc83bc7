"""Whether the server lives, and whether its stores serve: for probes and load balancers."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mishkah.core.ids import StoreId
from mishkah.keeper import Keeper


def routes(keepers: Mapping[StoreId, Keeper]) -> list[Route]:
    """Return ``/healthz`` and ``/readyz``."""

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        stores = {str(store): keeper.status for store, keeper in keepers.items()}
        ready = all(status == "serving" for status in stores.values())
        return JSONResponse({"ready": ready, "stores": stores}, 200 if ready else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
