"""Clients of houses in memory, on virtual time, whose connections a test can cut."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import trio

from mishkah.client import Database, connect
from mishkah.testing import TestHouse, open_test_house, write_installation

KEY = {"type": "text", "primaryKey": True}
TABLES = {
    "item": {
        "fields": {
            "id": KEY,
            "name": {"type": "text"},
            "code": {"type": "text"},
            "qty": {"type": "integer", "default": 1, "min": 0},
            "price": {"type": "decimal"},
        }
    },
    "shelf": {"fields": {"code": KEY, "place": {"type": "text"}}},
}
RULES = {"item": {"code": {"prefix": "C", "start": 1, "format": "{prefix}-{number:03d}"}}}
SEEDS = {"item": [{"id": "tea", "qty": 5, "price": 2}], "shelf": [{"code": "A", "place": "left"}]}

Connect = Callable[..., AbstractAsyncContextManager[Database]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_installation(tmp_path / "data", TABLES, rules=RULES, seeds=SEEDS)


@pytest.fixture
async def house(data: Path) -> AsyncIterator[TestHouse]:
    async with open_test_house(data) as house:
        yield house


class Wire:
    """Opens streams to the house that `to` names; they can be cut, and it can be out of order."""

    def __init__(self, house: TestHouse) -> None:
        self.to = house
        self.streams: list[Any] = []
        self.broken = False
        self.dials: list[float] = []

    async def dial(self) -> Any:
        self.dials.append(trio.current_time())
        if self.broken:
            raise OSError("the cable is out")
        stream = await self.to.dial()
        self.streams.append(stream)
        return stream

    async def cut(self) -> None:
        """Cut what is open."""
        for stream in self.streams:
            await trio.aclose_forcefully(stream)
        self.streams.clear()


@pytest.fixture
def wire(house: TestHouse) -> Wire:
    return Wire(house)


@pytest.fixture
def open_db(wire: Wire) -> Connect:
    """Return `connect` to the house by the wire, with chance that is the same in each run."""

    def open_it(client: str | None = None, **more: Any) -> AbstractAsyncContextManager[Database]:
        more = {"dial": wire.dial, "rng": random.Random(client), **more}
        return connect("ws://localhost", "shop", "m", client=client, **more)

    return open_it
