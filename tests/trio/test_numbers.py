"""Numbers over the life of an installation: rules come and change, and nothing is given twice."""

from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from mishkah.core.errors import PluginFailed
from mishkah.journal import JournalFull, MemoryJournals
from mishkah.testing import FaultyJournals, open_test_house, write_json

NOTES = {"note": {"id": {"prefix": "N", "format": "{prefix}-{number}"}}}


def insert(ref: str, **data: Any) -> dict[str, Any]:
    return {"type": "INSERT", "table": "note", "data": data, "ref": ref}


async def test_a_counter_that_starts_at_its_rows_stays_there_when_they_are_gone(
    autojump_clock: MockClock, data: Path
) -> None:
    journals = MemoryJournals()
    async with open_test_house(data, journals=journals) as house, house.client() as till:
        await till.ask(insert("1", id="N-7"))
    write_json(data / "sequence-rules.json", {"defaults": {"m": NOTES}})
    async with open_test_house(data, journals=journals) as house, house.client() as till:
        await till.ask({"type": "DELETE", "table": "note", "id": "N-7", "ref": "2"})
    async with open_test_house(data, journals=journals) as house, house.client() as till:
        assert (await till.ask(insert("3")))["rows"][0]["id"] == "N-8"


@pytest.mark.parametrize("refusal", [JournalFull("no room"), PluginFailed()], ids=repr)
async def test_a_store_without_room_for_its_counters_is_served(
    autojump_clock: MockClock, data: Path, refusal: Exception
) -> None:
    journals = FaultyJournals()
    async with open_test_house(data, journals=journals) as house, house.client() as till:
        for n in (1, 2, 4):
            await till.ask(insert(f"{n}", id=f"N-{n}"))
    write_json(data / "sequence-rules.json", {"defaults": {"m": NOTES}})
    journals.refusal = refusal
    async with open_test_house(data, journals=journals) as house, house.client() as till:
        assert (await till.receive())["type"] == "SNAPSHOT"
        journals.refusal = None
        given = [(await till.ask(insert(ref)))["rows"][0]["id"] for ref in "abc"]
        assert given == ["N-3", "N-5", "N-6"]
