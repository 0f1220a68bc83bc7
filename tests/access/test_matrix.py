"""Roles × paths × operations: what arrives is what a plain walk over the rules says."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.plainrules import PlainRules, plain
from support.worlds import HIDDEN, ROLES, TABLES, install

from mishkah.core.ids import StoreId
from mishkah.journal import MemoryJournals
from mishkah.site.assembly import make_site
from mishkah.sqlite import SqliteJournals
from mishkah.testing import ALL, FakeGate, open_test_house

SHOP = {"branch": "shop", "module": "m"}
MODULE = "/api/v1/branches/shop/modules/m"
READ = {"do": ["read"]}
MATRIX: dict[str, list[Any]] = {
    **ROLES,
    "everything": [ALL],
    "nothing": [],
    "read-only": [READ],
    "by user": [{**READ, "tables": ["item"], "where": ["owner", "=", "$user"]}],
    "by branch": [{**ALL, "tables": ["item"], "where": {"not": ["owner", "=", "$branch"]}}],
    "some fields": [{**READ, "fields": ["name", "pin", "text"]}],
    "all but some": [{**ALL, "except": [*HIDDEN, "text"]}],
    "update some": [
        READ,
        {"do": ["update"], "fields": ["qty", "hcost", "word"], "where": ["id", ">", "i3"]},
    ],
    "one table": [{**ALL, "tables": ["note"], "where": ["by", "in", ["amal", "all"]]}],
    "elsewhere": [{**ALL, "branches": ["far"]}],
}


class Visit:
    """A house, the low client's ways into it, and what the rules say it may see."""

    def __init__(self, house: Any, api: httpx.AsyncClient, v1: Any, owner: Any, role: str) -> None:
        self.house, self.api, self.v1, self.owner = house, api, v1, owner
        self.rules = PlainRules(MATRIX[role], "shop", "amal", TABLES)

    @property
    def data(self) -> dict[str, dict[str, Any]]:
        committed = self.house.house.keepers[StoreId("shop", "m")].store.committed
        return {table: {row["id"]: row for row in committed.rows(table)} for table in TABLES}

    @property
    def seen(self) -> dict[str, dict[str, Any]]:
        return self.rules.seen(self.data)

    async def get(self, path: str, **how: Any) -> Any:
        """Return the JSON of an answer, or the code of its refusal."""
        answer = await self.api.get(path if path.startswith("/") else f"{MODULE}/{path}", **how)
        body = answer.json()
        return body if answer.status_code == 200 else body["code"]

    async def subscribe(self, **more: Any) -> list[Any]:
        await self.v1.send({"type": "SUBSCRIBE", "ref": 1, **SHOP, **more})
        told = [await self.v1.receive()]
        while told[-1]["type"] not in ("SYNCED", "ERROR"):
            told.append(await self.v1.receive())
        return told

    async def ask(self, **message: Any) -> Any:
        answer = await self.v1.ask({**SHOP, "ref": f"r{self.count}", **message})
        self.count += 1
        return answer

    count = 0


@asynccontextmanager
async def visiting(folder: Path, role: str, journals: Any) -> AsyncIterator[Visit]:
    gate = FakeGate()
    gate.role("owner", ALL)
    gate.role("low", *MATRIX[role])
    gate.let_in("own", "owner", user="omar")
    gate.let_in("low", "low", user="amal")
    data = install(folder / "data", 0, crowd=False)
    async with (
        open_test_house(data, gate=gate, journals=journals) as house,
        house.v1("low", token="low") as v1,
        house.v1("o", token="own") as owner,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(make_site(house.house)),  # type: ignore[arg-type]
            base_url="http://localhost",
            headers={"Authorization": "Bearer low"},
        ) as api,
    ):
        await owner.send({"type": "SUBSCRIBE", **SHOP})
        await owner.expect("SYNCED")
        yield Visit(house, api, v1, owner, role)


@pytest.fixture(params=["memory", "sqlite"])
def journals(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "memory":
        return MemoryJournals()
    return SqliteJournals(lambda store: tmp_path / f"{store.branch}.sqlite3", "OFF")


def fold(told: list[Any], data: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return *data* with what SNAPSHOTs and DELTAs have *told*; no DELTA may come to nothing."""
    for message in told:
        if message["type"] == "SNAPSHOT":
            for table, rows in message["data"].items():
                data.setdefault(table, {}).update({row["id"]: row for row in rows})
        if message["type"] != "DELTA":
            continue
        said = message["data"]
        rows = data.setdefault(said["table"], {})
        if said["operation"] == "INSERT":
            assert said["id"] not in rows
            rows[said["id"]] = said["changes"]
        elif said["operation"] == "UPDATE":
            assert rows[said["id"]].items() >= {"id": said["id"]}.items()
            assert said["changes"], "nothing is told of what is not seen"
            rows[said["id"]] |= said["changes"]
        else:
            del rows[said["id"]]
    return data


HISTORY: list[dict[str, Any]] = [
    {"type": "UPDATE", "table": "item", "id": "i0", "changes": {"qty": 50, "hcost": 5}},
    {"type": "UPDATE", "table": "note", "id": "o0", "changes": {"hmood": 77}},
    {"type": "UPDATE", "table": "item", "id": "i2", "changes": {"owner": "amal"}},
    {"type": "UPDATE", "table": "item", "id": "i1", "changes": {"owner": "shop"}},
    {"type": "UPDATE", "table": "note", "id": "o2", "changes": {"by": "zaid"}},
    {"type": "DELETE", "table": "item", "id": "i3"},
    {"type": "INSERT", "table": "hush", "data": {"id": "h9", "word": "w"}},
    {"type": "INSERT", "table": "note", "data": {"id": "o77", "by": "all", "text": "t"}},
    {"type": "DELETE", "table": "shelf", "id": "s1"},
    {"type": "UPDATE", "table": "item", "id": "i2", "changes": {"owner": "omar"}},
]


@pytest.mark.parametrize("role", MATRIX)
async def test_what_is_read_is_what_the_rules_say_on_every_path(
    tmp_path: Path, role: str, journals: Any
) -> None:
    async with visiting(tmp_path, role, journals) as visit:
        for n, op in enumerate(HISTORY):
            assert (await visit.owner.ask({**op, **SHOP, "ref": n}))["type"] == "ACK"
        seen, rules = visit.seen, visit.rules
        whole = await visit.subscribe()
        assert fold(whole, {}) == seen
        if not seen:
            assert whole[-1]["code"] == "UNKNOWN_TABLE"
        else:
            decimals = {t: [f for f in rules.fields(t) if f in ("price", "hprice")] for t in seen}
            assert whole[0].get("decimals", {}) == {t: fs for t, fs in decimals.items() if fs}
            async with visit.house.client("low", **SHOP) as seed:
                assert fold([await seed.receive()], {}) == seen
        for path, headers in (("snapshot", "identity"), ("snapshot", "gzip")):
            told = await visit.get(path, headers={"Accept-Encoding": headers})
            assert told == "UNKNOWN_TABLE" if not seen else fold([told], {}) == seen
        told = await visit.get("changes", params={"limit": 1000})
        if seen:
            deltas = [
                {"type": "DELTA", "data": c} for one in told["commits"] for c in one["changes"]
            ]
            assert fold(deltas, {table: {} for table in seen}) == seen
        else:
            assert told == "UNKNOWN_TABLE"
        for table in TABLES:
            await _see_table(visit, table, seen.get(table))
        await _see_descriptions(visit, seen)


async def _see_table(visit: Visit, table: str, rows: Mapping[str, Any] | None) -> None:
    told = await visit.subscribe(tables=[table])
    assert fold(told, {}) == ({} if rows is None else {table: rows})
    told = await visit.subscribe(tables=[table], where=["id", "<", "i5"])
    few = {key: row for key, row in (rows or {}).items() if key < "i5"}
    assert fold(told, {}) == ({} if rows is None else {table: few})
    for key in visit.data[table]:
        one = await visit.get(f"tables/{table}/{key}")
        known = "UNKNOWN_TABLE" if rows is None else rows.get(key, "NOT_FOUND")
        assert one == known
    answer = await visit.ask(type="QUERY", table=table)
    if rows is None:
        assert answer["code"] == "UNKNOWN_TABLE"
        assert await visit.get(f"tables/{table}") == "UNKNOWN_TABLE"
        return
    for field in TABLES[table]["fields"]:
        order = [[field, "desc"]]
        answer = await visit.ask(type="QUERY", table=table, order=order, limit=4, fields=["id"])
        rest = await visit.get(f"tables/{table}", params={"order": f"-{field}", "limit": 4})
        where = json.dumps([field, "null", False])
        count = await visit.ask(
            type="QUERY", table=table, where=json.loads(where),
            aggregate={"values": {"n": ["count", field]}},
        )  # fmt: skip
        params = {"table": table, "values": '{"n":["count"]}', "where": where}
        total = await visit.get("aggregate", params=params)
        if field not in visit.rules.fields(table):
            codes = [answer["code"], rest, count["code"], total]
            assert codes == ["INVALID"] * 4
            continue
        number = sum(row[field] is not None for row in rows.values())
        assert count["rows"] == [{"n": number}]
        assert total["rows"] == [{"n": number}]
        if TABLES[table]["fields"][field]["type"] != "json":
            down = sorted(rows, key=lambda k: (rows[k][field] is not None, rows[k][field] or 0))
            values = [rows[key][field] for key in down[::-1]]
            found = [row["id"] for row in answer["rows"]]
            while "next" in answer:
                answer = await visit.ask(
                    type="QUERY", table=table, order=order, limit=4, after=answer["next"]
                )
                assert all(row == rows[row["id"]] for row in answer["rows"])
                found += [row["id"] for row in answer["rows"]]
            assert [rows[key][field] for key in found] == values
            paged = rest["rows"]
            while rest["next"]:
                params = {"order": f"-{field}", "cursor": rest["next"], "limit": "4"}
                rest = await visit.get(f"tables/{table}", params=params)
                paged += rest["rows"]
            assert paged == [rows[key] for key in found]


async def _see_descriptions(visit: Visit, seen: Mapping[str, Any]) -> None:
    rules = visit.rules
    assert (await visit.get(MODULE))["tables"] == [*seen]
    known = {
        table: [field for field in TABLES[table]["fields"] if rules.knows(table, field)]
        for table in TABLES
        if rules.knows_table(table)
    }
    told = (await visit.get("schema"))["tables"]
    assert {table: [*about["fields"]] for table, about in told.items()} == known
    for table, about in told.items():
        assert all({*index["fields"]} <= {*known[table]} for index in about["indexes"])
        for rule in about["fields"].values():
            assert rule.get("references", {"table": table})["table"] in known
    api = await visit.get("openapi.json")
    shapes = api["components"]["schemas"]
    assert {name: [*shapes[name]["properties"]] for name in known} == known
    words = json.dumps(api)
    named = {*known, *(field for fields in known.values() for field in fields)}
    assert not [name for name in (*HIDDEN, "hush") if f'"{name}"' in words and name not in named]
    numbers = (await visit.get("sequences"))["sequences"]
    readable = [f for f in ("code", "hnum") if "item" in seen and f in rules.fields("item")]
    assert [one["field"] for one in numbers] == readable


@pytest.mark.parametrize("role", MATRIX)
async def test_what_changes_is_followed_as_the_rules_say(tmp_path: Path, role: str) -> None:
    async with visiting(tmp_path, role, MemoryJournals()) as visit:
        told = await visit.subscribe()
        seen, known = visit.seen, fold(told, {})
        assert known == seen
        if not seen:
            return
        cursor = told[-1]
        states = [(cursor["seq"], json.loads(json.dumps(known)))]
        for n, op in enumerate(HISTORY):
            ack = await visit.owner.ask({**op, **SHOP, "ref": n})
            await visit.v1.send(
                {"type": "QUERY", "table": next(iter(seen)), "ref": n, **SHOP, "limit": 1}
            )
            told = [await visit.v1.receive()]
            while told[-1]["type"] != "RESULT":
                told.append(await visit.v1.receive())
            before = json.dumps(known)
            assert fold(told, known) == visit.seen
            assert (len(told) == 1) is (json.dumps(known) == before)
            states.append((ack["seq"], json.loads(json.dumps(known))))
        for seq, state in states:
            told = await visit.subscribe(since=seq, epoch=cursor["epoch"])
            assert told[0]["resumed"] is True
            assert fold(told, state) == visit.seen


@pytest.mark.parametrize("role", MATRIX)
async def test_what_is_written_is_taken_or_refused_as_the_rules_say(
    tmp_path: Path, role: str
) -> None:
    async with visiting(tmp_path, role, MemoryJournals()) as visit:
        rules = visit.rules
        for table in ("note", "box", "hush", "shelf"):
            for n, (field, about) in enumerate(TABLES[table]["fields"].items()):
                if field == "id" or "references" in about:
                    continue
                value = 9 if about["type"] == "integer" else f"v{n}"
                data = {"id": f"{table}{n}", field: value}
                empty = dict.fromkeys(TABLES[table]["fields"])
                said = rules.insert(table, {**empty, **data}, field)
                await _do(visit, said, {"type": "INSERT", "table": table, "data": data})
        for table in TABLES:
            for key in [*visit.data[table], "none"]:
                for n, (field, about) in enumerate(TABLES[table]["fields"].items()):
                    if (
                        field in ("id", "at", "code", "hnum", "info", "area")
                        or "references" in about
                    ):
                        continue
                    value = 900 + n if about["type"] in ("integer", "decimal") else f"u{key}"
                    said = rules.update(table, visit.data[table].get(key), field, value)
                    change = {"changes": {field: value}}
                    await _do(visit, said, {"type": "UPDATE", "table": table, "id": key, **change})
        for table in ("hush", "note", "item", "shelf"):
            for key in [*visit.data[table], "none"]:
                said = rules.delete(table, visit.data[table].get(key))
                await _do(visit, said, {"type": "DELETE", "table": table, "id": key})


async def _do(visit: Visit, said: str, op: dict[str, Any]) -> None:
    """Do *op*, and see that it is answered as is *said*; one that is refused has done nothing."""
    before = visit.data
    answer = await visit.ask(**op)
    assert answer.get("code", "ACK") == said, (op, answer)
    if said != "ACK":
        assert visit.data == before
        assert "current" not in answer
        return
    assert visit.data != before
    row = visit.data[op["table"]].get(op.get("id") or op["data"]["id"])
    shown = None
    if row is not None and visit.rules.may("read", op["table"], row):
        shown = {field: plain(row[field]) for field in visit.rules.fields(op["table"])}
    assert answer["rows"][:1] in ([shown], []), (op, answer)
