"""A house on a real loopback port, with its stores in memory, and raw sockets to knock with."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from support.knocking import listening, open_raw

from mishkah.catalog import Catalog
from mishkah.http.door import Door
from mishkah.http.gateway import Application
from mishkah.http.guests import Guests
from mishkah.limits import Limits
from mishkah.plugins import Plugins
from mishkah.rates import Rates


@pytest.fixture
async def port(data: Path) -> AsyncIterator[int]:
    async with listening(Catalog(data, Plugins())) as port:
        yield port


async def _no_sockets(*_: Any) -> None:
    raise AssertionError("a WebSocket was let in")


@pytest.fixture
def make_door() -> Callable[..., Door]:
    """Return a function (app, guests, limits) → a door to *app*, which lets in no WebSocket."""

    def make(app: Application, guests: Guests | None = None, **limits: Any) -> Door:
        limit = Limits(**limits)
        return Door(_no_sockets, app, guests or Guests(), limit, Rates(limit, Counter()))

    return make


@pytest.fixture
def at_door(make_door: Callable[..., Door]) -> Callable[..., Any]:
    """Return a function (app, guests, limits) → a context whose value is a `knock` at the door."""

    @asynccontextmanager
    async def doors(app: Application, **how: Any) -> AsyncIterator[Callable[[], Any]]:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, make_door(app, **how).serve, listeners)
            yield lambda: open_raw(listeners[0].socket.getsockname()[1])
            nursery.cancel_scope.cancel()

    return doors


@pytest.fixture
def knock(port: int) -> Callable[[], Any]:
    return lambda: open_raw(port)


@pytest.fixture
def knock_at(data: Path) -> Callable[..., Any]:
    """Return a function (limits) → a context whose value is a `knock` at a house with them."""

    @asynccontextmanager
    async def limited(**limits: Any) -> AsyncIterator[Callable[[], Any]]:
        async with listening(Catalog(data, Plugins()), limits=Limits(**limits)) as port:
            yield lambda: open_raw(port)

    return limited


async def let_in(knock: Callable[[], Any]) -> None:
    """An honest client is let in, and gets its snapshot."""
    async with knock() as raw:
        assert "101" in await raw.shake_hands()
        opcode, payload = await raw.frame()
        assert opcode == 1
        assert payload.startswith(b'{"type":"SNAPSHOT"')


@pytest.fixture
def still_serves(knock: Callable[[], Any]) -> Callable[[], Awaitable[None]]:
    return lambda: let_in(knock)
