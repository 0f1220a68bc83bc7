"""The first page, the probes, and the counts."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from mishkah.journal import JournalDamaged
from mishkah.limits import Limits
from mishkah.site.assembly import make_site
from mishkah.tally import Histogram
from mishkah.testing import FaultyJournals, TestHouse, open_test_house


def browser(house: TestHouse) -> httpx.AsyncClient:
    site: Any = make_site(house.house)
    return httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://localhost")


@pytest.fixture
async def house(data: Path) -> AsyncIterator[TestHouse]:
    async with open_test_house(data) as house:
        await house.house.open_listed()
        yield house


async def counts(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Return every sample: (name, the values of its labels) → value."""
    response = await client.get("/metrics")
    assert response.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def test_what_happens_on_a_socket_is_counted(house: TestHouse) -> None:
    async with browser(house) as client:
        async with house.client() as till, house.client() as screen:
            await till.receive()
            await screen.receive()
            new = {"type": "INSERT", "table": "note", "data": {"id": "n2"}, "ref": 1}
            assert (await till.ask(new))["type"] == "ACK"
            assert (await till.ask({**new, "ref": 2}))["code"] == "DUPLICATE"
            assert (await till.ask({**new, "table": "no", "ref": 3}))["code"] == "UNKNOWN_TABLE"
            found = await counts(client)
            store = ("shop", "m")
            assert found["mishkah_sessions",] == 2
            assert found["mishkah_subscriptions", *store] == 2
            assert found["mishkah_deltas_total", *store] == 2
            assert found["mishkah_acks_total", *store] == 1
            assert found["mishkah_refusals_total", "DUPLICATE"] == 1
            assert found["mishkah_refusals_total", "UNKNOWN_TABLE"] == 1
            assert found["mishkah_batch_commits_count", *store] == 1
            assert found["mishkah_commit_seconds_count", *store] == 1
            assert found["mishkah_store_rows", *store] == 2
            assert found["mishkah_store_status", *store, "serving"] == 1
            assert found["mishkah_store_restarts_total", *store] == 0
        async with house.client(module="nowhere") as lost:
            assert (await lost.receive())["code"] == "UNKNOWN_MODULE"
            await lost.close_code()
        found = await counts(client)
        assert found["mishkah_refusals_total", "UNKNOWN_MODULE"] == 1
        await client.get("/api/v1/branches/shop/modules/nowhere")
        assert (await counts(client))["mishkah_refusals_total", "UNKNOWN_MODULE"] == 2
        assert found["mishkah_sessions",] == 0
        assert found["mishkah_sessions_opened_total",] == 2


async def test_a_restart_is_counted_and_the_counts_outlive_it(
    data: Path, autojump_clock: trio.testing.MockClock
) -> None:
    journals = FaultyJournals()
    async with open_test_house(data, journals=journals) as house:
        await house.house.open_listed()
        (keeper,) = house.house.keepers.values()
        async with house.client() as till:
            note = {"type": "INSERT", "table": "note", "data": {"id": "n2"}, "ref": 1}
            assert (await till.ask(note))["type"] == "ACK"
            journals.refusal = RuntimeError("the disk has gone")
            await till.send({**note, "data": {"id": "n3"}})
            await till.close_code()
        journals.refusal = None
        await trio.sleep(10)
        assert (keeper.status, keeper.tally.restarts, keeper.tally.acks) == ("serving", 1, 1)


async def test_requests_are_counted_by_route_and_never_by_what_was_sent(house: TestHouse) -> None:
    async with browser(house) as client:
        for path in ("/healthz", "/no/1", "/no/2", "/api/v1/branches", "/web/x", "/web/y"):
            await client.get(path)
        await client.get("/api/v1/nowhere")
        await client.request("BREW", "/healthz")
        found = await counts(client)
    requests = {
        key[1:]: value for key, value in found.items() if key[0] == "mishkah_http_requests_total"
    }
    assert requests == {
        ("GET", "/healthz", "200"): 1,
        ("GET", "files", "404"): 2,
        ("GET", "/api/v1/branches", "200"): 1,
        ("GET", "/api/v1", "404"): 1,
        ("GET", "/web/{path:path}", "404"): 2,
        ("other", "/healthz", "405"): 1,
    }


async def test_a_request_over_the_rate_is_told_when_to_come_back_and_counted(data: Path) -> None:
    limits = Limits(address_rate=1)
    async with open_test_house(data, limits=limits) as house:
        site: Any = make_site(house.house)
        far = httpx.ASGITransport(site, client=("2001:db8:1:2::a", 0))
        near = httpx.ASGITransport(site, client=("2001:db8:1:2::b", 0))
        async with (
            httpx.AsyncClient(transport=far, base_url="http://localhost") as one,
            httpx.AsyncClient(transport=near, base_url="http://localhost") as other,
            browser(house) as here,
        ):
            path = "/api/v1/branches/shop/modules/m"
            assert (await one.get(path)).status_code == 200
            assert (await other.get(path)).status_code == 200
            told = await one.get(path)
            found = await counts(here)
    assert (told.status_code, told.json()["code"]) == (429, "RATE_LIMITED")
    assert told.headers["content-type"] == "application/problem+json"
    assert told.headers["retry-after"] == "1"
    assert told.headers["x-content-type-options"] == "nosniff"
    assert found["mishkah_limited_total", "address_rate"] == 1
    assert found["mishkah_refusals_total", "RATE_LIMITED"] == 1
    assert found["mishkah_http_requests_total", "GET", "files", "429"] == 1


async def test_a_store_is_not_asked_by_a_request_over_the_rate(data: Path) -> None:
    async with open_test_house(data, limits=Limits(address_rate=1)) as house:
        site: Any = make_site(house.house)
        far = httpx.ASGITransport(site, client=("10.0.0.1", 0))
        async with httpx.AsyncClient(transport=far, base_url="http://localhost") as client:
            for _ in range(2):
                await client.get("/healthz")
            await client.get("/api/v1/branches/shop/modules/m")
        assert not house.house.keepers


def test_a_histogram_counts_each_value_below_its_bound() -> None:
    sizes = Histogram((1, 2, 4))
    for value in (1, 2, 3, 4, 5):
        sizes.add(value)
    assert (sizes.counts, sizes.sum) == ([1, 1, 2, 1], 15)


async def test_the_lag_of_the_loop_is_measured(
    house: TestHouse, autojump_clock: trio.testing.MockClock
) -> None:
    with trio.move_on_after(1.1):
        await house.house.watch_lag()
    assert sum(house.house.tally.lag.counts) == 4


async def test_the_server_is_ready_while_its_listed_stores_serve(data: Path) -> None:
    async with open_test_house(data) as house, browser(house) as client:
        early = await client.get("/readyz")
        assert (early.status_code, early.json()["stores"]) == (503, {"shop/m": "closed"})
        await house.house.open_listed()
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert ready.json()["disk"]["free"] > 0
        house.house.stop()
        late = await client.get("/readyz")
        assert (late.status_code, late.json()["stopping"]) == (503, True)
        assert (await client.get("/healthz")).text == "ok\n"


async def test_a_failed_store_is_told(data: Path) -> None:
    def damaged(*_: object) -> Any:
        raise JournalDamaged("bad checksum")

    async with open_test_house(data, journals=damaged) as house, browser(house) as client:
        await house.house.open_listed()
        response = await client.get("/readyz")
        assert (response.status_code, response.json()["stores"]) == (503, {"shop/m": "failed"})
        assert "failed, see the log" in (await client.get("/")).text


@pytest.mark.parametrize(
    ("path", "accepted", "language", "direction"),
    [
        ("/", "", "en", "ltr"),
        ("/", "ar-EG,ar;q=0.9,en;q=0.8", "ar", "rtl"),
        ("/", "fr,en;q=0.5", "en", "ltr"),
        ("/", "en; q=0.5, ar", "ar", "rtl"),
        ("/", "arn, ar;q=0", "en", "ltr"),
        ("/?lang=ar", "en", "ar", "rtl"),
        ("/?lang=xx", "ar", "ar", "rtl"),
    ],
)
async def test_the_first_page_is_in_the_readers_language(
    house: TestHouse, path: str, accepted: str, language: str, direction: str
) -> None:
    async with browser(house) as client:
        response = await client.get(path, headers={"accept-language": accepted})
    assert f'<html lang="{language}" dir="{direction}">' in response.text
    assert "ws://localhost/?branch=shop&amp;module=m" in response.text
    assert "<script" not in response.text
    assert "style=" not in response.text
    for link in ("/docs", "/metrics", "/healthz"):
        assert f'href="{link}"' in response.text


async def test_the_first_page_loads_nothing_that_is_not_there(house: TestHouse) -> None:
    async with browser(house) as client:
        page = (await client.get("/")).text
        links = [part.partition('"')[0] for part in page.split('href="')[1:]]
        for link in links:
            if link.startswith("/web/"):
                assert (await client.get(link)).status_code == 200
        assert sum(link.startswith("/web/") for link in links) == 2


async def test_the_shops_own_first_page_wins(data: Path) -> None:
    (data / "static").mkdir()
    (data / "static" / "index.html").write_text("mine", "utf-8")
    async with open_test_house(data) as house, browser(house) as client:
        assert (await client.get("/")).text == "mine"


async def test_every_metric_is_on_the_page_and_no_other(house: TestHouse) -> None:
    page = (Path(__file__).parents[2] / "docs" / "http.md").read_text("utf-8")
    async with browser(house) as client:
        text = (await client.get("/metrics")).text
    served = {
        f"{family.name}{'_total' if family.type == 'counter' else ''}"
        for family in text_string_to_metric_families(text)
        if family.name.startswith("mishkah_")
    }
    assert served == set(re.findall(r"^\| `(mishkah_\w+)` \|", page, re.MULTILINE))
