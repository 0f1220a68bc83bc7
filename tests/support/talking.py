"""What a client of `mishkah.v1` says to the shop, and hears."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from mishkah.limits import Limits
from mishkah.testing import Client, TestHouse, open_test_house

SHOP = {"branch": "shop", "module": "m"}
WITHOUT_NAMES = {"do": ["read"], "tables": ["item"], "except": ["name"]}
"""Leave to read the shop's items, all of them but one field."""


def insert(key: str, ref: Any = None, **data: Any) -> dict[str, Any]:
    message = {"type": "INSERT", "table": "item", "data": {"id": key, **data}, **SHOP}
    return message if ref is None else {**message, "ref": ref}


def update(key: str, ref: Any, **more: Any) -> dict[str, Any]:
    return {"type": "UPDATE", "table": "item", "id": key, "ref": ref, **SHOP, **more}


async def subscribe(client: Client, **more: Any) -> dict[str, Any]:
    await client.send({"type": "SUBSCRIBE", **SHOP, **more})
    return await client.receive()


async def until_synced(client: Client) -> list[dict[str, Any]]:
    """Return what comes before SYNCED, and SYNCED."""
    found = [await client.receive()]
    while found[-1]["type"] != "SYNCED":
        found.append(await client.receive())
    return found


@asynccontextmanager
async def beside(
    stream: trio.abc.Stream, data: Path, limits: Limits | None = None
) -> AsyncIterator[tuple[TestHouse, Client]]:
    """Serve *stream* in a house of its own; give the house, and a client who reads at once."""
    async with (
        open_test_house(data, limits=limits) as house,
        house.v1("a") as till,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(house.house.serve, stream)
        yield house, till
        nursery.cancel_scope.cancel()
