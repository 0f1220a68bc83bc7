"""Where the server listens: one port on each address of its host."""

import pytest
import trio

from mishkah.app import Settings, open_listeners
from mishkah.lock import CantServe


async def addresses(host: str) -> list[tuple[str, int]]:
    found = await open_listeners(Settings(host=host, port=0))
    names = []
    for listener in found:
        assert isinstance(listener, trio.SocketListener)
        names.append(listener.socket.getsockname()[:2])
        await listener.aclose()
    return names


async def test_localhost_is_both_of_its_addresses_on_one_port() -> None:
    try:
        await addresses("::1")
    except CantServe:
        pytest.skip("no IPv6 here")
    (four, port), (six, same) = await addresses("localhost")
    assert (four, six) == ("127.0.0.1", "::1")
    assert port == same


async def test_a_taken_port_is_said() -> None:
    (taken,) = await open_listeners(Settings(port=0))
    assert isinstance(taken, trio.SocketListener)
    with pytest.raises(CantServe, match="try another --port"):
        await open_listeners(Settings(port=taken.socket.getsockname()[1]))
    await taken.aclose()
