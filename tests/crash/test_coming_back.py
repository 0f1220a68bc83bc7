"""Clients that come back to a server that was killed, migrated or restored meanwhile."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.seed_client import PATIENCE
from support.server import COMMAND, Server
from websockets.sync.client import ClientConnection, connect

from mishkah.testing import write_json

pytestmark = pytest.mark.crash

SHOP = {"branch": "shop", "module": "m"}
BOUND = 15_000
"""Bytes that 50 missed commits take, whatever the size of the store."""


class Till:
    """A client of `mishkah.v1` that counts what it receives."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.received = 0

    def receive(self) -> dict[str, Any]:
        text = self.ws.recv(PATIENCE, decode=False)
        self.received += len(text) + (2 if len(text) < 126 else 4 if len(text) < 65536 else 10)
        message: dict[str, Any] = json.loads(text)
        return message

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send *message* to the shop, and return the answer with its ref."""
        self.ws.send(json.dumps({**SHOP, **message}))
        while (answer := self.receive()).get("ref") != message["ref"]:
            pass
        return answer

    def subscribe(self, **more: Any) -> list[dict[str, Any]]:
        """Return all from SUBSCRIBED to SYNCED; `received` counts their bytes alone."""
        self.received = 0
        self.ws.send(json.dumps({"type": "SUBSCRIBE", **SHOP, **more}))
        found = [self.receive()]
        while found[-1]["type"] != "SYNCED":
            found.append(self.receive())
        return found


@contextmanager
def v1(server: Server, name: str) -> Iterator[Till]:
    url = f"ws://127.0.0.1:{server.port}/"
    free = {"compression": None, "max_size": None, "max_queue": None, "ping_interval": None}
    with connect(url, subprotocols=["mishkah.v1"], proxy=None, **free) as ws:  # type: ignore
        till = Till(ws)
        ws.send(json.dumps({"type": "HELLO", "v": 1, "client": name}))
        assert till.receive()["type"] == "WELCOME"
        yield till


def run(*words: object) -> str:
    done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sell(till: Till, count: int) -> int:
    """Make *count* commits as a shop does; return the `seq` of the last."""
    for n in range(count):
        if n % 5 == 0:
            data = {"item": f"seed{n}", "total": n / 2}
            ack = till.ask({"type": "INSERT", "table": "bill", "data": data, "ref": f"w-{n}"})
        else:
            changes = {"qty": 100 + n}
            ack = till.ask({"type": "UPDATE", "table": "item", "id": f"seed{n}",
                            "changes": changes, "ref": f"w-{n}"})  # fmt: skip
        assert ack["type"] == "ACK"
    return int(ack["seq"])


def test_what_was_missed_is_what_is_sent_however_big_the_store(
    install: Callable[..., Path], serve: Callable[..., Server], figures: Counter[str]
) -> None:
    data = install(seeds=20_000)
    server = serve(data)
    with v1(server, "till-1") as till, v1(server, "screen") as screen:
        whole = screen.subscribe()
        rows = [m["data"].get("item", ()) for m in whole if m["type"] == "SNAPSHOT"]
        assert sum(map(len, rows)) == 20_000
        with server.client(branch="shop", module="m") as seed:  # in fragments, as one message
            assert len(seed.snapshot()["data"]["item"]) == 20_000
        cursor = {"since": whole[-1]["seq"], "epoch": whole[-1]["epoch"]}
        last = sell(till, 50)
        figures["bytes of a whole store of 20,000 rows"] = screen.received
    for _ in range(2):
        with v1(server, "screen") as screen:
            told, *deltas, synced = screen.subscribe(**cursor)
            assert (told["resumed"], synced["seq"]) == (True, last)
            assert [delta["seq"] for delta in deltas] == list(range(last - 49, last + 1))
            assert screen.received <= BOUND
            figures["bytes of 50 missed commits"] = screen.received
        server.kill()
        server = serve(data)


def test_a_view_that_comes_back_after_a_kill_is_told_of_no_row_that_came_and_went(
    install: Callable[..., Path], serve: Callable[..., Server]
) -> None:
    data = install()
    view = {"tables": ["item"], "where": ["qty", ">", 100]}
    server = serve(data)
    with v1(server, "till") as till, v1(server, "screen") as screen:
        for n, (key, qty) in enumerate([("seed0", 200), ("seed1", 200)]):
            change = {"type": "UPDATE", "table": "item", "id": key, "changes": {"qty": qty}}
            till.ask({**change, "ref": n})
        *_, synced = screen.subscribe(**view)
    with v1(server, "till") as till:
        for n, (key, qty) in enumerate([("seed0", 1), ("seed2", 300), ("seed3", 300), ("seed4", 5),
                                        ("seed2", 2), ("seed1", 201)]):  # fmt: skip
            change = {"type": "UPDATE", "table": "item", "id": key, "changes": {"qty": qty}}
            assert till.ask({**change, "ref": f"x{n}"})["type"] == "ACK"
    server.kill()
    server = serve(data)
    with v1(server, "screen") as screen:
        told, *deltas, _ = screen.subscribe(since=synced["seq"], epoch=synced["epoch"], **view)
        assert told["resumed"] is True
        assert [(d["data"]["id"], d["data"]["operation"]) for d in deltas] == [
            ("seed0", "DELETE"), ("seed3", "INSERT"), ("seed1", "UPDATE")
        ]  # fmt: skip


def test_after_a_migration_the_cursor_is_old_and_the_names_are_known(
    install: Callable[..., Path], serve: Callable[..., Server]
) -> None:
    data = install()
    server = serve(data)
    take = {"type": "NEXT", "table": "bill", "field": "id", "count": 2, "ref": "numbers"}
    with v1(server, "till") as till:
        *_, synced = till.subscribe()
        sell(till, 5)
        numbers = till.ask(take)["numbers"]
    assert server.stop() == 0
    schema = data / "branches/shop/modules/m/schema/definition.json"
    tables = json.loads(schema.read_text("utf-8"))["tables"]
    tables["bill"]["fields"]["note"] = {"type": "text"}
    write_json(schema, {"tables": tables})
    server = serve(data)
    with v1(server, "till") as till:
        told, resync, *parts, again = till.subscribe(since=synced["seq"], epoch=synced["epoch"])
        assert (told["resumed"], resync["type"], resync["reason"]) == (False, "RESYNC", "schema")
        assert [part["type"] for part in parts] == ["SNAPSHOT"]
        assert again["epoch"] == synced["epoch"], "it is the same history"
        assert till.ask(take) == {"type": "ACK", "ref": "numbers", "seq": again["seq"] - 1,
                                  "numbers": numbers, "dup": True}  # fmt: skip
        data_of = {"item": "seed0", "total": 0.0}
        ack = till.ask({"type": "INSERT", "table": "bill", "data": data_of, "ref": "w-0"})
        assert (ack["dup"], ack["rows"][0]["item"]) == (True, "seed0")
        told, *_, synced = till.subscribe(since=again["seq"], epoch=again["epoch"])
        assert told["resumed"] is True


def test_after_a_restore_the_history_is_another_and_has_the_names_of_its_backup(
    install: Callable[..., Path], serve: Callable[..., Server], tmp_path: Path
) -> None:
    data = install()
    server = serve(data)
    with v1(server, "till") as till:
        sell(till, 2)
        (copy,) = json.loads(run("backup", "--data", data, "--to", tmp_path / "b", "--json"))
        note = {"type": "INSERT", "table": "item", "data": {"id": "late"}, "ref": "late"}
        assert till.ask(note)["type"] == "ACK"
        *_, synced = till.subscribe()
    assert server.stop() == 0
    run("restore", copy["file"], "--branch", "shop", "--module", "m", "--data", data)
    server = serve(data)
    with v1(server, "till") as till:
        told, resync, *_, again = till.subscribe(since=synced["seq"], epoch=synced["epoch"])
        assert (told["resumed"], resync["reason"]) == (False, "epoch")
        assert again["epoch"] != synced["epoch"]
        known = {"type": "UPDATE", "table": "item", "id": "seed1", "changes": {"qty": 101}}
        known["ref"] = "w-1"
        assert till.ask(known)["dup"] is True
        lost = till.ask(note)
        assert (lost["type"], "dup" in lost) == ("ACK", False), "its backup did not have it"
        old = {**known, "ref": "x", "base": synced["seq"], "epoch": synced["epoch"]}
        assert till.ask(old)["code"] == "CONFLICT"
