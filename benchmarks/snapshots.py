"""How long others wait while large snapshots go out: a real server's tasks, sockets and clock.

Run it with ``python benchmarks/snapshots.py``; it writes one line of JSON. A till of the same store
asks every 5 ms while screens take 100,000 rows each; *longest wait* is that of its answers.
"""

import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from mishkah.catalog import Catalog
from mishkah.house import open_house
from mishkah.journal import MemoryJournals
from mishkah.plugins import Plugins
from mishkah.testing import write_installation

ROWS = 100_000
SCREENS = 10
SHOP = {"branch": "shop", "module": "m"}
TABLES = {
    "item": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "name": {"type": "text"},
            "qty": {"type": "integer"},
            "price": {"type": "decimal"},
        }
    }
}


async def say(ws: WebSocketConnection, message: dict[str, Any]) -> None:
    await ws.send_message(json.dumps(message))


async def fill(url: str) -> None:
    async with open_websocket_url(url, subprotocols=["mishkah.v1"]) as ws:
        await say(ws, {"type": "HELLO", "v": 1, "client": "owner"})
        for n in range(0, ROWS, 5000):
            rows = ({"id": f"item-{k}", "name": "شاي أخضر", "qty": k} for k in range(n, n + 5000))
            ops = [{"type": "INSERT", "table": "item", "data": row} for row in rows]
            await say(ws, {"type": "TRANSACTION", "ref": n, "ops": ops, **SHOP})
        answered = 0
        while answered < ROWS / 5000:
            answered += b'"ACK"' in (await ws.get_message()).encode()


async def take(url: str, times: list[float]) -> None:
    """Take all parts, without reading what is in them."""
    async with open_websocket_url(url, subprotocols=["mishkah.v1"]) as ws:
        await say(ws, {"type": "HELLO", "v": 1})
        begun = time.perf_counter()
        await say(ws, {"type": "SUBSCRIBE", **SHOP})
        while '"SYNCED"' not in (await ws.get_message())[:100]:
            pass
        times.append(time.perf_counter() - begun)


async def ask(url: str, waits: list[float], done: trio.Event) -> None:
    async with open_websocket_url(url, subprotocols=["mishkah.v1"]) as ws:
        await say(ws, {"type": "HELLO", "v": 1, "client": "till"})
        await ws.get_message()
        n = 0
        while not done.is_set():
            begun = time.perf_counter()
            change = {"id": "item-1", "changes": {"qty": -n}, "ref": n, **SHOP}
            await say(ws, {"type": "UPDATE", "table": "item", **change})
            await ws.get_message()
            waits.append(time.perf_counter() - begun)
            n += 1
            await trio.sleep(0.005)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog(write_installation(Path(folder) / "data", TABLES), Plugins())
        async with open_house(catalog, MemoryJournals()) as house, trio.open_nursery() as doors:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            doors.start_soon(house.listen, listeners)
            url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"
            await fill(url)
            quiet: list[float] = []
            waits: list[float] = []
            times: list[float] = []
            with trio.move_on_after(2):
                await ask(url, quiet, trio.Event())
            done = trio.Event()
            async with trio.open_nursery() as clients:
                clients.start_soon(ask, url, waits, done)
                await trio.sleep(0.2)
                async with trio.open_nursery() as screens:
                    for _ in range(SCREENS):
                        screens.start_soon(take, url, times)
                done.set()
            doors.cancel_scope.cancel()
    told = {
        "rows": ROWS,
        "screens at once": SCREENS,
        "longest wait alone, ms": round(max(quiet) * 1e3, 1),
        "median wait, ms": round(median(waits) * 1e3, 1),
        "longest wait, ms": round(max(waits) * 1e3, 1),
        "slowest screen, s": round(max(times), 2),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    trio.run(main)
