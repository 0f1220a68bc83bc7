"""The browser client as it is served: by a name that lasts, to every page that may connect."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from starlette.applications import Starlette
from support.identity import CHEAP

from mishkah.identity.hasher import Hasher
from mishkah.site.assembly import make_site
from mishkah.site.packaged import Packaged
from mishkah.testing import open_test_house

ENTRY = "/client/mishkah.js"
TYPES = "/client/mishkah.d.ts"
IMPORTED = re.compile(r"""(?:from|import)\s*\(?["'](\./[^"']+)["']""")


@pytest.fixture(params=["open", "access control"])
async def shop(data: Path, request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    hasher = Hasher(CHEAP) if request.param == "access control" else None
    async with open_test_house(data, hasher=hasher) as house:
        transport = httpx.ASGITransport(make_site(house.house))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


async def test_everybody_gets_the_client_and_all_that_it_imports(shop: httpx.AsyncClient) -> None:
    wanted, got = {ENTRY}, set[str]()
    while wanted:
        path = wanted.pop()
        response = await shop.get(path)
        assert response.status_code == 200, path
        assert response.headers["content-type"] == "text/javascript; charset=utf-8"
        got.add(path)
        wanted |= {f"/client/{name[2:]}" for name in IMPORTED.findall(response.text)} - got
    assert "createPosDb" in (await shop.get(ENTRY)).text


async def test_its_types_are_text(shop: httpx.AsyncClient) -> None:
    response = await shop.get(TYPES)
    assert (response.status_code, response.headers["content-type"][:10]) == (200, "text/plain")
    assert "function createPosDb" in response.text


async def test_browsers_keep_it_and_ask_each_time(shop: httpx.AsyncClient) -> None:
    first = await shop.get(ENTRY)
    assert first.headers["cache-control"] == "no-cache"
    assert re.fullmatch(r'"[0-9a-f]{32}-gzip"', first.headers["etag"]), "strong, of the content"
    again = await shop.get(ENTRY, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for response in (first, again):
        assert response.headers["access-control-allow-origin"] == "*"
    head = await shop.head(ENTRY)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == first.headers["content-length"]
    assert (await shop.post(ENTRY)).status_code == 405


async def test_it_comes_compressed_to_who_takes_that(shop: httpx.AsyncClient) -> None:
    """Each way has an ETag of its own: a cache in between must not mix them."""
    small = await shop.get(ENTRY, headers={"accept-encoding": "gzip"})
    plain = await shop.get(ENTRY, headers={"accept-encoding": "identity"})
    refused = await shop.get(ENTRY, headers={"accept-encoding": "gzip;q=0"})
    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) < len(plain.content) / 2
    assert small.content == plain.content == refused.content
    assert "content-encoding" not in {*plain.headers, *refused.headers}
    assert small.headers["etag"] != plain.headers["etag"] == refused.headers["etag"]
    assert small.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    crossed = {"accept-encoding": "gzip", "if-none-match": plain.headers["etag"]}
    assert (await shop.get(ENTRY, headers=crossed)).status_code == 200


def asked_of(folder: Path) -> httpx.AsyncClient:
    site: Any = Starlette(routes=Packaged(folder).routes())
    return httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://localhost")


async def test_only_code_is_served_by_these_names(tmp_path: Path) -> None:
    (tmp_path / "client").mkdir()
    for name in ("mishkah.js", "package.json", "README.md"):
        (tmp_path / "client" / name).write_text("// ours")
    async with asked_of(tmp_path) as site:
        assert (await site.get(ENTRY)).status_code == 200
        for name in ("package.json", "README.md", "other.js", "", "../icon.svg"):
            assert (await site.get(f"/client/{name}")).status_code == 404


async def test_a_shops_own_folder_of_that_name_still_is_there(data: Path, port: int) -> None:
    (data / "static" / "client").mkdir(parents=True)
    (data / "static" / "client" / "till.js").write_text("// the shop's")
    assert b"// the shop's" in await ask(port, "/client/till.js")
    assert b"createPosDb" in await ask(port, ENTRY)


async def ask(port: int, path: str, origin: str = "") -> bytes:
    """Return all that a real server answers to a page of *origin*."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        named = f"Origin: {origin}\r\n" if origin else ""
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{named}\r\n"
        await stream.send_all(head.encode())
        return b"".join([bytes(data) async for data in stream])


async def test_a_page_of_a_foreign_origin_gets_nothing(port: int) -> None:
    assert b" 200 " in (await ask(port, ENTRY, "http://localhost:5173"))[:15]
    refused = await ask(port, ENTRY, "http://elsewhere.example")
    assert b" 403 " in refused[:15]
    assert b"--allow-origin" in refused
    assert b"access-control" not in refused.lower()
