"""Who was refused is noted, and hears it no later."""

from pathlib import Path

import trio
from support.signing import (
    AUTH,
    NOTES,
    PROGRAM,
    Shop,
    bearer,
    open_shop,
)

from mishkah.http.crowd import HERE
from mishkah.identity.audit import ROWS_IN_WINDOW
from mishkah.testing import FaultyJournals


async def test_who_was_refused_is_noted_once_and_by_name(shop: Shop) -> None:
    amal = await shop.token()
    async with shop.client("10.0.0.7") as client:
        await client.get(NOTES)
        await client.get(NOTES, headers=bearer("mk_a_b"))
        await client.get("/metrics", headers=bearer(amal))
        await trio.testing.wait_all_tasks_blocked()
        await client.post(f"{AUTH}/login", json={**PROGRAM, "password": "wrong"})
        await client.get(f"{NOTES}/nothing", headers=bearer(amal))
    rows = [(r["event"], r["user"], r["address"], r["detail"]) for r in await shop.audit(3)]
    assert rows == [  # and that who shows nothing is to sign in is no news
        ("login-failed", "amal", "10.0.0.7", None),
        ("refused", "amal", "10.0.0.7", "FORBIDDEN"),
        ("refused", None, "10.0.0.7", "AUTH_REQUIRED"),
    ]


async def test_what_a_socket_is_refused_is_noted_too(data: Path) -> None:
    reads = {"roles": {"clerk": {"rules": [{"do": ["read"]}]}}}
    async with open_shop(data, roles=reads) as shop:
        async with shop.house.client(await shop.token()) as amal:
            await amal.send({"type": "DELETE", "table": "note", "id": "n1", "ref": 1})
            assert (await amal.expect("ERROR"))["code"] == "FORBIDDEN"
        async with shop.house.client("mk_a_b") as nobody:
            assert (await nobody.receive())["code"] == "AUTH_REQUIRED"
        rows = [(r["user"], r["address"], r["detail"]) for r in await shop.audit(2)]
        assert rows == [(None, HERE, "AUTH_REQUIRED"), ("amal", HERE, "FORBIDDEN")]


async def test_no_answer_waits_for_its_note(
    data: Path, autojump_clock: trio.testing.MockClock
) -> None:
    journals = FaultyJournals()
    async with open_shop(data, journals=journals) as shop, shop.client() as client:
        journals.seconds = 5.0
        before = trio.current_time()
        for _ in range(200):
            assert (await client.get(NOTES, headers=bearer("mk_a_b"))).status_code == 401
        assert trio.current_time() == before
        journals.seconds = 0.0
        await trio.sleep(200)
        rows = [row for row in await shop.audit() if row["event"] == "refused"]
        assert len(rows) <= 2 * ROWS_IN_WINDOW
        assert sum(row["count"] for row in rows) == 200
