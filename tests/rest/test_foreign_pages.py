"""Pages of other sites sign nobody in, and change nothing by a cookie."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from support.identity import AMAL
from support.signing import (
    AUTH,
    LOGIN,
    NOTES,
    Shop,
    bearer,
    cookie,
    open_shop,
    post,
)
from trio_websocket import wrap_client_stream

# origin, sec-fetch-site, asks for a cookie → whether that is let be
PAGES = [
    ("http://localhost", None, True, True),
    ("http://localhost", "same-origin", True, True),
    ("https://localhost", None, True, True),
    (None, "same-origin", True, True),
    ("http://localhost", None, False, True),
    (None, None, False, True),
    (None, None, True, False),
    (None, "cross-site", False, False),
    (None, "cross-site", True, False),
    (None, "same-site", True, False),
    (None, "none", True, False),
    ("http://localhost:3000", "same-site", True, False),
    ("http://localhost:3000", "same-origin", True, False),
    ("http://evil.example", None, True, False),
    ("http://evil.example", "cross-site", False, False),
    ("null", None, True, False),
    ("", None, True, False),
]


@pytest.mark.parametrize(("origin", "site", "wants", "lets"), PAGES)
@pytest.mark.parametrize("path", ["login", "enrol"])
async def test_a_page_of_another_site_signs_nobody_in(
    shop: Shop, path: str, origin: str | None, site: str | None, wants: bool, lets: bool
) -> None:
    sent = {"Origin": origin, "Sec-Fetch-Site": site}
    headers = {name: value for name, value in sent.items() if value is not None}
    body: dict[str, Any] = {"cookie": wants}
    body |= LOGIN if path == "login" else {"code": await shop.code()}
    hashed, written = shop.hasher.hashed, await shop.commits()
    told = await post(shop, path, body, **headers)
    if lets:
        assert told.status_code == 200
        assert ("token" in told.json()) is not wants
        assert ("set-cookie" in told.headers) is wants
        return
    assert (told.status_code, told.json()["code"]) == (403, "FORBIDDEN")
    assert "set-cookie" not in told.headers
    assert shop.hasher.hashed == hashed, "the password was tried"
    (noted,) = (await shop.audit())[: await shop.commits() - written]
    assert (noted["event"], noted["detail"]) == ("refused", "FORBIDDEN")


def unsafe(page: dict[str, str]) -> bool:
    """Tell whether a cookie that comes with these headers must not count for a change."""
    origin, site = page.get("Origin"), page.get("Sec-Fetch-Site")
    return origin != "http://localhost" if origin is not None else site != "same-origin"


FROM = [
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
    {},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
]
CHANGES = [
    ("POST", NOTES, {"id": "new"}),
    ("PATCH", f"{NOTES}/n1", {"changes": {"text": "x"}}),
    ("DELETE", f"{NOTES}/n1", None),
    ("POST", f"{AUTH}/logout", None),
    ("POST", f"{AUTH}/password", {"old": AMAL, "new": "three words of Amal"}),
]


@pytest.mark.parametrize("page", FROM)
async def test_a_cookie_changes_something_for_our_own_pages_alone(
    data: Path, page: dict[str, str]
) -> None:
    for method, path, body in CHANGES:
        for show in (cookie, bearer):
            async with open_shop(data) as shop, shop.client(**page) as client:
                shown = show(await shop.token())
                told = await client.request(method, path, json=body, headers=shown)
                if show is cookie and unsafe(page):
                    assert (told.status_code, told.json()["code"]) == (401, "AUTH_REQUIRED")
                else:
                    assert told.status_code in (200, 201, 204), told.text


@pytest.mark.parametrize("page", FROM)
async def test_what_changes_nothing_a_cookie_may_read(shop: Shop, page: dict[str, str]) -> None:
    async with shop.client(**page, **cookie(await shop.token())) as client:
        assert (await client.get(NOTES)).status_code == 200


@pytest.mark.parametrize(
    ("page", "subprotocol", "lets"),
    [
        ({"Origin": "http://localhost"}, False, True),
        ({"Origin": "http://localhost"}, True, True),
        ({}, False, False),
        ({"Origin": "http://localhost:3000"}, False, False),
        ({"Origin": "http://localhost:3000"}, True, False),
        ({"Origin": "http://127.0.0.1"}, False, False),
        ({"Sec-Fetch-Site": "same-site"}, False, False),
    ],
)
async def test_a_cookie_opens_a_socket_for_our_own_pages_alone(
    autojump_clock: trio.testing.MockClock,
    shop: Shop,
    page: dict[str, str],
    subprotocol: bool,
    lets: bool,
) -> None:
    headers = [*page.items(), *cookie(await shop.token()).items()]
    async with trio.open_nursery() as nursery:
        ws = await wrap_client_stream(
            nursery,
            shop.house.connect(),
            "localhost",
            "/",
            subprotocols=["mishkah.v1"] if subprotocol else [],
            extra_headers=[(name.encode(), value.encode()) for name, value in headers],
        )
        if subprotocol:
            await ws.send_message('{"type": "HELLO", "v": 1}')
        said = json.loads(await ws.get_message())
        if lets:
            assert said["type"] in ("WELCOME", "SNAPSHOT")
        else:
            assert said["code"] == "AUTH_REQUIRED"
        nursery.cancel_scope.cancel()
