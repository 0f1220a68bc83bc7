"""The shop's own files: what is served, how, and above all what is not."""

import os
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from mishkah.site.assembly import make_site
from mishkah.site.headers import HOUSE_POLICY, SHOP_POLICY
from mishkah.site.packaged import Packaged
from mishkah.testing import TestHouse, open_test_house

LETTERS = b"abcdefghijklmnopqrstuvwxyz"


def browser(house: TestHouse) -> httpx.AsyncClient:
    site: Any = make_site(house.house)
    return httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://localhost")


@pytest.fixture
async def shop(folders: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with open_test_house(folders) as house, browser(house) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/static/", "text/html; charset=utf-8"),
        ("/pos/pos-mini-db.js", "text/javascript; charset=utf-8"),
        ("/static/pos/pos-mini-db.js", "text/javascript; charset=utf-8"),
        ("/letters.txt?v=1", "text/plain; charset=utf-8"),
        ("/inside.txt", "text/plain; charset=utf-8"),
        ("/projects/my%20app/", "text/html; charset=utf-8"),
        ("/projects/my%20app/منيو.mjs", "text/javascript; charset=utf-8"),
        ("/projects/my%20app/app.webmanifest", "application/manifest+json; charset=utf-8"),
    ],
)
async def test_a_file_is_served_with_its_type(
    shop: httpx.AsyncClient, path: str, kind: str
) -> None:
    response = await shop.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, kind)
    assert len(response.content) == int(response.headers["content-length"]) > 0


async def test_a_folder_without_its_slash_leads_to_its_index(shop: httpx.AsyncClient) -> None:
    response = await shop.get("/projects/my%20app?x=1")
    assert (response.status_code, response.headers["location"]) == (307, "/projects/my%20app/?x=1")


async def test_a_file_takes_no_post(shop: httpx.AsyncClient) -> None:
    response = await shop.post("/letters.txt")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


async def test_without_the_folders_nothing_is_there(data: Path) -> None:
    async with open_test_house(data) as house, browser(house) as client:
        assert (await client.get("/static/a.js")).status_code == 404
        assert (await client.get("/projects/")).status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "told", "content"),
    [
        ("bytes=0-0", 206, "bytes 0-0/26", b"a"),
        ("bytes=2-4", 206, "bytes 2-4/26", b"cde"),
        ("BYTES=24-", 206, "bytes 24-25/26", b"yz"),
        ("bytes=20-99999999999999999", 206, "bytes 20-25/26", b"uvwxyz"),
        ("bytes=-3", 206, "bytes 23-25/26", b"xyz"),
        ("bytes=-999", 206, "bytes 0-25/26", LETTERS),
        ("bytes=26-", 416, "bytes */26", b""),
        ("bytes=-0", 416, "bytes */26", b""),
        ("bytes=4-2", 200, None, LETTERS),
        ("bytes=-", 200, None, LETTERS),
        ("bytes=0-1,4-5", 200, None, LETTERS),
        ("bytes=٣-٤".encode(), 200, None, LETTERS),
        ("lines=1-2", 200, None, LETTERS),
    ],
)
async def test_a_part_is_served_where_one_is_asked_for(
    shop: httpx.AsyncClient, asked: Any, status: int, told: str | None, content: bytes
) -> None:
    response = await shop.get("/letters.txt", headers={"range": asked})
    assert (response.status_code, response.headers.get("content-range")) == (status, told)
    assert response.content == content
    assert response.headers["content-length"] == str(len(content))


async def test_who_has_it_already_is_told_so(shop: httpx.AsyncClient) -> None:
    first = await shop.get("/letters.txt")
    etag, date = first.headers["etag"], first.headers["last-modified"]
    old = formatdate(0, usegmt=True)
    for headers, status in [
        ({"if-none-match": etag}, 304),
        ({"if-none-match": f'"x", W/{etag}'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"', "if-modified-since": date}, 200),
        ({"if-modified-since": date}, 304),
        ({"if-modified-since": old}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"range": "bytes=0-1", "if-range": etag}, 206),
        ({"range": "bytes=0-1", "if-range": date}, 206),
        ({"range": "bytes=0-1", "if-range": '"x"'}, 200),
        ({"range": "bytes=0-1", "if-range": f"W/{etag}"}, 200),
        ({"range": "bytes=0-1", "if-range": old}, 200),
    ]:
        response = await shop.get("/letters.txt", headers=headers)
        assert response.status_code == status, headers
        if status == 304:
            assert response.content == b""
            assert response.headers["etag"] == etag


async def test_a_changed_file_has_another_etag(folders: Path, shop: httpx.AsyncClient) -> None:
    first = await shop.get("/letters.txt")
    (folders / "static" / "new").write_bytes(LETTERS.upper())
    (folders / "static" / "new").replace(folders / "static" / "letters.txt")
    again = await shop.get("/letters.txt", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (200, LETTERS.upper())


async def test_head_says_the_same_and_sends_nothing(shop: httpx.AsyncClient) -> None:
    get = await shop.get("/letters.txt")
    head = await shop.head("/letters.txt", headers={"range": "bytes=0-1"})
    assert head.status_code == 200, "a part is for GET alone"
    assert (head.headers, head.content) == (get.headers, b"")


async def test_no_descriptor_is_left_open(shop: httpx.AsyncClient) -> None:
    async def all_kinds() -> int:
        for headers in ({}, {"range": "bytes=0-1"}, {"range": "bytes=99-"}, {"if-none-match": "*"}):
            await shop.get("/letters.txt", headers=headers)
        await shop.post("/letters.txt")
        await shop.get("/pipe")
        return len(os.listdir("/proc/self/fd"))

    assert await all_kinds() == await all_kinds()


async def test_every_response_has_the_headers_of_its_area(shop: httpx.AsyncClient) -> None:
    for path, policy in {
        "/": SHOP_POLICY,
        "/letters.txt": SHOP_POLICY,
        "/nothing": HOUSE_POLICY,
        "/healthz": HOUSE_POLICY,
        "/metrics": HOUSE_POLICY,
        "/api/v1/branches": HOUSE_POLICY,
    }.items():
        headers = (await shop.get(path)).headers
        assert headers["content-security-policy"] == policy, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "'unsafe-inline'" not in HOUSE_POLICY


async def test_packaged_files_are_kept_for_good_under_their_hash(
    shop: httpx.AsyncClient,
) -> None:
    url = Packaged().url("landing.css")
    kept, fresh = await shop.get(url), await shop.get("/web/landing.css")
    assert kept.content == fresh.content != b""
    assert "immutable" in kept.headers["cache-control"]
    assert fresh.headers["cache-control"] == "no-cache"
    assert kept.headers["content-type"] == "text/css; charset=utf-8"
    known = {"if-none-match": kept.headers["etag"]}
    assert (await shop.get("/web/landing.css", headers=known)).status_code == 304
    for path in ("/web/0000000000000000/landing.css", "/web/", "/web/../tally.py", "/web/x.py"):
        assert (await shop.get(path)).status_code == 404


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    before = Packaged(tmp_path)
    (tmp_path / "a.js").write_text("2")
    assert Packaged(tmp_path).url("a.js") != before.url("a.js")


async def ask(port: int, path: str, headers: str = "") -> bytes:
    """Return all that a real server answers."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        await stream.send_all(head.encode())
        return b"".join([bytes(data) async for data in stream])


async def test_a_big_file_arrives_whole_and_in_parts(folders: Path, port: int) -> None:
    content = os.urandom(3 * 2**20 + 1)
    (folders / "static" / "big.bin").write_bytes(content)
    head, _, body = (await ask(port, "/big.bin")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == content
    answer = await ask(port, "/big.bin", "Range: bytes=1000000-2999999\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206 ")
    assert body == content[1000000:3000000]


@pytest.mark.parametrize("becomes", [2**16, 2**26], ids=["shorter", "longer"])
async def test_a_file_that_changes_while_it_is_sent_is_never_misread(
    folders: Path, port: int, becomes: int
) -> None:
    """A shorter one is cut off, so that the client knows; of a longer one the old part is sent."""
    size, path = 2**25, folders / "static" / "big.bin"
    path.write_bytes(bytes(size))
    head = b"GET /big.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(head)
        answer = bytes(await stream.receive_some(1000))
        os.truncate(path, becomes)
        answer += b"".join([bytes(data) async for data in stream])
    told, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length: %d" % size in told
    assert len(body) == size if becomes > size else len(body) < size
