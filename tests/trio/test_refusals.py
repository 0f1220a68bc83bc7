"""Refusals: in the language of the client wherever they are said, and not before the commit."""

from pathlib import Path
from typing import Any

import pytest
import trio
from support.talking import SHOP, insert, subscribe, until_synced, update
from trio.testing import MockClock

from mishkah.journal import JournalFailed, JournalFull
from mishkah.testing import Client, FaultyJournals, open_test_house

QUERY = {"type": "QUERY", "table": "item", **SHOP}
GROUPED = {"by": ["id"], "values": {"n": ["count"]}}


async def say_hello(client: Client, lang: str) -> None:
    """Greet as a client of the future may, in *lang*."""
    more = {"token": "t", "now": "2025-10-29T10:00:00Z", "pending": {"n": 2, "oldest": "x"}}
    await client.send({"type": "HELLO", "v": 1, "client": "c", "lang": lang, **more})
    assert (await client.receive())["type"] == "WELCOME"


REFUSED: dict[str, Any] = {
    "no JSON": "{",
    "no type": {"type": "GO"},
    "no store": {**insert("a", 1), "branch": "nowhere"},
    "a row": insert("a", 1, qty="many"),
    "a subscription": {"type": "SUBSCRIBE", **SHOP, "tables": ["nothing"]},
    "a filter": {"type": "SUBSCRIBE", **SHOP, "tables": ["item"], "where": []},
    "a query": {**QUERY, "limit": 0},
    "a query in its course": {**QUERY, "aggregate": GROUPED},
    "a call": {"type": "CALL", "action": "x.y", **SHOP},
}


@pytest.mark.parametrize("lang", ["ar", "ar-EG", "en", ""])
@pytest.mark.parametrize("kind", REFUSED)
async def test_every_refusal_is_in_the_language_of_the_client(
    autojump_clock: MockClock, data: Path, monkeypatch: pytest.MonkeyPatch, kind: str, lang: str
) -> None:
    monkeypatch.setattr("mishkah.core.totals.MAX_GROUPS", 1)
    async with open_test_house(data) as house, house._connected("/", "mishkah.v1") as client:
        await say_hello(client, lang)
        for key in "xy":
            await client.ask(insert(key, key))
        await client.send(REFUSED[kind])
        no = await client.receive()
        assert no["type"] == "ERROR"
        assert no["error"] == no["text"]["ar" if lang.startswith("ar") else "en"]
        assert no["text"]["ar"] != no["text"]["en"]
        assert isinstance(no["code"], str)


async def test_a_store_that_is_down_says_so_in_the_language_and_when_to_come_back(
    autojump_clock: MockClock, data: Path
) -> None:
    journals = FaultyJournals()
    journals.refusal = JournalFailed("no disk")
    async with (
        open_test_house(data, journals=journals) as house,
        house._connected("/", "mishkah.v1") as client,
    ):
        await say_hello(client, "ar")
        no = await subscribe(client)
        assert (no["code"], no["error"], no["retry_ms"]) == ("STORE_FAILED", no["text"]["ar"], 1000)
        assert await client.close_code() == 1012


async def test_every_answer_of_a_batch_waits_for_its_commit(
    autojump_clock: MockClock, data: Path
) -> None:
    """Refusals, repeats, queries and subscriptions too, and in their order."""
    journals = FaultyJournals()
    async with open_test_house(data, journals=journals) as house, house.v1("a") as till:
        await till.ask(insert("old", "old"))
        journals.seconds = 10
        before = trio.current_time()
        batch = [
            insert("a", 1), insert("a", 2), insert("a", 1), insert("old", "old"),
            {**QUERY, "ref": 3, "order": [["id", "asc"]], "fields": ["id"]},
            update("a", 4, changes={"qty": 5}, base=0),
            {"type": "SUBSCRIBE", **SHOP, "ref": 5},
        ]  # fmt: skip
        for message in batch:
            await till.send(message)
        answers = [await till.receive() for _ in batch]
        assert trio.current_time() - before >= 10
        told = [(a["ref"], a["type"], a.get("code"), a.get("dup")) for a in answers]
        assert told == [
            (1, "ACK", None, None), (2, "ERROR", "DUPLICATE", None), (1, "ACK", None, True),
            ("old", "ACK", None, True), (3, "RESULT", None, None), (4, "ACK", None, None),
            (5, "SUBSCRIBED", None, None),
        ]  # fmt: skip
        assert answers[4]["rows"] == [{"id": "a"}, {"id": "old"}]
        assert answers[6]["seq"] == 4
        snapshot, _ = await until_synced(till)
        assert snapshot["seq"] == 4


async def test_a_full_disk_refuses_the_whole_batch(autojump_clock: MockClock, data: Path) -> None:
    """And says when to try again; what was done before is still answered by its name."""
    journals = FaultyJournals()
    async with open_test_house(data, journals=journals) as house, house.v1("a") as till:
        await till.ask(insert("old", "old"))
        journals.refusal = JournalFull("no room")
        for message in (insert("old", "old"), insert("a", 1), insert("a", 2), insert("a", 1)):
            await till.send(message)
        answers = [await till.receive() for _ in range(4)]
        assert [answer.get("code") for answer in answers] == [None] + ["STORAGE_FULL"] * 3
        assert answers[0]["dup"] is True
        assert answers[1]["retry_ms"] == 5000
        journals.refusal = None
        assert "dup" not in await till.ask(insert("a", 1))
