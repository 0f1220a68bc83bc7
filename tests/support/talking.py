"""What a client of `mishkah.v1` says to the shop, and hears."""

from typing import Any

from mishkah.testing import Client

SHOP = {"branch": "shop", "module": "m"}


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
