"""What devices do to a till: wrong clocks, full disks, killed browsers, sleep."""

import contextlib
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error
from support.browsing import Tab
from support.selling import paid, rows, write
from support.server import Server
from support.wire import Wire

Serve = Callable[..., Server]
OpenTab = Callable[..., Tab]


def day_of(invoice: str) -> str:
    return invoice.split("-")[1]


@pytest.mark.parametrize(
    "wrong", [timedelta(days=-1), timedelta(days=370), timedelta(days=-20_000)]
)
def test_a_wrong_clock_moves_no_sale_to_another_day(
    serve: Serve, restaurant: Path, tab: OpenTab, wire: Wire, wrong: timedelta
) -> None:
    server = serve(restaurant)
    till = tab()
    till.run("""(wrong) => {
      const real = Date;
      const shifted = () => real.now() + wrong;
      window.Date = class extends real {
        constructor(...given) { given.length ? super(...given) : super(shifted()); }
        static now() { return shifted(); }
      };
    }""", wrong.total_seconds() * 1000)  # fmt: skip
    till.open("dar", "pos")
    write(till, paid("online"))
    wire.cut()
    write(till, paid("offline"))
    assert abs(_moment(till.run("db.now()")) - datetime.now(UTC)) < timedelta(seconds=10)
    wire.mend()
    till.settled()
    there = rows(server, "order_header")
    today = f"{datetime.now(UTC):%Y%j}"
    for name in ("online", "offline"):
        order = till.run("(id) => db.get('order_header', id)", name)
        assert order == there[name]
        assert abs(_moment(order["created_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
        assert day_of(order["invoice_no"]) == today
    assert till.run("db.rejected().length") == 0


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_a_clock_that_jumps_while_the_page_is_open_loses_nothing(
    serve: Serve, kiosk: Path, tab: OpenTab, wire: Wire
) -> None:
    server = serve(kiosk)
    till = tab().open("shop", "m")
    for n, days in enumerate((400, -800, 0)):
        wire.cut()
        till.run("""([n, days]) => {
          window.real ??= Date.now;
          Date.now = () => window.real() + days * 86400000;
          return db.insert("sale", { id: `s${n}`, tab: "a", n }).saved;
        }""", [n, days])  # fmt: skip
        wire.mend()
        till.settled()
    assert sorted(rows(server, "sale", "shop", "m")) == ["s0", "s1", "s2"]
    assert till.run("db.status.state") == "live"


ROOM = 300_000
FILL = """async () => {
  const saved = [];
  for (let n = 0; n < 40 && saved.filter((is) => !is).length < 3; n++) {
    const sale = { id: `s${n}`, tab: "a", n, note: "x".repeat(400_000) };
    saved.push(await db.insert("sale", sale).saved);
  }
  return saved;
}"""


@pytest.mark.parametrize("connected", [False, True], ids=["offline", "online"])
def test_a_full_device_says_so_and_loses_no_sale(
    serve: Serve, kiosk: Path, tab: OpenTab, launch_browser: Callable[[], BrowserContext],
    wire: Wire, connected: bool,
) -> None:  # fmt: skip
    """In a profile on disk: Chromium holds no private window to its room."""
    server = serve(kiosk)
    context = launch_browser()
    till = tab(context)
    cdp = context.new_cdp_session(till.page)
    room = {"origin": till.url.rstrip("/"), "quotaSize": ROOM}
    cdp.send("Storage.overrideQuotaForOrigin", room)
    till.open("shop", "m")
    if not connected:
        wire.cut()
    saved = till.run(FILL)
    assert saved.count(False) == 3, "Chromium refuses, sooner or later"
    sold = {f"s{n}" for n in range(len(saved))}
    assert {row["id"] for row in till.list("sale")} == sold
    if not connected:
        assert till.run("db.status.storage") == "full"
        assert "page open until all is sent" in till.run("db.status.text.en")
        assert till.run("db.pending") == len(sold)
        cdp.send("Storage.overrideQuotaForOrigin", {"origin": room["origin"]})
        till.until("() => db.status.storage === 'ok' && db.waiting().every((one) => one.saved)")
    wire.mend()
    till.settled()
    assert rows(server, "sale", "shop", "m").keys() == sold


def test_a_browser_that_is_killed_has_kept_its_sales(
    serve: Serve, kiosk: Path, launch_browser: Callable[[], BrowserContext], tab: OpenTab, url: str,
    wire: Wire,
) -> None:  # fmt: skip
    server = serve(kiosk)
    context = launch_browser()
    till = tab(context).open("shop", "m")
    till.run("db.insert('sale', { id: 'before', tab: 'a', n: 0 })")
    till.stored()
    wire.cut_sockets()
    for n in range(3):
        till.run("(n) => db.insert('sale', { id: `s${n}`, tab: 'a', n }).saved", n)
    till.run("""() => { db.insert("sale", { id: "torn", tab: "a", n: 9 }); }""")
    assert context.browser is not None
    processes = context.browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    [pid] = [one["id"] for one in processes["processInfo"] if one["type"] == "browser"]
    os.kill(pid, signal.SIGKILL)
    till = tab(launch_browser()).open("shop", "m")
    kept = {row["id"] for row in till.list("sale")}
    assert kept - {"torn"} == {"before", "s0", "s1", "s2"}
    wire.mend()
    till.settled()
    assert rows(server, "sale", "shop", "m").keys() == kept


def test_a_tab_that_crashes_has_kept_its_sales(
    serve: Serve, kiosk: Path, tab: OpenTab, context: BrowserContext, wire: Wire
) -> None:
    server = serve(kiosk)
    till = tab().open("shop", "m")
    wire.cut_sockets()
    till.run("db.insert('sale', { id: 's', tab: 'a', n: 0 }).saved")
    with till.page.expect_event("crash"), contextlib.suppress(Error):
        till.page.goto("chrome://crash", timeout=2_000)
    wire.mend()
    after = tab().open("shop", "m")
    after.settled()
    assert list(rows(server, "sale", "shop", "m")) == ["s"]


def test_a_till_that_slept_is_up_to_date_soon_after_it_wakes(
    serve: Serve, kiosk: Path, tab: OpenTab, context: BrowserContext, another: BrowserContext,
    wire: Wire,
) -> None:  # fmt: skip
    server = serve(kiosk)
    sleeper = tab().open("shop", "m")
    cdp = context.new_cdp_session(sleeper.page)
    cdp.send("Page.setWebLifecycleState", {"state": "frozen"})
    server.kill()
    serve(kiosk)
    awake = tab(another).open("shop", "m")
    awake.run("db.insert('sale', { id: 's', tab: 'b', n: 0 })")
    cdp.send("Page.setWebLifecycleState", {"state": "active"})
    sleeper.until("() => db.get('sale', 's') && db.status.state === 'live'")
