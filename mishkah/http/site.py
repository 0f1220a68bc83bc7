"""What is answered to plain requests: one ASGI application on Starlette, put together of parts."""

from collections.abc import Mapping, Set
from typing import Protocol

import trio
from starlette.applications import Starlette

from mishkah.catalog import Catalog
from mishkah.core.ids import StoreId
from mishkah.feed import Outbox
from mishkah.http import health, landing, metrics
from mishkah.http.files import Files
from mishkah.http.gateway import Application
from mishkah.http.headers import Headed
from mishkah.http.packaged import Packaged
from mishkah.keeper import Keeper
from mishkah.rest import routes as rest
from mishkah.talk import Room
from mishkah.tally import Tally


class Premises(Protocol):
    """What the site knows of the house."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def keepers(self) -> Mapping[StoreId, Keeper]: ...
    @property
    def stopping(self) -> trio.Event: ...
    @property
    def tally(self) -> Tally: ...
    @property
    def outboxes(self) -> Set[Outbox]: ...

    def enter(self, branch: str | None, module: str | None) -> Room:
        """Return a store, opened if need be, and the way into it. Raises UnknownModule."""


def make_site(house: Premises) -> Application:
    """Return the application that serves *house*."""
    files, packaged = Files(house.catalog.data), Packaged()
    app = Starlette(
        routes=[
            *health.routes(house),
            *metrics.routes(house),
            *rest.routes(house),
            *packaged.routes(),
            *landing.routes(house, files, packaged),
        ]
    )
    app.router.default = files  # it has whatever path nobody else has
    return metrics.Counting(Headed(app), house.tally)
