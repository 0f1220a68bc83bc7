"""What is read by HTTP: pages, totals, snapshots, and what the client has already."""

import json
from typing import Any

import pytest
from starlette.types import Message

from mishkah.http.turned import CutOff
from mishkah.site.assembly import make_site
from mishkah.testing import ALL, FakeGate

MODULE = "/api/v1/branches/shop/modules/m"
PLAIN = {"Accept-Encoding": "identity"}


async def fill(api: Any, count: int, **more: Any) -> None:
    ops = [
        {"type": "INSERT", "table": "item",
         "data": {"id": f"i{n}", "name": f"n{n % 3}", "price": (n % 4) / 10, **more}}
        for n in range(count)
    ]  # fmt: skip
    assert (await api.post("transactions", json={"ops": ops})).status_code == 200


async def test_branches_and_modules_are_listed(api: Any) -> None:
    listed = (await api.get("/api/v1/branches")).json()["branches"]
    assert [(one["branch"], one["kind"], one["modules"]) for one in listed] == [
        ("shop", "default", ["m"]), ("^shop:", "pattern", ["m"])
    ]  # fmt: skip
    info = (await api.get("/api/v1/branches/shop/modules/m")).json()
    assert (info["branch"], info["module"], info["seq"]) == ("shop", "m", 1)
    assert info["tables"] == ["item", "note"]
    schema = (await api.get("schema")).json()
    assert schema["tables"]["item"]["fields"]["qty"] == {"type": "integer", "default": 1}


async def test_pages_lead_through_a_table_while_rows_come_and_go(api: Any) -> None:
    await fill(api, 10)
    where = json.dumps(["name", "!=", "n2"])
    asked = {"where": where, "order": "-price,name", "limit": 2, "fields": "id"}
    found: list[str] = []
    while True:
        page = (await api.get("tables/item", params=asked)).json()
        found += [row["id"] for row in page["rows"]]
        if page["next"] is None:
            break
        asked["cursor"] = page["next"]
        await api.delete(f"tables/item/{found[0]}")
        await api.post("tables/item", json={"id": f"late{len(found)}", "price": 99})
    assert found == ["i3", "i7", "i6", "i9", "i1", "i0", "i4"]


async def test_totals_are_exact(api: Any) -> None:
    await fill(api, 8)
    values = {"n": ["count"], "sum": ["sum", "price"], "avg": ["avg", "price"]}
    asked = {"table": "item", "by": "name", "values": json.dumps(values)}
    rows = (await api.get("aggregate", params=asked)).json()["rows"]
    assert rows == [
        {"name": "n0", "n": 3, "sum": 0.5, "avg": 0.166666667},
        {"name": "n1", "n": 3, "sum": 0.4, "avg": 0.133333333},
        {"name": "n2", "n": 2, "sum": 0.3, "avg": 0.15},
    ]
    where = json.dumps(["price", "null", True])
    one = await api.get("aggregate", params={**asked, "by": "id", "where": where})
    assert one.json()["rows"] == []


async def test_a_snapshot_is_what_a_socket_is_shown(api: Any) -> None:
    await fill(api, 900, info={"text": "x" * 1000})
    shown = await api.get("snapshot", headers=PLAIN)
    async with api.house.client(branch="shop", module="m") as till:
        assert shown.json() == await till.expect("SNAPSHOT")
    told = shown.json()
    assert shown.headers["etag"] == f'"{told["epoch"]}-{told["seq"]}"'
    assert len(told["data"]["item"]) == 900
    some = await api.get("snapshot", params={"tables": "note"}, headers=PLAIN)
    assert some.json()["data"] == {"note": [{"id": "n1", "text": "hello"}]}
    none = await api.get("snapshot", params={"tables": "note,x"})
    assert (none.status_code, none.json()["code"]) == (404, "UNKNOWN_TABLE")


@pytest.mark.parametrize("packing", [{"accept-encoding": "gzip"}, PLAIN])
async def test_a_snapshot_under_way_ends_with_the_right_to_see_it(
    serve: Any, packing: dict[str, str]
) -> None:
    gate, took = FakeGate(), 0
    gate.role("all", ALL)
    gate.role("some", {"do": ["read"], "except": ["price"]})
    gate.let_in("a", "all")
    gate.let_in("b", "all")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async with serve(gate=gate) as api:
        api.headers["Authorization"] = "Bearer a"
        await fill(api, 900, info={"text": "x" * 5000})
        headers = {"authorization": "Bearer b", "host": "localhost", **packing}
        scope = {
            "type": "http", "method": "GET", "path": f"{MODULE}/snapshot", "raw_path": b"",
            "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "client": ("127.0.0.1", 0), "server": ("localhost", None),
        }  # fmt: skip

        async def send(message: Message) -> None:
            nonlocal took
            if message.get("body"):
                took += 1
                if took == 2:
                    gate.let_in("b", "some")
            assert message.get("more_body", True), "it ends as if it were whole"

        with pytest.raises(CutOff):
            await make_site(api.house.house)(scope, receive, send)
        assert took == 2


async def test_a_snapshot_is_packed_for_who_takes_it(api: Any) -> None:
    await fill(api, 300, info={"text": "x" * 1000})
    plain = await api.get("snapshot", headers=PLAIN)
    packed = await api.get("snapshot", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()  # the client has unpacked it
    assert packed.num_bytes_downloaded < len(plain.content) / 10
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.headers["etag"] != plain.headers["etag"]  # other bytes (RFC 9110, 8.8.3.3)
    known = {"If-None-Match": packed.headers["etag"], "Accept-Encoding": "br, gzip; q=0.5"}
    again = await api.get("snapshot", headers=known)
    assert (again.status_code, again.headers["vary"]) == (304, "Accept-Encoding")
    refused = await api.get("snapshot", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


async def test_what_the_client_has_is_not_sent_again(api: Any) -> None:
    await fill(api, 3)
    values = {"table": "item", "values": '{"n": ["count"]}'}
    for address, params in (
        ("snapshot", {}), ("tables/item", {}), ("tables/item/i1", {}), ("aggregate", values)
    ):  # fmt: skip
        first = await api.get(address, params=params)
        for has in (first.headers["etag"], f'"x-1", W/{first.headers["etag"]}', "*"):
            again = await api.get(address, params=params, headers={"If-None-Match": has})
            assert (again.status_code, again.content) == (304, b"")
        await api.patch("tables/item/i1", json={"changes": {"email": f"a@{len(address)}"}})
        known = {"If-None-Match": first.headers["etag"]}
        assert (await api.get(address, params=params, headers=known)).status_code == 200


async def test_a_head_is_answered_without_a_body(api: Any) -> None:
    for address in ("snapshot", "tables/note", "changes"):
        head = await api.head(address, headers={"Accept": "text/event-stream"})
        assert (head.status_code, head.headers["content-type"]) == (200, "application/json")


async def test_reading_makes_no_branch(api: Any) -> None:
    """A GET may come from any page that a browser shows: it must not use up the branches."""
    north = "/api/v1/branches/shop:north/modules/m"
    for address in ("", "/schema", "/snapshot", "/tables/note", "/changes"):
        none = await api.get(f"{north}{address}")
        assert (none.status_code, none.json()["code"]) == (404, "UNKNOWN_MODULE")
    assert (await api.post(f"{north}/tables/note", json={"id": "x"})).status_code == 201
    assert (await api.get(f"{north}/tables/note/n1")).json() == {"id": "n1", "text": "hello"}


async def test_nothing_is_kept_without_asking_again(api: Any) -> None:
    values = "aggregate?table=note&values=" + json.dumps({"n": ["count"]})
    for address in ("schema", "snapshot", "tables/note", "tables/note/n1", values, "changes"):
        told = await api.get(address)
        assert (told.status_code, told.headers.get("cache-control")) == (200, "no-cache")
    gone = await api.get("tables/note/nowhere")
    assert gone.headers["cache-control"] == "no-store"
    known = {"If-None-Match": (await api.get("tables/note/n1")).headers["etag"]}
    again = await api.get("tables/note/n1", headers=known)
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")
