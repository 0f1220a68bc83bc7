"""The till of docs/till.md, as it stands there, on a counter where everything goes wrong."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect
from support.browsing import Tab
from support.guarded import sign_in
from support.selling import rows
from support.server import Server
from support.wire import Wire

Serve = Callable[..., Server]
OpenTab = Callable[..., Tab]
DOCUMENT = Path(__file__).parents[2] / "docs" / "till.md"
DISH, NAME = "item_foul_oil", "فول بالزيت والليمون"


def code(language: str) -> str:
    """Return the document's first example in *language*."""
    found = re.search(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.M | re.S)
    assert found
    return found[1]


@pytest.fixture
def shop(restaurant: Path) -> Path:
    (restaurant / "static" / "till.html").write_text(code("html"), "utf-8")
    (restaurant / "static" / "offline.js").write_text(code("js"), "utf-8")
    return restaurant


def sell(page: Page, dishes: int = 2) -> None:
    for _ in range(dishes):
        page.get_by_role("button", name=NAME).click()
    page.get_by_role("button", name="ادفع نقدًا").click()


def till_orders(server: Server) -> list[dict[str, object]]:
    return [one for one in rows(server, "order_header").values() if one["note"] == "till"]


def test_it_has_60_lines() -> None:
    assert len(code("html").splitlines()) <= 60


def test_it_sells_and_reloads_while_the_server_is_dead(
    serve: Serve, shop: Path, tab: OpenTab, url: str, told: Callable[[str], None]
) -> None:
    server = serve(shop)
    till = tab(at=url + "till.html")
    page = till.page
    expect(page.locator("#status")).to_contain_text("متصل")
    page.evaluate("navigator.serviceWorker.ready")
    sell(page)
    expect(page.locator("#orders li")).to_contain_text(re.compile("INV-"))
    till.stored()
    server.kill()
    sell(page, 3)
    expect(page.locator("#orders .unsent")).to_contain_text("لم تُرسل بعد")
    expect(page.locator("#status")).to_contain_text("لم يُرسل: 1")
    page.reload()
    expect(page.locator("#orders li")).to_have_count(2)
    expect(page.locator("#menu button").first).to_be_visible()
    sell(page, 1)
    expect(page.locator("#orders .unsent")).to_have_count(2)
    page.screenshot(path=shop.parent / "till-offline.png")
    told(f"screenshot {shop.parent / 'till-offline.png'}")
    server = serve(shop)
    expect(page.locator("#orders .unsent")).to_have_count(0, timeout=40_000)
    expect(page.locator("#status")).to_contain_text("كل شيء مُرسل")
    assert sorted(order["total"] for order in till_orders(server)) == [25, 50, 75]
    assert not till.troubles


def test_who_is_not_signed_in_comes_back_from_there(
    serve: Serve, guarded: Path, shop: Path, tab: OpenTab, url: str
) -> None:
    serve(guarded)
    page = tab(at=url + "till.html").page
    page.wait_for_url(url + "sign-in?next=/till.html")
    sign_in(page)
    page.wait_for_url(url + "till.html")
    sell(page)
    expect(page.locator("#orders li")).to_contain_text(re.compile("INV-"))
    expect(page.locator("#shop")).not_to_be_empty()


def test_a_new_version_of_the_page_counts_at_the_next_load(
    serve: Serve, shop: Path, tab: OpenTab, url: str, wire: Wire
) -> None:
    serve(shop)
    page = tab(at=url + "till.html").page
    page.evaluate("navigator.serviceWorker.ready")
    newer = code("html").replace("<title>كاشير</title>", "<title>كاشير ٢</title>")
    (shop / "static" / "till.html").write_text(newer, "utf-8")
    for _ in range(2):
        page.reload()
        assert page.title() == "كاشير ٢"
        wire.cut()


def test_on_a_plain_lan_it_sells_offline_but_needs_the_server_to_load(
    serve: Serve, shop: Path, tab: OpenTab, wire: Wire
) -> None:
    """What the document says can't be had there, can't; --insecure stands for a known network."""
    server = serve(shop, "--allow-host", "shop.lan", "--insecure")
    till = tab(at=f"http://shop.lan:{wire.port}/till.html")
    page = till.page
    expect(page.locator("#status")).to_contain_text("متصل")
    assert page.evaluate("'serviceWorker' in navigator") is False
    till.stored()
    wire.cut()
    sell(page)
    expect(page.locator("#orders .unsent")).to_have_count(1)
    with pytest.raises(Error, match="ERR_"):
        page.reload()
    page.wait_for_url("chrome-error://**")
    wire.mend()
    page.goto(till.url)
    expect(page.locator("#orders li")).to_contain_text("INV-")
    assert [order["total"] for order in till_orders(server)] == [50]


SHAPES = """() => {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = getComputedStyle(document.getElementById("receipt")).font;
  const width = (text) => Math.round(pen.measureText(text).width * 10);
  return [width("محمد"), width([..."محمد"].join("\\u200c")), width("\\ufffd\\ufffd\\ufffd\\ufffd")];
}"""


def test_an_arabic_receipt_is_whole_on_every_device(
    serve: Serve, shop: Path, tab: OpenTab, another: BrowserContext, url: str, wire: Wire,
    told: Callable[[str], None],
) -> None:  # fmt: skip
    """Letters, marks and order come back as they were written: offline, and over a restart."""
    name = "شُورْبَة لِسَان عُصفُور — ٢ × «حارّ» (Soup №2) لا إله إلا الله"
    server = serve(shop)
    till = tab(at=url).open("dar", "pos")
    till.stored()
    wire.cut_sockets()
    dish = {"id": "a-first", "category_id": "cat_breakfast", "price": 12.5,
            "name": {"ar": name, "en": "Soup"}}  # fmt: skip
    assert till.run("(dish) => db.insert('menu_item', dish).saved", dish)
    till.page.reload()
    till.open("dar", "pos")
    assert till.run("db.get('menu_item', 'a-first').name.ar") == name
    wire.mend()
    till.settled()
    server.kill()
    serve(shop)
    pictures = []
    for place in (till.page.context, another):
        page = tab(place, url + "till.html").page
        page.set_viewport_size({"width": 900, "height": 700})
        page.locator("#menu button").filter(has_text="Soup").click()
        expect(page.locator("#receipt div")).to_have_text(re.compile(re.escape(name)))
        assert (
            page.locator("#receipt").evaluate("(one) => getComputedStyle(one).direction") == "rtl"
        )
        joined, apart, broken = page.evaluate(SHAPES)
        assert len({joined, apart, broken}) == 3, "letters join, and are no boxes"
        pictures.append(page.locator("#receipt").screenshot())
    path = shop.parent / "receipt.png"
    path.write_bytes(pictures[0])
    told(f"screenshot {path}")
    assert pictures[0] == pictures[1]
