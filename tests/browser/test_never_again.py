"""Other systems' open bugs, each of which lost somebody money: none of them is ours."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext
from support.browsing import Tab
from support.selling import CASHIER, PRICE, TILL, insert, order, paid, rows, update, write
from support.server import Server
from support.wire import Wire

Serve = Callable[..., Server]
OpenTab = Callable[..., Tab]


def test_a_paid_offline_order_outlives_another_devices_sync(
    serve: Serve, restaurant: Path, tab: OpenTab, another: BrowserContext, wire: Wire
) -> None:
    server = serve(restaurant)
    direct = f"http://localhost:{server.port}/"
    till, other = tab().open("dar", "pos"), tab(another, direct).open("dar", "pos")
    wire.cut()
    write(till, paid("offline-1"))
    for n in range(5):
        other.run("(ops) => db.transaction(ops)", paid(f"theirs-{n}"))
    other.run("(ops) => db.transaction(ops)", [update("order_header", "seed-order-9", note="x")])
    assert till.run("db.get('order_header', 'offline-1').total") == 2 * PRICE
    wire.mend()
    till.settled()
    there = rows(server, "order_header")
    assert there["offline-1"]["status"] == "closed"
    assert {f"theirs-{n}" for n in range(5)} <= there.keys()
    assert there["offline-1"]["invoice_no"] > there["theirs-4"]["invoice_no"]
    other.until("() => db.get('order_header', 'offline-1')?.status === 'closed'")
    assert rows(server, "payment")["offline-1-p"]["amount"] == 2 * PRICE


def test_two_tabs_send_an_offline_order_once(
    serve: Serve, restaurant: Path, tab: OpenTab, wire: Wire
) -> None:
    server = serve(restaurant)
    one, two = tab().open("dar", "pos"), tab().open("dar", "pos")
    before = len(rows(server, "order_header"))
    wire.cut()
    write(one, paid("from-one"))
    write(two, paid("from-two"))
    for here in (one, two):
        here.until("() => db.pending === 2")
        assert here.run("['from-one', 'from-two'].every((id) => db.get('order_header', id))")
    wire.mend()
    one.settled()
    two.settled()
    assert len(rows(server, "order_header")) == before + 2
    assert not one.run("db.rejected().length") + two.run("db.rejected().length")


def test_an_offline_order_is_shown_and_counted_until_it_is_sent(
    serve: Serve, restaurant: Path, tab: OpenTab, wire: Wire
) -> None:
    server = serve(restaurant)
    till = tab().open("dar", "pos")
    till.run("""() => {
      db.on("pending", (count) => (window.counted = count));
      db.subscribe("order_header", (rows) => (window.drawn = rows.map((row) => row.id)));
    }""")
    till.stored()
    wire.cut_sockets()
    till.until("() => db.status.state === 'waiting'")
    write(till, paid("unsent"))
    till.until("() => window.counted === 1 && window.drawn?.includes('unsent')")
    assert till.run("db.isPending('order_header', 'unsent')")
    assert "kept" in till.run("db.status.text.en")
    till.page.reload()
    till.open("dar", "pos")
    assert till.run("db.pending") == 1
    assert till.run("db.list('order_header').some((row) => row.id === 'unsent')")
    assert till.run("db.get('payment', 'unsent-p').amount") == 2 * PRICE
    assert "unsent" not in rows(server, "order_header")
    wire.mend()
    till.settled()
    assert not till.run("db.isPending('order_header', 'unsent')")
    assert rows(server, "order_header")["unsent"]["invoice_no"]


def test_a_shift_that_is_closed_offline_closes_after_its_orders(
    serve: Serve, restaurant: Path, tab: OpenTab, wire: Wire
) -> None:
    server = serve(restaurant)
    till = tab().open("dar", "pos")
    shift = insert("shift", id="late", terminal_id=TILL, cashier_id=CASHIER, opening_cash=100)
    till.run("(ops) => db.transaction(ops)", [shift])
    wire.cut()
    for n in range(3):
        write(till, paid(f"late-{n}", shift="late"))
    till.run("""() => { db.flush().then(() => (window.flushed = true)); }""")
    assert till.run("db.pending") == 3, "what a till asks before it lets anybody close a shift"
    assert not till.run("window.flushed")
    cash = 100 + 3 * 2 * PRICE
    closing = update("shift", "late", status="closed", closed_at=till.run("db.now()"),
                     expected_cash=cash, counted_cash=cash)  # fmt: skip
    write(till, [closing])
    wire.mend()
    till.settled()
    till.until("() => window.flushed")
    assert till.run("db.rejected().map((one) => one.error.message)") == []
    assert rows(server, "shift")["late"]["status"] == "closed"
    there = rows(server, "payment")
    assert {f"late-{n}-p" for n in range(3)} <= there.keys()


def test_an_order_for_a_shift_that_another_device_closed_is_parked_and_sent_again(
    serve: Serve, restaurant: Path, tab: OpenTab, another: BrowserContext, wire: Wire
) -> None:
    server = serve(restaurant)
    till = tab().open("dar", "pos")
    office = tab(another, f"http://localhost:{server.port}/").open("dar", "pos")
    shift = insert("shift", id="late", terminal_id=TILL, cashier_id=CASHIER, opening_cash=0)
    till.run("(ops) => db.transaction(ops)", [shift])
    wire.cut()
    write(till, paid("unsent", shift="late"))
    office.until("() => db.get('shift', 'late')")
    closing = update("shift", "late", status="closed", closed_at=office.run("db.now()"),
                     expected_cash=0, counted_cash=0)  # fmt: skip
    office.run("(ops) => db.transaction(ops)", [closing])
    wire.mend()
    till.until("() => window.refused.length === 1")
    assert till.run("db.pending") == 0
    assert till.run("db.get('order_header', 'unsent')") is None, "it is rolled back"
    assert till.run("db.rejected()[0].error.text.ar") == "هذه الوردية مغلقة"
    till.page.reload()
    till.open("dar", "pos")
    assert till.run("db.rejected()[0].command.ops.length") == 4, "and parked, with all of it"
    till.run("""() => {
      const [one] = db.rejected();
      for (const { table, data } of one.command.ops) if ("shift_id" in data) data.shift_id = null;
      return one.send(one.command);
    }""")
    assert till.run("db.rejected().length") == 0
    assert rows(server, "order_header")["unsent"]["status"] == "closed"
    assert rows(server, "payment")["unsent-p"]["amount"] == 2 * PRICE


WATCH = """() => {
  window.torn = [];
  const look = () => {
    for (const order of db.list("order_header")) {
      const lines = db.list("order_line", { order_id: order.id });
      const sum = lines.reduce((sum, line) => sum + line.total, 0);
      if (order.subtotal !== null && sum !== order.subtotal) window.torn.push([order.id, sum]);
    }
  };
  db.subscribe("order_header", look);
  db.subscribe("order_line", look);
}"""


def test_no_order_is_ever_seen_or_saved_without_its_lines(
    serve: Serve, restaurant: Path, tab: OpenTab, another: BrowserContext, wire: Wire
) -> None:
    server = serve(restaurant)
    till, kitchen = tab().open("dar", "pos"), tab(another).open("dar", "pos")
    for here in (till, kitchen):
        here.run(WATCH)
    for n in range(12):
        write(till, order(f"whole-{n}", lines=1 + n % 4))
        if n % 4 == 1:
            wire.drop()
        if n % 4 == 3:
            server.kill()
            server = serve(restaurant)
    wrong = order("no-such-dish")
    wrong[-1]["data"]["item_id"] = "nothing"
    write(till, wrong)
    till.settled()
    kitchen.until("() => db.get('order_header', 'whole-11')")
    assert till.run("window.torn") == kitchen.run("window.torn") == []
    assert till.run("db.rejected().map(({ error }) => error.code)") == ["REFERENCE"]
    assert till.run("db.get('order_header', 'no-such-dish')") is None
    heads, lines = rows(server, "order_header"), rows(server, "order_line")
    assert "no-such-dish" not in heads
    for n in range(12):
        assert sum(line["order_id"] == f"whole-{n}" for line in lines.values()) == 1 + n % 4


def test_a_status_does_not_revert_when_the_page_is_reloaded(
    serve: Serve, restaurant: Path, tab: OpenTab, wire: Wire
) -> None:
    server = serve(restaurant)
    kitchen = tab().open("dar", "pos")
    kitchen.run("(ops) => db.transaction(ops)", order("dish"))
    kitchen.stored()
    wire.cut_sockets()
    write(kitchen, [update("order_header", "dish", status="preparing")])
    write(kitchen, [update("order_header", "dish", status="ready")])
    watched = """() => {
      window.seen = [db.get("order_header", "dish").status];
      db.subscribe("order_header", () => window.seen.push(db.get("order_header", "dish").status));
    }"""
    for _ in range(2):
        kitchen.page.reload()
        kitchen.open("dar", "pos").run(watched)
        assert kitchen.run("window.seen") == ["ready"]
    wire.mend()
    kitchen.settled()
    kitchen.until("() => db.status.state === 'live'")
    kitchen.stored()
    assert set(kitchen.run("window.seen")) == {"ready"}
    kitchen.page.reload()
    kitchen.open("dar", "pos").run(watched)
    kitchen.until("() => db.status.state === 'live'")
    assert set(kitchen.run("window.seen")) == {"ready"}
    assert rows(server, "order_header")["dish"]["status"] == "ready"


def test_a_filtered_list_shows_rows_that_depart(
    serve: Serve, restaurant: Path, tab: OpenTab, another: BrowserContext
) -> None:
    serve(restaurant)
    board, kitchen = tab().open("dar", "pos"), tab(another).open("dar", "pos")
    kitchen.run("(ops) => db.transaction(ops)", order("dish"))
    board.until("() => db.get('order_header', 'dish')")
    board.run("""() => {
      window.told = [];
      db.subscribe("order_header", (rows, changes) => {
        window.told.push([rows.some((row) => row.id === "dish"), changes.length]);
      }, { status: "open" });
    }""")
    kitchen.run("(ops) => db.transaction(ops)", [update("order_header", "dish", note="hot")])
    board.until("() => told.length === 1")
    kitchen.run("(ops) => db.transaction(ops)", [update("order_header", "dish", status="ready")])
    board.until("() => told.length === 2")
    kitchen.run("(ops) => db.transaction(ops)", [update("order_header", "dish", note="cold")])
    kitchen.run(
        "(ops) => db.transaction(ops)", [update("order_header", "dish", status="preparing")]
    )
    kitchen.run("(ops) => db.transaction(ops)", [update("order_header", "dish", status="open")])
    board.until("() => told.length === 3")
    assert board.run("told") == [[True, 1], [False, 1], [True, 1]]
