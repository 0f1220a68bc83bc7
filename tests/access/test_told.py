"""What is told of a row that may not be read, and to who comes back to a view."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from support.talking import SHOP, insert, until_synced

from mishkah.site.assembly import make_site
from mishkah.testing import ALL, FakeGate, open_test_house


@pytest.fixture
def gate() -> FakeGate:
    gate = FakeGate()
    gate.role("owner", ALL)
    gate.let_in("o", "owner", user="omar")
    return gate


async def test_a_row_that_its_writer_may_not_read_is_made_and_not_shown(
    data: Path, gate: FakeGate, autojump_clock: object
) -> None:
    gate.role("blind", {"do": ["insert"], "tables": ["note"]})
    gate.let_in("b", "blind", user="amal")
    async with (
        open_test_house(data, gate=gate) as house,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(make_site(house.house)),  # type: ignore[arg-type]
            base_url="http://localhost",
            headers={"Authorization": "Bearer b"},
        ) as api,
    ):
        note = "/api/v1/branches/shop/modules/m/tables/note"
        answer = await api.post(note, json={"id": "n2", "text": "x"})
        assert answer.status_code == 201
        assert answer.json() == {"seq": 2, "row": None}
        assert "location" not in answer.headers
        assert (await api.get(f"{note}/n2")).status_code == 404


@pytest.mark.parametrize("hidden", ["note", "item"])
async def test_who_comes_back_to_a_view_does_not_learn_what_was_written_unseen(
    data: Path, gate: FakeGate, autojump_clock: object, hidden: str
) -> None:
    """The view was forgotten meanwhile, or not: whether a row of its tables was written."""
    gate.role("clerk", {"do": ["read"], "tables": ["item"], "where": ["name", "=", "tea"]})
    gate.let_in("c", "clerk", user="amal")
    rows: dict[str, Any] = {"note": {"text": "x"}, "item": {"name": "other"}}
    async with (
        open_test_house(data, gate=gate) as house,
        house.v1("c", token="c") as clerk,
        house.v1("o", token="o") as owner,
    ):
        for n in range(2):
            await clerk.send({"type": "SUBSCRIBE", **SHOP})
            await until_synced(clerk)
            if n == 0:
                await clerk.send({"type": "UNSUBSCRIBE", **SHOP})
                await clerk.send({"type": "QUERY", "table": "item", "ref": 1, **SHOP})
                await clerk.expect("RESULT")
                row = {"id": "h", **rows[hidden]}
                await owner.ask({"type": "INSERT", "table": hidden, "data": row, "ref": 1, **SHOP})
        await owner.ask(insert("tea", 2, name="tea"))
        delta = await clerk.expect("DELTA")
        assert (delta["prev"], delta["seq"]) == (2, 3)
