"""A client that shares no code with the server: the `websockets` package."""

import json
from typing import Any

from support.server import Server
from websockets.sync.client import ClientConnection, connect

NEW = {"id": "m1", "full_name": {"ar": "منى", "en": "Mona"}, "phone": "+20 10 0000 1111"}


def receive(client: ClientConnection) -> dict[str, Any]:
    message = json.loads(client.recv(timeout=10))
    assert isinstance(message, dict)
    return message


def test_what_one_client_inserts_the_other_sees_with_its_number(server: Server) -> None:
    url = server.url(branch="gim", module="gym", client="desk")
    with connect(url, max_size=None) as desk, connect(url, max_size=None) as screen:
        snapshot = receive(desk)
        assert receive(screen) == snapshot
        codes = {row["member_code"] for row in snapshot["data"]["gym_member"]}
        insert = {"type": "INSERT", "table": "gym_member", "data": NEW, "ref": "1"}
        desk.send(json.dumps(insert))
        delta, ack = receive(desk), receive(desk)
        assert receive(screen) == delta
        assert delta["data"]["changes"] == ack["rows"][0]
        assert ack["rows"][0]["member_code"] not in codes


def test_a_message_in_fragments_and_pings_are_understood(server: Server) -> None:
    with connect(server.url(branch="gim"), max_size=None) as desk:
        receive(desk)
        message = json.dumps({"type": "INSERT", "table": "gym_member", "data": NEW})
        desk.send(message[i : i + 20] for i in range(0, len(message), 20))
        assert desk.ping().wait(10)
        assert receive(desk)["data"]["id"] == "m1"


def test_an_order_with_its_lines_is_one_transaction(server: Server) -> None:
    with connect(server.url(branch="dar", client="till"), max_size=None) as till:
        item = receive(till)["data"]["menu_item"][0]
        line = {
            "id": "line-1",
            "order_id": "my-order",
            "item_id": item["id"],
            "quantity": 2,
            "unit_price": item["price"],
            "total": item["price"] * 2,
        }
        ops = [
            {
                "type": "INSERT",
                "table": "order_header",
                "data": {"id": "my-order", "total": item["price"] * 2},
            },
            {"type": "INSERT", "table": "order_line", "data": line},
        ]
        till.send(json.dumps({"type": "TRANSACTION", "ops": ops, "ref": "sale"}))
        first, second, ack = (receive(till) for _ in range(3))
        assert first["seq"] == second["seq"] == ack["seq"]
        assert first["tx"] == {"i": 0, "n": 2}
        assert ack["rows"][0]["invoice_no"]


def test_a_branch_with_seeds_of_its_own_has_its_own_menu(server: Server) -> None:
    prices = {}
    for branch in ("dar", "remal", "pos:new"):
        with connect(server.url(branch=branch, module="pos"), max_size=None) as till:
            menu = receive(till)["data"]["menu_item"]
            prices[branch] = {item["id"]: item["price"] for item in menu}
    assert prices["dar"] == prices["pos:new"] != prices["remal"]
    assert prices["dar"]["item_water"] < prices["remal"]["item_water"]
