"""Commits from before a migration, seen by who may see less than all."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.talking import SHOP

from mishkah.core.commit import Change, Commit, as_now
from mishkah.core.soundness import read_schema
from mishkah.site.assembly import make_site
from mishkah.sqlite import SqliteJournals
from mishkah.testing import ALL, FakeGate, open_test_house, write_installation

KEY = {"type": "text", "primaryKey": True}
TEXT = {"type": "text"}
BEFORE = {"t": {"fields": {"id": KEY, "x": TEXT}}}
AFTER = {"t": {"fields": {"id": KEY, "x": TEXT, "new": TEXT}}}
ROLES = {
    "all": [ALL],
    "some": [{"do": ["read", "insert"], "where": ["new", "null", True]}],
    "few": [{"do": ["read", "insert"], "except": ["x"]}],
}


@pytest.mark.parametrize("role", ROLES)
async def test_old_commits_are_shown_in_the_fields_of_today(tmp_path: Path, role: str) -> None:
    data = write_installation(tmp_path / "data", BEFORE)
    journals = SqliteJournals(lambda store: tmp_path / "store.sqlite3", "OFF")
    gate = FakeGate()
    gate.role("r", ALL)
    gate.let_in("k", "r", user="amal")
    wrote = {"type": "INSERT", "table": "t", "data": {"id": "a"}, "ref": 1, **SHOP}
    async with (
        open_test_house(data, journals=journals, gate=gate) as house,
        house.v1("till", token="k") as till,
    ):
        assert (await till.ask(wrote))["type"] == "ACK"
    definition = data / "branches/shop/modules/m/schema/definition.json"
    definition.write_text(json.dumps({"tables": AFTER}), "utf-8")
    gate.role("r", *ROLES[role])
    row: dict[str, Any] = {"id": "a", "x": None, "new": None}
    if role == "few":
        del row["x"]
    async with (
        open_test_house(data, journals=journals, gate=gate) as house,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(make_site(house.house)),  # type: ignore[arg-type]
            base_url="http://localhost",
            headers={"Authorization": "Bearer k"},
        ) as api,
        house.v1("till", token="k") as till,
    ):
        again = await till.ask(wrote)
        assert (again["dup"], again["rows"]) == (True, [row])
        told = (await api.get("/api/v1/branches/shop/modules/m/changes")).json()
        assert [one["changes"] for one in told["commits"][0]["changes"]] == [row]


def test_what_a_field_or_a_table_that_is_gone_held_is_told_no_more() -> None:
    schema, problems = read_schema("m", {"tables": AFTER})
    assert schema is not None, problems
    old = {"id": "a", "pin": "1234", "x": "1"}
    changes = (
        Change(table="t", id="a", new=old, old=None, json=b'{"id":"a","pin":"1234","x":"1"}'),
        Change(table="t", id="a", new=old, old={"pin": "9", "x": "0"}, json=b"{}"),
        Change(table="t", id="a", new=None, old=old, json=b""),
        Change(table="gone", id="a", new=old, old=None, json=b"{}"),
    )
    now = as_now(Commit(seq=1, at="", changes=changes), schema)
    row = {"id": "a", "x": "1", "new": None}
    assert [(c.new, c.old, c.json) for c in now.changes] == [
        (row, None, b'{"id":"a","x":"1","new":null}'),
        (row, {"x": "0"}, b'{"id":"a","x":"1","new":null}'),
        (None, row, b""),
    ]
