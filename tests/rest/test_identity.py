"""What owners ask of the identity store by HTTP; nobody else does, and no open house has it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.identity import AMAL, MONA, CountingHasher

from mishkah.identity.gate import ClosedGate
from mishkah.identity.register import OPERATOR
from mishkah.site.assembly import make_site
from mishkah.testing import TestHouse, open_test_house


class Shop:
    """A house with Mona, its owner, and Amal, who sells there."""

    def __init__(self, house: TestHouse) -> None:
        gate = house.house.gate
        assert isinstance(gate, ClosedGate)
        self.house = house
        self.gate = gate
        self.operator = gate.admit_operator()
        site: Any = make_site(house.house)
        transport = httpx.ASGITransport(site, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async def furnish(self) -> "Shop":
        owner, seller = [{"role": "owner"}], [{"role": "manager", "branches": ["shop"]}]
        for user, password, scopes in (("mona", MONA, owner), ("amal", AMAL, seller)):
            person = {"user": user, "password": password, "scopes": scopes}
            assert (await self.ask("create_user", **person)).json() is None
        return self

    async def ask(self, deed: str, /, token: str | None = None, **arguments: Any) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {token or self.operator}"}
        address = f"/api/v1/identity/{deed}"
        return await self.http.post(address, json=arguments, headers=bearer)

    async def token(self, user: str, **how: Any) -> str:
        told = await self.ask("create_token", user=user, **how)
        return str(told.json()["token"])


@pytest.fixture
async def shop(data: Path, autojump_clock: object) -> AsyncIterator[Shop]:
    async with open_test_house(data, hasher=CountingHasher()) as house:
        keeper = next(iter(house.house.keepers.values()))
        await keeper.settled.wait()
        yield await Shop(house).furnish()


async def test_the_operator_and_owners_may_ask(shop: Shop) -> None:
    mona = await shop.token("mona")
    people = await shop.ask("users", mona)
    assert [row["id"] for row in people.json()] == ["mona", "amal"]
    assert people.headers["cache-control"] == "no-store"
    assert people.json() == (await shop.ask("users")).json()
    assert "hash" not in people.text


async def test_nobody_else_may(shop: Shop) -> None:
    amal, narrow = await shop.token("amal"), await shop.token("mona", scopes=[{"role": "manager"}])
    code = (await shop.ask("create_code", device="till-1", scopes=[{"role": "owner"}])).json()[
        "code"
    ]
    till = await shop.gate.identity.devices.enrol(code, None, shop.gate._clock())
    for token in (amal, narrow, till):
        for deed in ("users", "disable_user", "none"):
            no = await shop.ask(deed, token, user="mona")
            assert (no.status_code, no.json()["code"]) == (403, "FORBIDDEN"), (token, deed)
    wrong = shop.operator[:-1] + ("a" if shop.operator[-1] != "a" else "b")
    for token in (wrong, "mk_operator_", "mk_operator", "x"):
        no = await shop.ask("users", token)
        assert (no.status_code, no.json()["code"]) == (401, "AUTH_REQUIRED"), token
    bare = await shop.http.post("/api/v1/identity/users", json={})
    assert bare.status_code == 401
    assert shop.operator not in repr(vars(shop.gate))


async def test_what_can_not_be_done_is_told(shop: Shop) -> None:
    for deed, arguments, status in (
        ("none", {}, 404), ("users", {"x": 1}, 400), ("disable_user", {"user": "none"}, 404),
        ("disable_user", {"user": "mona"}, 422), ("create_user", {"user": "amal"}, 422),
        ("set_password", {"user": "amal", "password": "short"}, 422),
        ("create_user", {"user": "nour", "scopes": [{"role": "cashire"}]}, 422),
    ):  # fmt: skip
        no = await shop.ask(deed, **arguments)
        assert no.status_code == status, no.text
        assert "cashire" not in no.text
    address = "/api/v1/identity/users"
    bearer = {"Authorization": f"Bearer {shop.operator}"}
    assert (await shop.http.get(address, headers=bearer)).status_code == 405
    assert (await shop.http.post(address, content=b"{}", headers=bearer)).status_code == 415


ROW = "/api/v1/branches/shop/modules/m/tables/note"


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/api/v1/identity/create_user", b'{"user": "eve"}'),
        ("/api/v1/auth/password", b'{"old": "x", "new": "y"}'),
        (ROW, b'{"id": "n2", "text": "too late"}'),
        (f"{ROW}/n1", b'{"changes": {"text": "too late"}}'),
    ],
)
async def test_who_has_lost_the_right_while_the_body_came_does_nothing_with_it(
    shop: Shop, address: str, body: bytes
) -> None:
    token = await shop.token("mona")

    async def slow() -> AsyncIterator[bytes]:
        yield body[:5]
        register, now = shop.gate.identity.register, shop.gate._clock()
        await register.revoke_token(OPERATOR, token.split("_")[1], now)
        yield body[5:]

    bearer = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    method = "PATCH" if address.endswith("n1") else "POST"
    no = await shop.http.request(method, address, content=slow(), headers=bearer)
    assert (no.status_code, no.json()["code"]) == (401, "AUTH_REQUIRED")
    assert [row["id"] for row in (await shop.ask("users")).json()] == ["mona", "amal"]
    rows = await shop.http.get(ROW, headers={"Authorization": f"Bearer {shop.operator}"})
    assert rows.json()["rows"] == [{"id": "n1", "text": "hello"}]


async def test_a_body_is_judged_by_the_role_of_when_it_has_come(shop: Shop) -> None:
    token = await shop.token("amal")

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"id": "n2", '
        await shop.ask("change_user", user="amal", scopes=[{"role": "read-only"}])
        yield b'"text": "too late"}'

    bearer = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    no = await shop.http.post(ROW, content=slow(), headers=bearer)
    assert (no.status_code, no.json()["code"]) == (403, "FORBIDDEN")


async def test_who_is_disabled_is_sent_away_at_once(shop: Shop) -> None:
    async with shop.house.client(await shop.token("amal"), branch="shop", module="m") as desk:
        assert (await desk.receive())["type"] == "SNAPSHOT"
        await shop.ask("disable_user", user="amal")
        assert await desk.close_code() == 4401


async def test_the_operator_goes_on_when_others_change(shop: Shop) -> None:
    async with shop.house.v1("x", token=shop.operator) as desk:
        await shop.ask("disable_user", user="amal")
        await desk.send({"type": "PING", "ref": "p"})
        assert (await desk.receive())["type"] == "PONG"


async def test_another_operator_takes_the_place_of_the_first(shop: Shop) -> None:
    second = shop.gate.admit_operator()
    assert (await shop.ask("users")).status_code == 401
    assert (await shop.ask("users", second)).status_code == 200
    assert shop.gate.identify(second) == shop.gate.again(OPERATOR) == OPERATOR


async def test_a_house_that_is_open_has_none_of_it(api: Any) -> None:
    no = await api.post("/api/v1/identity/users", json={})
    assert (no.status_code, no.json()["code"]) == (404, "NOT_FOUND")
