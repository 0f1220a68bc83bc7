"""Whether the server lives, and whether its stores serve: for probes and load balancers."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import trio
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mishkah.core.errors import Refused
from mishkah.identity.tables import IDENTITY
from mishkah.site.premises import Premises
from mishkah.site.visitors import check_counts

_FRESH = {"cache-control": "no-store"}


def routes(house: Premises) -> list[Route]:
    """Return ``/healthz`` and ``/readyz``."""

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n", headers=_FRESH)

    async def readyz(request: Request) -> Response:
        stores = {str(store): keeper.status for store, keeper in house.keepers.items()}
        listed = [str(store) for store in house.catalog.listed]
        stores = {**dict.fromkeys(listed, "closed"), **stores}
        # Branches of patterns don't count: a client that opens one must not turn others away.
        needed = listed if house.identity is None else [*listed, str(IDENTITY)]
        ready = all(stores[store] == "serving" for store in needed)
        stopping = house.stopping.is_set()
        body: dict[str, Any] = {"ready": ready and not stopping}
        with suppress(Refused):
            check_counts(house, request)
            free = await trio.to_thread.run_sync(_free, house.catalog.data)
            body |= {"stopping": stopping, "stores": stores, "disk": {"free": free}}
        return JSONResponse(body, 200 if body["ready"] else 503, headers=_FRESH)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def _free(data: Path) -> int | None:
    """Return the bytes that are free where *data* lies, None where nobody can tell. Blocks."""
    try:
        return shutil.disk_usage(data).free
    except OSError:
        return None
