"""What is answered to plain requests: one ASGI application on Starlette, put together of parts."""

from collections.abc import Mapping
from typing import Protocol

import trio
from starlette.applications import Starlette

from mishkah.catalog import Catalog
from mishkah.core.ids import StoreId
from mishkah.http import health
from mishkah.http.gateway import Application
from mishkah.keeper import Keeper
from mishkah.rest import routes as rest
from mishkah.talk import Room


class Premises(Protocol):
    """What the site knows of the house."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def keepers(self) -> Mapping[StoreId, Keeper]: ...
    @property
    def stopping(self) -> trio.Event: ...

    def enter(self, branch: str | None, module: str | None) -> Room:
        """Return a store, opened if need be, and the way into it. Raises UnknownModule."""


def make_site(house: Premises) -> Application:
    """Return the application that serves *house*."""
    return Starlette(routes=[*health.routes(house.keepers), *rest.routes(house)])
