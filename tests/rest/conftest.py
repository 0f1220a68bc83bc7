"""A house whose clients speak HTTP to it, without sockets; its stores in memory or in files."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.sample import sample_plugins
from support.server import SAMPLE
from support.signing import Shop, open_shop

from mishkah.journal import MemoryJournals, OpenJournal
from mishkah.site.assembly import make_site
from mishkah.sqlite import SqliteJournals
from mishkah.testing import TestHouse, open_test_house

MODULE = "/api/v1/branches/shop/modules/m"


class Api(httpx.AsyncClient):
    """A client of one house; `house` is what it serves. Addresses are those below a module."""

    def __init__(self, house: TestHouse) -> None:
        site: Any = make_site(house.house)
        transport = httpx.ASGITransport(site, raise_app_exceptions=False)
        super().__init__(transport=transport, base_url="http://localhost")
        self.house = house

    async def request(self, method: str, url: Any, **options: Any) -> httpx.Response:
        address = url if url.startswith("/") else f"{MODULE}/{url}"
        return await super().request(method, address, **options)


Serve = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture(params=["memory", "sqlite"])
def journals(request: pytest.FixtureRequest, tmp_path: Path) -> OpenJournal:
    if request.param == "memory":
        return MemoryJournals()
    return SqliteJournals(lambda store: tmp_path / f"{store.branch}.sqlite3", "OFF")


@pytest.fixture
def serve(data: Path, journals: OpenJournal) -> Serve:
    """Return the function that opens the house of `data`, again and again with the same files."""

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[Api]:
        options.setdefault("journals", journals)
        async with open_test_house(data, **options) as house, Api(house) as api:
            yield api

    return opened


@pytest.fixture
async def api(serve: Serve) -> AsyncIterator[Api]:
    async with serve() as api:
        yield api


@pytest.fixture
async def sample() -> AsyncIterator[Api]:
    """A client of the sample installation, in memory."""
    async with open_test_house(SAMPLE, plugins=sample_plugins()) as house, Api(house) as api:
        yield api


@pytest.fixture
async def shop(data: Path) -> AsyncIterator[Shop]:
    async with open_shop(data) as shop:
        yield shop
