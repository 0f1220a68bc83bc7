"""Servers are killed, and answers lost, while two tabs sell: every sale is there once, in order."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext
from support.browsing import Tab
from support.selling import rows
from support.server import Server
from support.wire import Wire

Serve = Callable[..., Server]
OpenTab = Callable[..., Tab]

SELL = """([tab, every]) => {
  window.made = window.answered = 0;
  window.numbers = [];
  window.selling = setInterval(() => {
    const n = window.made++;
    const sale = { id: `${tab}-${n}`, tab, n, total: n + 0.25 };
    const write = n % 3 === 2
      ? db.transaction((tx) => {
          tx.insert("sale", sale);
          tx.insert("line", { id: `${tab}-${n}-1`, sale_id: sale.id, price: n + 0.25 });
        }).then(([row]) => row)
      : db.insert("sale", sale);
    write.then((row) => {
      window.answered += 1;
      window.numbers.push(row.no);
    });
  }, every);
}"""


def stop_selling(*tabs: Tab) -> None:
    for tab in tabs:
        tab.run("() => clearInterval(window.selling)")
    for tab in tabs:
        tab.until("() => db.pending === 0 && window.answered === window.made")


def check(server: Server, *tabs: Tab) -> int:
    """Check that what *tabs* sold is there, each once and in order; return how many sales."""
    there = rows(server, "sale", "shop", "m")
    sales = sorted(there.values(), key=lambda sale: str(sale["no"]))
    numbers = [sale["no"] for sale in sales]
    assert numbers == [f"S{n:05d}" for n in range(1, len(sales) + 1)], "no gap, none twice"
    lines = rows(server, "line", "shop", "m")
    for tab in tabs:
        name, made = tab.run("[window.tab, window.made]")
        mine = [sale for sale in sales if sale["tab"] == name]
        assert [sale["n"] for sale in mine] == list(range(made))
        assert [sale["no"] for sale in mine] == tab.run("window.numbers"), "and each knows its own"
        for n in range(2, made, 3):
            assert lines[f"{name}-{n}-1"]["price"] == n + 0.25
        assert {row["id"] for row in tab.list("sale")} == there.keys()
        assert tab.run("db.rejected().length") == 0
    assert sum(tab.run("window.made") for tab in tabs) == len(sales)
    return len(sales)


@pytest.fixture
def seller(tab: OpenTab) -> Callable[..., Tab]:
    """Return a function that opens a tab of the kiosk and lets it sell, every so many ms."""

    def sell(name: str, every: int = 40, **how: Any) -> Tab:
        seller = tab(**how).open("shop", "m")
        seller.run("(name) => { window.tab = name; }", name)
        seller.run(SELL, [name, every])
        return seller

    return sell


@pytest.fixture
def dice() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


def test_a_server_is_killed_while_two_tabs_sell(
    serve: Serve, kiosk: Path, seller: Callable[..., Tab], dice: random.Random,
    told: Callable[[str], None],
) -> None:  # fmt: skip
    server = serve(kiosk)
    one, two = seller("a"), seller("b")
    kills = 6
    for _ in range(kills):
        one.page.wait_for_timeout(dice.uniform(200, 1_200))
        server.kill()
        one.page.wait_for_timeout(dice.choice([0, 300]))
        server = serve(kiosk)
    stop_selling(one, two)
    told(f"{check(server, one, two)} sales of two tabs, {kills} kills, none lost, none doubled")


def test_answers_are_lost_while_two_devices_sell(
    serve: Serve, kiosk: Path, seller: Callable[..., Tab], another: BrowserContext, wire: Wire,
    dice: random.Random, told: Callable[[str], None],
) -> None:  # fmt: skip
    server = serve(kiosk)
    one, two = seller("a"), seller("b", where=another)
    cuts = 6
    for n in range(cuts):
        one.page.wait_for_timeout(dice.uniform(100, 500))
        wire.lose("down" if n % 2 else "up")
        one.page.wait_for_timeout(dice.uniform(50, 300))
        wire.mend()
    stop_selling(one, two)
    told(f"{check(server, one, two)} sales of two devices, {cuts} times their answers were lost")


def test_a_tab_is_reloaded_and_another_closed_while_they_sell(
    serve: Serve, kiosk: Path, tab: OpenTab, seller: Callable[..., Tab], wire: Wire
) -> None:
    """What one leaves behind, the other sends, or the next; nobody waits for a promise any more."""
    server = serve(kiosk)
    one, two = seller("a"), seller("b")
    one.page.wait_for_timeout(300)
    wire.cut_sockets()
    one.page.wait_for_timeout(300)
    for here in (one, two):
        here.run("async () => { clearInterval(window.selling); await db.insert('sale', "
                 "{ id: window.tab, tab: window.tab, n: window.made }).saved; }")  # fmt: skip
    made = one.run("window.made"), two.run("window.made")
    two.page.close()
    one.page.reload()
    wire.mend()
    later = one.open("shop", "m")
    later.settled()
    sales = rows(server, "sale", "shop", "m").values()
    for name, count in zip("ab", made, strict=True):
        mine = sorted((sale for sale in sales if sale["tab"] == name), key=lambda sale: sale["no"])
        assert [sale["n"] for sale in mine] == list(range(count + 1))


def test_a_server_that_hangs_is_left_and_found_again(
    serve: Serve, kiosk: Path, tab: OpenTab
) -> None:
    """SIGSTOP: its sockets stay open and say nothing."""
    server = serve(kiosk)
    till = tab().open("shop", "m")
    server.process.send_signal(19)
    try:
        till.run("async () => { await db.insert('sale', { id: 's', tab: 'a', n: 0 }).saved; }")
        till.run("() => window.dispatchEvent(new Event('online'))")  # a reason to doubt: 4 s
        began = time.monotonic()
        till.until("() => db.status.state !== 'live'")
        assert time.monotonic() - began < 15, "who had no doubt would wait for 30 s"
        assert till.run("db.get('sale', 's').n") == 0
    finally:
        server.process.send_signal(18)
    till.settled()
    assert len(rows(server, "sale", "shop", "m")) == 1


def test_a_captive_portal_is_no_server(serve: Serve, kiosk: Path, tab: OpenTab, wire: Wire) -> None:
    server = serve(kiosk)
    till = tab().open("shop", "m")
    wire.stand_before()
    till.until("() => db.status.state === 'waiting'")
    till.run("async () => { await db.insert('sale', { id: 's', tab: 'a', n: 0 }).saved; }")
    before, began = wire.connections, time.monotonic()
    while wire.connections < before + 2:
        till.page.wait_for_timeout(50)
    assert time.monotonic() - began > 0.25, "it tries again, and not in a storm"
    assert till.run("db.pending") == 1
    assert till.run("db.get('sale', 's').n") == 0
    wire.mend()
    till.settled()
    assert list(rows(server, "sale", "shop", "m")) == ["s"]
