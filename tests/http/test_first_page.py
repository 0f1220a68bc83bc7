"""What is open to whom in a house with access control, and the page that lets people in."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.signing import (
    CLERK,
    NOTES,
    ROLES,
    SCREEN,
    Shop,
    bearer,
    cookie,
    given,
    open_shop,
)

from mishkah.identity.register import OPERATOR
from mishkah.identity.tables import IDENTITY
from mishkah.who import Scope


@pytest.fixture
async def shop(data: Path) -> AsyncIterator[Shop]:
    async with open_shop(data) as shop:
        await shop.house.house.open_listed()
        yield shop


async def get(shop: Shop, path: str, shown: dict[str, str] | None = None, **more: Any) -> Any:
    async with shop.client(**more) as client:
        return await client.get(path, headers=shown)


def forms(text: str) -> list[str]:
    return re.findall(r'action="/api/v1/auth/(\w+)" data-method="(?:POST|DELETE)"', text)


async def test_a_stranger_sees_where_to_sign_in_and_nothing_else(shop: Shop) -> None:
    for shown in ({}, cookie("mk_no_token"), bearer("x")):
        page = await get(shop, "/", shown)
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
        assert forms(page.text) == ["login", "enrol"]
        for told in ("shop/m", "_house", "/metrics", "/docs", "mishkah-trio", "ws://"):
            assert told not in page.text


async def test_the_page_has_no_script_or_style_of_its_own_and_nothing_from_elsewhere(
    shop: Shop,
) -> None:
    for shown in ({}, cookie(await shop.token("mona")), cookie(await shop.till())):
        page = await get(shop, "/", shown)
        policy = page.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "<style" not in page.text
        assert not re.findall(r"\s(?:on\w+|style)=", page.text)
        for script, inside in re.findall(r"<script([^>]*)>(.*?)</script>", page.text):
            assert inside == ""
            (source,) = re.findall(r'src="([^"]+)"', script)
            answer = await get(shop, source)
            assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert not re.findall(r'(?:src|href|action)="(?!/|\?)', page.text)


async def test_every_field_has_a_label_and_every_form_says_what_is_wrong_aloud(
    shop: Shop,
) -> None:
    for shown in ({}, cookie(await shop.till())):
        for language in ("ar", "en"):
            page = (await get(shop, f"/?lang={language}", shown)).text
            assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in page
            names = re.findall(r'<input id="([\w-]+)"', page)
            assert names == re.findall(r'<label for="([\w-]+)">', page) != []
            assert page.count("aria-live=") == page.count('method="post"') == page.count("<button>")


async def test_who_is_signed_in_sees_the_branches_that_they_may_enter(shop: Shop) -> None:
    page = (await get(shop, "/", cookie(await shop.token()))).text
    assert "<bdi>amal</bdi>" in page
    assert forms(page) == ["logout"]
    assert "shop/m" in page
    assert "^shop:" not in page, "a pattern of which amal has no role"
    assert "/metrics" not in page
    owners = (await get(shop, "/", cookie(await shop.token("mona")))).text
    assert {"/metrics", "shop/m", "^shop:"} <= set(re.findall(r"/metrics|shop/m|\^shop:", owners))
    assert "_house" not in owners


async def test_a_branch_of_others_is_not_shown(shop: Shop) -> None:
    create = shop.identity.register.create_user
    elsewhere = (Scope("clerk", ("other",)),)
    password = "two words of Sami"
    await create(OPERATOR, "sami", shop.clock(), scopes=elsewhere, password=password)
    token = await shop.identity.sessions.login("sami", password, None, shop.clock())
    page = (await get(shop, "/", cookie(token))).text
    assert "<bdi>sami</bdi>" in page
    assert "shop/m" not in page


async def test_a_device_shows_whose_it_is_and_who_acts_on_it(shop: Shop) -> None:
    till = await shop.till()
    page = (await get(shop, "/", cookie(till))).text
    assert "<bdi>till-1</bdi>" in page
    assert forms(page) == ["pin"]
    assert 'inputmode="numeric"' in page
    who = shop.identity.identify(till, shop.clock())
    await shop.identity.devices.act(who, "amal", "4711", None, shop.clock())
    page = (await get(shop, "/", cookie(till))).text
    assert "<bdi>amal</bdi>" in page
    assert 'action="/api/v1/auth/pin" data-method="DELETE"' in page


async def test_who_needs_no_token_sees_the_branches_and_where_to_sign_in(data: Path) -> None:
    public = [{"role": "screen", "branches": ["shop"], "modules": ["m"]}]
    async with open_shop(data, roles={**ROLES, "public": public}) as shop:
        page = (await get(shop, "/")).text
        assert forms(page) == ["login", "enrol"]
        assert "shop/m" in page
        assert (await get(shop, NOTES)).status_code == 200


async def test_the_shops_own_first_page_is_for_everybody_and_signing_in_beside_it(
    shop: Shop, data: Path
) -> None:
    (data / "static").mkdir()
    (data / "static" / "index.html").write_text("<p>own</p>")
    assert (await get(shop, "/")).text == "<p>own</p>"
    assert (await get(shop, "/index.html")).status_code == 200
    assert forms((await get(shop, "/sign-in")).text) == ["login", "enrol"]


async def test_the_page_on_the_interface_sends_strangers_to_sign_in_and_back(shop: Shop) -> None:
    path = "/docs?branch=shop&module=m"
    told = await get(shop, path)
    assert told.status_code == 303
    assert told.headers["location"] == "/sign-in?next=%2Fdocs%3Fbranch%3Dshop%26module%3Dm"
    assert (await get(shop, "/docs")).headers["location"] == "/sign-in?next=%2Fdocs"
    form = await get(shop, told.headers["location"])
    other = re.findall(r'href="(\?[^"]+)" hreflang="ar"', form.text)
    assert other == ["?lang=ar&amp;next=%2Fdocs%3Fbranch%3Dshop%26module%3Dm"]
    assert (await get(shop, path, cookie(await shop.token()))).status_code == 200
    assert (await get(shop, "/docs/style.css")).status_code == 200


async def test_what_is_asked_for_is_written_into_the_page_as_text(shop: Shop) -> None:
    page = (await get(shop, '/sign-in?next="><script>alert(1)</script>')).text
    assert "<script>" not in page
    assert 'next="' not in page


WHO = ["nobody", "a wrong token", "a clerk", "a device", "an owner", "an owner's token for this"]


async def shown_by(shop: Shop, who: str) -> dict[str, str]:
    create = shop.identity.register.create_token
    metrics = (Scope("owner", ("*",), ("metrics",)),)
    match who:
        case "nobody":
            return {}
        case "a wrong token":
            return bearer("mk_a_b")
        case "a clerk":
            return bearer(await shop.token())
        case "a device":
            return bearer(await shop.till())
        case "an owner":
            return cookie(await shop.token("mona"))
        case _:
            return bearer(await create(OPERATOR, "mona", shop.clock(), scopes=metrics))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1"])
@pytest.mark.parametrize("who", WHO)
async def test_only_owners_see_what_is_counted_wherever_they_come_from(
    shop: Shop, who: str, address: str
) -> None:
    shown = await shown_by(shop, who)
    status = {"nobody": 401, "a wrong token": 401, "a clerk": 403, "a device": 403}.get(who, 200)
    metrics = await get(shop, "/metrics", shown, address=address)
    assert metrics.status_code == status
    assert ("shop" in metrics.text) is (status == 200)
    assert ("www-authenticate" in metrics.headers) is (status == 401)
    ready = await get(shop, "/readyz", shown, address=address)
    assert ready.status_code == 200
    full = {"ready", "stopping", "stores", "disk"} if status == 200 else {"ready"}
    assert ready.json().keys() == full
    assert (await get(shop, "/healthz", shown, address=address)).text == "ok\n"


async def test_a_token_for_metrics_is_for_nothing_else(shop: Shop) -> None:
    shown = await shown_by(shop, "an owner's token for this")
    assert (await get(shop, NOTES, shown)).status_code == 404
    assert "shop/m" not in (await get(shop, "/", shown)).text


async def test_it_is_told_to_everybody_that_it_is_not_ready_but_not_why(shop: Shop) -> None:
    shop.house.house.keepers[IDENTITY].status = "failed"
    told = await get(shop, "/readyz")
    assert (told.status_code, told.json()) == (503, {"ready": False})


async def test_a_role_that_is_taken_away_is_seen_at_the_next_look(shop: Shop) -> None:
    token = await shop.token()
    change = shop.identity.register.change_user
    await change(OPERATOR, "amal", shop.clock(), name=None, scopes=())
    assert "shop/m" not in (await get(shop, "/", cookie(token))).text
    await change(OPERATOR, "amal", shop.clock(), name=None, scopes=CLERK + SCREEN)
    assert "shop/m" in (await get(shop, "/", cookie(token))).text


async def test_the_first_page_keeps_its_visitor_signed_in(shop: Shop) -> None:
    token = await shop.token()
    shop.clock.move(hours=7)
    again = await get(shop, "/", cookie(token))
    assert given(again) == (token, {"HttpOnly": "", "SameSite": "Strict", "Path": "/",
                                    "Max-Age": "43200"})  # fmt: skip
