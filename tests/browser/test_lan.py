"""A plain LAN without TLS: browsers have no locks, no random UUIDs and no service workers there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext
from support.browsing import Tab
from support.guarded import command, sign_in
from support.selling import order, paid, write
from support.server import Server
from support.wire import Wire

Serve = Callable[..., Server]
OpenTab = Callable[..., Tab]


def token_of(data: Path, *roles: str) -> str:
    """Return a token that stands for Mona, narrowed to *roles*."""
    given = [word for role in roles for word in ("--role", role)]
    told = json.loads(command(data, "token", "create", "mona", "--label", "till", *given, "--json"))
    token: str = told["token"]
    return token


def rows(tab: Tab, token: str, table: str) -> dict[str, dict[str, Any]]:
    """Return what the server has, by its REST interface."""
    found = tab.run("""async ([token, table]) => {
      const path = `/api/v1/branches/dar/modules/pos/tables/${table}?limit=1000`;
      const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
      return (await answer.json()).rows;
    }""", [token, table])  # fmt: skip
    return {row["id"]: row for row in found}


@pytest.fixture
def lan(wire: Wire) -> str:
    return f"http://shop.lan:{wire.port}/"


def test_two_tabs_sell_offline_on_a_plain_lan(
    serve: Serve, guarded: Path, tab: OpenTab, wire: Wire, lan: str
) -> None:
    serve(guarded, "--allow-host", "shop.lan")
    token = token_of(guarded, "cashier@dar/pos")
    one, two = tab(at=lan), tab(at=lan)
    assert one.run("[isSecureContext, 'locks' in navigator, 'randomUUID' in crypto]") == [False] * 3
    one.open("dar", "pos", token=token)
    two.open("dar", "pos", token=token)
    before = rows(one, token, "order_header").keys()
    one.stored()
    wire.cut_sockets()
    for n in range(4):
        write(one, paid(f"one-{n}"))
        write(two, paid(f"two-{n}"))
    for here in (one, two):
        here.until("() => db.pending === 8")
    two.page.reload()
    two.open("dar", "pos", token=token)
    assert two.run("db.pending") == 8
    wire.mend()
    one.settled()
    two.settled()
    there = rows(one, token, "order_header")
    sold = {f"{name}-{n}" for n in range(4) for name in ("one", "two")}
    assert there.keys() - before == sold
    for name in ("one", "two"):
        numbers = [there[f"{name}-{n}"]["invoice_no"] for n in range(4)]
        assert numbers == sorted(numbers)
    assert len({there[key]["invoice_no"] for key in sold}) == 8
    assert one.run("db.rejected().length") == two.run("db.rejected().length") == 0


def test_who_signs_in_on_the_first_page_needs_no_token(
    serve: Serve, guarded: Path, tab: OpenTab, lan: str
) -> None:
    serve(guarded, "--allow-host", "shop.lan")
    till = tab(at=lan + "sign-in")
    sign_in(till.page)
    till.page.wait_for_url(lan)
    till.open("dar", "pos")
    assert till.run("db.status.user") == "mona"
    till.run("(ops) => db.transaction(ops)", order("by-cookie"))
    assert till.run("db.get('order_header', 'by-cookie').invoice_no")


def test_a_till_whose_token_ends_keeps_its_sales_for_the_next(
    serve: Serve, guarded: Path, tab: OpenTab, wire: Wire, lan: str
) -> None:
    serve(guarded, "--allow-host", "shop.lan")
    owner, token = token_of(guarded), token_of(guarded, "cashier@dar/pos")
    till = tab(at=lan).open("dar", "pos", token=token)
    [one] = [
        line for line in json.loads(command(guarded, "token", "list", "--json"))
        if line["id"] == token.split("_")[1]
    ]  # fmt: skip
    command(guarded, "token", "revoke", one["id"])
    till.until("() => db.status.state === 'signed out'")
    write(till, paid("kept"))
    assert till.run("[db.pending, db.get('order_header', 'kept').total]") == [1, 50]
    till.run("(token) => { db.signIn(token); }", token_of(guarded, "cashier@dar/pos"))
    till.settled()
    assert "kept" in rows(till, owner, "order_header")


def test_a_role_that_changes_shows_and_hides_at_once(
    serve: Serve, guarded: Path, tab: OpenTab, another: BrowserContext, lan: str
) -> None:
    serve(guarded, "--allow-host", "shop.lan")
    command(guarded, "user", "create", "amal", "--role", "cashier@dar/pos", "--password-stdin",
            told="two words of amal\n")  # fmt: skip
    told = json.loads(command(guarded, "token", "create", "amal", "--label", "x", "--json"))
    till = tab(at=lan).open("dar", "pos", token=told["token"])
    till.run("() => { db.subscribe('payment', (rows) => (window.money = rows.length)); }")
    assert till.run("db.list('payment').length") > 0
    assert till.run("db.get('order_header', 'seed-order-1').total") > 0
    command(guarded, "user", "change", "amal", "--role", "kitchen@dar/pos")
    till.until("() => db.list('payment').length === 0")
    till.until("() => window.money === 0")
    assert till.run("db.get('order_header', 'seed-order-1')?.total") is None
    refused = till.run("db.delete('order_header', 'seed-order-1').catch((no) => no.code)")
    assert refused == "FORBIDDEN"
    assert till.run("db.get('order_header', 'seed-order-1').status") == "closed"
    command(guarded, "user", "change", "amal", "--role", "cashier@dar/pos")
    till.until("() => db.list('payment').length > 0")
    till.run("(ops) => db.transaction(ops)", paid("y"))
