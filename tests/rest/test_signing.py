"""Signing in and out by HTTP."""

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from support.identity import AMAL, MONA
from support.signing import (
    AUTH,
    HOUR12,
    LOGIN,
    NOTES,
    PAGE,
    PIN,
    PROGRAM,
    Shop,
    ask_me,
    bearer,
    cookie,
    given,
    open_shop,
    post,
)

from mishkah.http.credentials import FOR_GOOD
from mishkah.http.crowd import HERE
from mishkah.http.guests import Guests
from mishkah.identity.register import OPERATOR
from mishkah.limits import Limits
from mishkah.site.assembly import make_site
from mishkah.testing import open_test_house
from mishkah.who import Scope


async def test_a_page_of_the_shop_gets_a_cookie_that_no_script_can_read(shop: Shop) -> None:
    told = await post(shop, "login", LOGIN, **PAGE)
    assert (told.status_code, told.headers["cache-control"]) == (200, "no-store")
    assert told.json() == {"user": "amal", "device": None, "expires": HOUR12}
    token, attributes = given(told)
    assert attributes == {"HttpOnly": "", "SameSite": "Strict", "Path": "/", "Max-Age": "43200"}
    assert token not in told.text
    assert (await ask_me(shop, **cookie(token))).json()["user"] == "amal"


async def test_a_cookie_that_came_by_https_is_sent_by_https_alone(shop: Shop) -> None:
    async with shop.client(scheme="https", Origin="https://localhost") as client:
        _, attributes = given(await client.post(f"{AUTH}/login", json=LOGIN))
        assert "Secure" in attributes


@pytest.mark.parametrize("believed", [True, False])
async def test_what_a_proxy_says_of_a_page_counts_where_it_is_believed(
    autojump_clock: trio.testing.MockClock, data: Path, believed: bool
) -> None:
    guests = Guests(frozenset({"till.lan"}), proxies=(ip_network(HERE),) if believed else ())
    async with open_shop(data, guests=guests) as shop:
        body = json.dumps(LOGIN)
        stream = shop.house.connect()
        head = (
            f"POST {AUTH}/login HTTP/1.1\r\nHost: till.lan\r\nOrigin: https://till.lan\r\n"
            "X-Forwarded-Proto: https\r\nX-Forwarded-For: 10.9.9.9, 10.1.2.3\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        await stream.send_all((head + body).encode())
        told = b"".join([part async for part in stream]).decode()
        assert told.startswith("HTTP/1.1 200 ")
        assert ("; Secure\r\n" in told) is believed
        (login,) = await shop.audit(1)
        assert (login["event"], login["address"]) == ("login", "10.1.2.3" if believed else HERE)


async def test_a_program_gets_its_token_in_the_body_and_no_cookie(shop: Shop) -> None:
    told = await post(shop, "login", PROGRAM)
    assert told.status_code == 200
    assert "set-cookie" not in told.headers
    me = await ask_me(shop, **bearer(told.json()["token"]))
    assert me.json() == {
        "user": "amal",
        "device": None,
        "expires": HOUR12,
        "stores": [{"branch": "shop", "module": "m", "role": "clerk"}],
    }
    assert "set-cookie" not in me.headers


async def test_who_is_refused_hears_the_same_and_costs_the_same(shop: Shop) -> None:
    await shop.identity.register.create_user(OPERATOR, "gone", shop.clock(), password=AMAL)
    await shop.identity.register.disable_user(OPERATOR, "gone", shop.clock())
    said, cost = set(), set()
    for user, password in [
        ("amal", "wrong"), ("nobody", "wrong"), ("gone", AMAL), ("", ""), ("../x", AMAL),
        ("amal", "a" * 9000), ("amal\x00", AMAL),
    ]:  # fmt: skip
        before = shop.hasher.hashed
        told = await post(shop, "login", {"user": user, "password": password}, **PAGE)
        headers = tuple(sorted(told.headers.items()))
        said.add((told.status_code, told.content, headers))
        cost.add(shop.hasher.hashed - before)
    ((status, _, _),) = said
    assert (status, cost) == (401, {1})


async def test_who_fails_too_often_waits_and_the_others_do_not(data: Path) -> None:
    async with open_shop(data, limits=Limits(logins=4)) as shop:

        async def guess(address: str, user: str, password: str) -> Any:
            async with shop.client(address) as client:
                body = {"user": user, "password": password, "cookie": False}
                return await client.post(f"{AUTH}/login", json=body)

        tried = [await guess("10.0.0.1", f"user{i}", "wrong") for i in range(6)]
        assert [one.status_code for one in tried] == [401] * 4 + [429] * 2
        assert 0 < int(tried[-1].headers["retry-after"]) <= 900
        assert tried[-1].json()["code"] == "RATE_LIMITED"
        assert (await guess("10.0.0.1", "amal", AMAL)).status_code == 429
        assert (await guess("10.0.0.2", "amal", AMAL)).status_code == 200


async def test_who_signs_out_is_known_no_more_and_the_cookie_goes(shop: Shop) -> None:
    token = await shop.token()
    for _ in range(2):  # whoever did it already hears the same
        told = await post(shop, "logout", **PAGE, **cookie(token))
        assert (told.status_code, told.headers["cache-control"]) == (204, "no-store")
        empty, attributes = given(told)
        assert (empty, attributes["Max-Age"], attributes["Path"]) == ("", "0", "/")
        assert not shop.is_known(token)
    assert (await post(shop, "logout", **bearer(token))).status_code == 401
    assert [row["event"] for row in await shop.audit()].count("logout") == 1


async def test_a_session_that_is_used_lasts_on_without_a_write_for_each_request(
    shop: Shop,
) -> None:
    token = await shop.token()
    async with shop.client(**cookie(token)) as client:
        before = await shop.commits()
        for _ in range(5):
            shop.clock.move(hours=1)
            assert "set-cookie" not in (await client.get(NOTES)).headers
        assert await shop.commits() == before
        shop.clock.move(hours=2)
        again = await client.get(NOTES)
        assert again.status_code == 200
        assert given(again)[0] == token
        assert given(again)[1]["Max-Age"] == "43200"
        assert again.headers["cache-control"] == "no-store", "it holds somebody's token"
        assert await shop.commits() == before + 1
        shop.clock.move(hours=11)
        assert (await client.get("/", headers={"Accept": "text/html"})).status_code == 200
        shop.clock.move(hours=11)
        assert (await client.get(NOTES)).status_code == 200, "the first page is a use too"
        shop.clock.move(hours=13)
        assert (await client.get(NOTES)).json()["code"] == "AUTH_EXPIRED"


async def test_a_program_is_sent_no_cookie_when_its_session_lasts_on(shop: Shop) -> None:
    token = await shop.token()
    shop.clock.move(hours=7)
    async with shop.client(**bearer(token)) as client:
        assert "set-cookie" not in (await client.get(NOTES)).headers
    shop.clock.move(hours=7)
    assert shop.is_known(token)


async def test_who_asks_who_it_is_keeps_its_cookie_as_long_as_its_session(shop: Shop) -> None:
    token = await shop.token()
    shop.clock.move(hours=1)
    me = await ask_me(shop, **cookie(token))
    assert (given(me)[0], given(me)[1]["Max-Age"]) == (token, "39600")
    shop.clock.move(hours=6)
    me = await ask_me(shop, **cookie(token))
    assert (given(me)[1]["Max-Age"], me.json()["expires"]) == ("43200", "2025-10-30T07:00:00.000Z")


async def test_a_new_password_ends_the_other_sessions(shop: Shop) -> None:
    mine, other = await shop.token(), await shop.token()
    body = {"old": AMAL, "new": "three words of Amal"}
    wrong = await post(shop, "password", {**body, "old": "wrong"}, **bearer(mine))
    assert (wrong.status_code, wrong.json()["code"]) == (403, "FORBIDDEN")
    assert wrong.json()["title"] == "This is not allowed"
    easy = await post(shop, "password", {**body, "new": "12345678"}, **bearer(mine))
    assert (easy.status_code, easy.json()["errors"][0]["path"]) == (422, "/password")
    assert (await post(shop, "password", body, **bearer(mine))).status_code == 204
    assert (shop.is_known(mine), shop.is_known(other)) == (True, False)
    assert [row["event"] for row in await shop.audit(2)] == ["password", "password-failed"]


async def test_a_device_enrols_once_and_its_cookie_stays(shop: Shop) -> None:
    code = await shop.code()
    told = await post(shop, "enrol", {"code": code.lower()}, **PAGE)
    assert told.json() == {"user": None, "device": "till-1", "expires": None}
    token, attributes = given(told)
    assert attributes["Max-Age"] == str(FOR_GOOD)
    again = await post(shop, "enrol", {"code": code}, **PAGE)
    assert (again.status_code, again.json()["code"]) == (401, "AUTH_REQUIRED")
    me = await ask_me(shop, **cookie(token))
    assert (me.json()["device"], given(me)[1]["Max-Age"]) == ("till-1", str(FOR_GOOD))


async def test_a_person_acts_on_a_device_by_a_pin_until_they_leave(shop: Shop) -> None:
    code = (await shop.code()).replace("-", " ")
    till = (await post(shop, "enrol", {"code": code, "cookie": False})).json()["token"]
    assert (await ask_me(shop, **bearer(till))).json()["stores"][0]["role"] == "screen"
    acting = await post(shop, "pin", {"user": "amal", "pin": PIN}, **bearer(till))
    assert acting.json() == {"user": "amal", "device": "till-1", "expires": HOUR12}
    me = await ask_me(shop, **bearer(till))
    assert (me.json()["user"], me.json()["stores"][0]["role"]) == ("amal", "clerk")
    async with shop.client(**bearer(till)) as client:
        assert (await client.delete(f"{AUTH}/pin")).status_code == 204
    assert (await ask_me(shop, **bearer(till))).json()["user"] is None


async def test_a_cookie_of_a_device_outlives_who_acts_on_it(shop: Shop) -> None:
    till = await shop.till()
    headers = {**PAGE, **cookie(till)}
    assert (await post(shop, "pin", {"user": "amal", "pin": PIN}, **headers)).status_code == 200
    me = await ask_me(shop, **cookie(till))
    assert (me.json()["expires"], given(me)[1]["Max-Age"]) == (HOUR12, str(FOR_GOOD))


async def test_wrong_pins_say_the_same_and_lock_the_device(shop: Shop) -> None:
    till = await shop.till()
    said = [
        await post(shop, "pin", {"user": user, "pin": "0000"}, **bearer(till))
        for user in ("amal", "nobody", "mona", "", "amal")
    ]
    assert {(one.status_code, one.content) for one in said} == {(403, said[0].content)}
    locked = await post(shop, "pin", {"user": "amal", "pin": PIN}, **bearer(till))
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "60")
    session = await post(shop, "pin", {"user": "amal", "pin": PIN}, **bearer(await shop.token()))
    assert session.status_code == 403


async def test_a_browser_that_has_enrolled_does_not_forget_it_for_a_person(shop: Shop) -> None:
    till = await shop.till()
    told = await post(shop, "login", LOGIN, **PAGE, **cookie(till))
    assert (told.status_code, "set-cookie" in told.headers) == (403, False)
    shop.clock.move(hours=1)
    assert (await post(shop, "login", LOGIN, **PAGE, **cookie("mk_x_y"))).status_code == 200
    assert (await post(shop, "login", PROGRAM, **PAGE, **cookie(till))).status_code == 200


async def test_there_is_no_signing_in_where_everything_is_open(data: Path) -> None:
    async with open_test_house(data) as house:
        site: Any = make_site(house.house)
        transport = httpx.ASGITransport(site)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for path, method in PATHS:
                told = await client.request(method, f"{AUTH}/{path}")
                assert (told.status_code, told.json()["code"]) == (404, "NOT_FOUND")


PATHS = [
    ("login", "POST"), ("logout", "POST"), ("me", "GET"), ("password", "POST"), ("enrol", "POST"),
    ("pin", "POST"), ("pin", "DELETE"),
]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {}, {"user": "amal"}, {**LOGIN, "user": 1}, {**LOGIN, "password": None},
        {**LOGIN, "cookie": "no"}, {**LOGIN, "cookie": 0}, {**LOGIN, "more": 1}, [LOGIN], "x",
    ],
)  # fmt: skip
async def test_what_is_no_sign_in_is_told_so_and_not_repeated(shop: Shop, body: Any) -> None:
    told = await post(shop, "login", body, **PAGE)
    assert (told.status_code, told.json()["code"]) == (400, "BAD_MESSAGE")
    assert AMAL not in told.text


async def test_a_form_is_no_json_and_signs_nobody_in(shop: Shop) -> None:
    async with shop.client(**PAGE) as client:
        told = await client.post(f"{AUTH}/login", data=LOGIN)
        plain = {"Content-Type": "text/plain"}
        text = await client.post(f"{AUTH}/login", content=json.dumps(LOGIN), headers=plain)
    assert (told.status_code, text.status_code) == (415, 415)


@pytest.mark.parametrize(
    ("shown", "error"),
    [
        ({}, False), (bearer("x"), True), (cookie("x"), True), ({"Authorization": "Basic x"}, True),
        ({"Cookie": "other=1"}, False),
    ],
)  # fmt: skip
async def test_who_is_not_let_in_is_told_how_to_come(
    shop: Shop, shown: dict[str, str], error: bool
) -> None:
    async with shop.client(**shown) as client:
        told = await client.get(NOTES)
        assert told.status_code == 401
        how = 'Bearer realm="mishkah"' + (', error="invalid_token"' if error else "")
        assert told.headers["www-authenticate"] == how


@pytest.mark.parametrize("name", ["token", "access_token", "mishkah_session", "Authorization"])
async def test_a_token_in_a_url_does_nothing(shop: Shop, name: str) -> None:
    token = await shop.token()
    async with shop.client() as client:
        for path in (NOTES, f"{AUTH}/me"):
            told = await client.get(path, params={name: token})
            assert told.status_code in (400, 401)
            assert token not in told.text
    async with shop.house._connected(f"/?{name}={token}") as socket:
        assert (await socket.receive())["code"] == "AUTH_REQUIRED"


async def test_who_may_enter_no_branch_is_told_of_none(shop: Shop) -> None:
    create = shop.identity.register.create_user
    elsewhere = (Scope("clerk", ("other",)),)
    await create(OPERATOR, "sami", shop.clock(), scopes=elsewhere, password=AMAL)
    token = await shop.identity.sessions.login("sami", AMAL, None, shop.clock())
    assert (await ask_me(shop, **bearer(token))).json()["stores"] == []


async def test_an_owner_signs_in_everywhere(shop: Shop) -> None:
    told = await post(shop, "login", {"user": " Mona", "password": MONA}, **PAGE)
    assert told.json()["user"] == "mona"
