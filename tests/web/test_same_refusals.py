"""What the browser refuses by the schema, the server refuses with the same words; and no more."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from mishkah.core import wire
from mishkah.core.commands import decode
from mishkah.core.draft import Draft
from mishkah.core.errors import Refused
from mishkah.core.frames import payloads
from mishkah.core.ids import StoreId
from mishkah.core.judging import Rules
from mishkah.core.state import State
from mishkah.core.transact import Asked, transact
from mishkah.site.assembly import make_site
from mishkah.testing import open_test_house, write_installation

JUDGE = Path(__file__).parent / "judge.mjs"
THING = {
    "thing": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "no": {"type": "text", "required": True},
            "name": {"type": "json", "required": True,
                     "shape": {"ar": "required", "en": "optional"}},
            "note": {"type": "text", "maxLength": 5},
            "count": {"type": "integer", "min": 0, "max": 10},
            "price": {"type": "decimal", "min": 0.5, "max": 1000},
            "paid": {"type": "boolean", "default": False},
            "day": {"type": "date", "min": "2020-01-01"},
            "at": {"type": "timestamp", "max": "2030-01-01T00:00:00.000Z"},
            "status": {"type": "text", "enum": ["open", "paid"], "required": True},
            "phone": {"type": "text", "pattern": r"^\+?[0-9][\d\s()-]{2,9}$"},
            "line": {"type": "text", "pattern": r"^a.b\-c[]x]$"},
            "free": {"type": "json"},
            "made": {"type": "timestamp", "default": "now", "readOnly": True},
            "fixed": {"type": "text", "readOnly": True},
        }
    }
}  # fmt: skip
NUMBERS = {"thing": {"no": {"format": "T{number:03d}"}}}
GOOD = {"id": "a", "name": {"ar": "ا"}, "status": "open"}

VALUES: dict[str, list[Any]] = {
    "id": ["", "x" * 200, "x" * 201, "😀" * 200, "a\nb", "a\u0085", "\0", 5, None, [], "ا"],
    "name": [None, 5, [], {}, {"ar": ""}, {"ar": 5}, {"en": "x"}, {"ar": "x", "fr": "y"},
             {"ar": "x", "__proto__": "y"}, {"ar": "x\0"}, {"ar": None}, {"~/": "x"}, "x"],
    "note": ["12345", "123456", "😀😀😀😀😀", "😀" * 6, "", 1, True, {}, "a\0"],
    "count": [0, 10, -1, 11, 1.5, "1", True, 2**53, 2**53 + 2, 1e20, 1e21, 1e300, None, 1.0],
    "price": [0.5, 0.4, 1000, 1000.01, "1", False, 0.1 + 0.2, 1.123456789, 1.1234567891,
              999999.999999999, 1e15, 123456789012345, 1e-9, 1e-10, 5e-324, -0.0, 1e300],
    "paid": [True, 0, "true", None],
    "day": ["2025-02-28", "2025-02-29", "2024-02-29", "2019-12-31", "0000-01-01", "2025-1-1",
            "2025-13-01", "2025-00-10", "2025-06-31", "20250101", 20250101, "2025-01-01T00:00:00Z",
            "٢٠٢٥-٠١-٠١", "2025-01-01\n", ["2025-01-01"]],
    "at": ["2025-10-29T10:30:00Z", "2025-10-29 10:30:00+02:00", "2025-10-29t10:30:00.123456z",
           "2025-10-29T10:30:00", "2025-02-30T00:00:00Z", "2025-10-29T25:00:00Z", "now",
           "2025-10-29T10:60:00Z", "2025-10-29T10:30:60Z", "2025-10-29T10:30:00+23:59",
           "2025-10-29T10:30:00+24:00", "2030-01-01T00:00:00.001Z", "2029-12-31T23:59:59-01:00",
           "1970-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", 5],
    "status": ["open", "paid", "closed", "", None, 1, "OPEN"],
    "phone": ["+20 10 7", "01012345", "x", "1234\n", "12 3", "1\u00a034", "1" * 1001, ""],
    "line": ["a.b-c]", "axb-cx", "a\nb-cx", "a\rb-cx", "a😀b-cx", "a\u2028b-cx"],
    "free": [[1, {"x": [2**53 + 2]}], {"__proto__": 1}, ["\0"], {"a\0": 1}, {"a": {"b/c": "\0"}},
             "\0", 2**53, -(2**54), True, None, {"a": [0, 1, "\0"]}],
    "made": ["2025-10-29T10:30:00Z", None, "x"],
    "fixed": ["x", None, 5],
    "nothing": [1, None],
    "constructor": ["x"],
    "no": [None],
}  # fmt: skip


def commands() -> list[dict[str, Any]]:
    """Return every value in an insert and in an update, and some that are wrong in several ways."""
    some: list[dict[str, Any]] = []
    for name, values in VALUES.items():
        for value in values:
            if name != "no":
                some.append({"type": "UPDATE", "table": "thing", "id": "there",
                             "changes": {name: value}})  # fmt: skip
            some.append({"type": "INSERT", "table": "thing", "data": {**GOOD, name: value}})
    bad = {"status": "x", "count": -1, "what": 1, "made": "x", "fixed": "x", "note": "123456",
           "price": 0, "day": "", "at": "", "paid": 1, "phone": "x"}  # fmt: skip
    some += [
        {"type": "INSERT", "table": "thing", "data": {}},
        {"type": "INSERT", "table": "thing", "data": bad},
        {"type": "INSERT", "table": "none", "data": {}},
        {"type": "INSERT", "table": "constructor", "data": {}},
        {"type": "UPDATE", "table": "thing", "id": "there", "changes": {"id": "other"}},
        {"type": "UPDATE", "table": "thing", "id": "there", "changes": {"id": "there"}},
        {"type": "UPDATE", "table": "thing", "id": "gone", "changes": {"status": "x"}},
        {"type": "UPDATE", "table": "thing", "id": "there", "changes": {"count": 1},
         "add": {"count": 1, "note": 1, "what": 1, "price": "1"}},
        {"type": "DELETE", "table": "none", "id": "x"},
        {"type": "TRANSACTION", "ops": [
            {"type": "INSERT", "table": "thing", "data": {**GOOD, "status": "x"}},
            {"type": "UPDATE", "table": "thing", "id": "there", "changes": {"count": 11}}]},
        {"type": "TRANSACTION", "ops": [
            {"type": "INSERT", "table": "none", "data": {}},
            {"type": "INSERT", "table": "thing", "data": {**GOOD, "name": {"ar": 5}}}]},
    ]  # fmt: skip
    return some


LEFT_TO_THE_SERVER = {"NOT_FOUND", "DUPLICATE", "BAD_MESSAGE"}
NOON = datetime(2025, 10, 29, 12, tzinfo=UTC)


def answer(state: State, rules: Rules, command: str) -> dict[str, Any] | None:
    """Return what a server in *state* refuses *command* with, JSON; None where it does not."""
    try:
        asked = Asked(command=decode(command), name=("c", "r"))  # type: ignore[arg-type]
        transact(Draft(state), state.seq + 1, asked, rules, NOON)
    except Refused as no:
        (said,) = payloads(wire.error(no))
        refused: dict[str, Any] = json.loads(said)
        return refused
    return None


@pytest.fixture
async def shop(tmp_path: Path) -> tuple[Any, Any, State, Rules]:
    """Return the schema as REST tells it, the rows by id, and the server's state and rules."""
    data = write_installation(tmp_path / "data", THING, rules=NUMBERS)
    there = {**GOOD, "id": "there", "count": 5}
    async with open_test_house(data) as house:
        transport = httpx.ASGITransport(make_site(house.house))  # type: ignore[arg-type]
        async with (
            house.client() as client,
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as rest,
        ):
            await client.ask({"type": "INSERT", "table": "thing", "data": there, "ref": "w"})
            schema = (await rest.get("/api/v1/branches/shop/modules/m/schema")).json()
        rules = house.house.catalog.recipe(StoreId("shop", "m")).rules
    state = State(rules.schema)
    asked = Asked(command=decode(json.dumps({"type": "INSERT", "table": "thing", "data": there})))  # type: ignore[arg-type]
    state.apply(transact(Draft(state), 1, asked, rules, NOON))
    record = state.record("thing", "there")
    assert record is not None
    return schema, {"thing": {"there": json.loads(record.json)}}, state, rules


def trimmed(said: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what both sides tell of a refusal."""
    if said is None or said["code"] in LEFT_TO_THE_SERVER:
        return None
    details = [{**one, "text": {"ar": one["text"]["ar"]}} for one in said["details"]]
    return {"code": said["code"], "text": said["text"], "more": said.get("more", 0),
            "details": details}  # fmt: skip


async def test_a_browser_foresees_refusals_in_the_servers_own_words(shop: Any, node: str) -> None:
    schema, rows, state, rules = shop
    asked = commands()
    given = json.dumps({"schema": schema, "rows": rows, "commands": asked}).encode()
    run = await trio.run_process([node, str(JUDGE)], stdin=given, capture_stdout=True)
    told = json.loads(run.stdout)
    server = [trimmed(answer(state, rules, sent)) for sent in told["sent"]]
    browser = [trimmed(one) for one in told["said"]]
    assert [x for x in zip(asked, browser, server, strict=True) if x[1] != x[2]] == []
    assert sum(one is not None for one in server) > 150
