"""A shop with access control, and who comes to it by HTTP: pages, programs and devices."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import trio

from mishkah.core.errors import Refused
from mishkah.identity.identity import Identity
from mishkah.identity.register import OPERATOR
from mishkah.identity.tables import IDENTITY
from mishkah.limits import Limits
from mishkah.site.assembly import make_site
from mishkah.testing import ALL, NOON, TestHouse, open_test_house, write_json
from mishkah.who import Scope
from support.identity import AMAL, MONA, OWNER, CountingHasher

AUTH = "/api/v1/auth"
NOTES = "/api/v1/branches/shop/modules/m/tables/note"
PAGE = {"Origin": "http://localhost"}
"""What a page of the shop sends along."""
CLERK = (Scope("clerk", ("shop",), ("m",)),)
ROLES = {"roles": {"clerk": {"rules": [ALL]}, "screen": {"rules": [{"do": ["read"]}]}}}
SCREEN = (Scope("screen", ("shop",), ("m",)),)
PIN = "4711"


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, **time: float) -> None:
        self.now += timedelta(**time)


class Shop:
    """A house with Mona, its owner, and Amal, a clerk, whose PIN is `PIN`."""

    def __init__(self, house: TestHouse, hasher: CountingHasher, clock: Hands) -> None:
        assert house.house.identity is not None
        self.house = house
        self.identity: Identity = house.house.identity
        self.hasher = hasher
        self.clock = clock

    async def furnish(self) -> None:
        create = self.identity.register.create_user
        await create(OPERATOR, "mona", NOON, scopes=OWNER, password=MONA, pin="9753")
        await create(OPERATOR, "amal", NOON, scopes=CLERK, password=AMAL, pin=PIN)

    def client(
        self, address: str = "10.0.0.1", scheme: str = "http", **headers: str
    ) -> httpx.AsyncClient:
        site: Any = make_site(self.house.house)
        transport = httpx.ASGITransport(site, client=(address, 0), raise_app_exceptions=False)
        base = f"{scheme}://localhost"
        return httpx.AsyncClient(transport=transport, base_url=base, headers=headers)

    async def token(self, user: str = "amal") -> str:
        password = {"mona": MONA, "amal": AMAL}[user]
        return await self.identity.sessions.login(user, password, None, self.clock())

    async def code(self) -> str:
        create = self.identity.devices.create_code
        return await create(OPERATOR, "till-1", self.clock(), scopes=SCREEN)

    async def till(self) -> str:
        """Enrol a device; return its token."""
        return await self.identity.devices.enrol(await self.code(), None, self.clock())

    def is_known(self, token: str) -> bool:
        try:
            self.identity.identify(token, self.clock())
        except Refused:
            return False
        return True

    async def audit(self, number: int = 1000) -> list[dict[str, Any]]:
        """Return what is noted, the newest first, when all of it is."""
        await trio.testing.wait_all_tasks_blocked()
        return list(self.identity.register.audit(OPERATOR, number))

    async def commits(self) -> int:
        reader = self.house.house.keepers[IDENTITY].reader
        assert reader is not None
        return await reader.head()


@asynccontextmanager
async def open_shop(
    data: Path, *, limits: Limits | None = None, roles: Any = ROLES, **more: Any
) -> AsyncIterator[Shop]:
    write_json(data / "access.json", roles)
    hasher, clock = CountingHasher(), Hands()
    opened = open_test_house(data, hasher=hasher, clock=clock, limits=limits, **more)
    async with opened as house:
        await house.house.keepers[IDENTITY].settled.wait()
        shop = Shop(house, hasher, clock)
        await shop.furnish()
        yield shop


def cookie(token: str) -> dict[str, str]:
    return {"Cookie": f"mishkah_session={token}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def given(response: httpx.Response) -> tuple[str, dict[str, str]]:
    """Return the token and the attributes of the cookie that *response* sets."""
    (line,) = response.headers.get_list("set-cookie")
    first, *rest = line.split("; ")
    name, token = first.split("=", 1)
    assert name == "mishkah_session"
    pairs = (one.partition("=") for one in rest)
    return token, {key: value for key, _, value in pairs}


LOGIN = {"user": "amal", "password": AMAL}
PROGRAM = {**LOGIN, "cookie": False}
HOUR12 = "2025-10-30T00:00:00.000Z"


async def post(shop: Shop, path: str, body: Any = None, **headers: str) -> Any:
    async with shop.client(**headers) as client:
        return await client.post(f"{AUTH}/{path}", json=body)


async def ask_me(shop: Shop, **headers: str) -> Any:
    async with shop.client() as client:
        return await client.get(f"{AUTH}/me", headers=headers)
