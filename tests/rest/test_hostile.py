"""Requests that are wrong in every way: each gets a problem with its code, and changes nothing."""

import json
from typing import Any

import pytest

BAD_REQUESTS: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/api/v1/branches/x/modules/m", {}, 404, "UNKNOWN_MODULE"),
    ("GET", "/api/v1/branches/../modules/m", {}, 404, "NOT_FOUND"),
    ("GET", "/api/v1/", {}, 404, "NOT_FOUND"),
    ("GET", "/api/v1/branches/", {}, 404, "NOT_FOUND"),
    ("GET", "/api/v1/branches?x=1", {}, 400, "BAD_MESSAGE"),
    ("GET", "tables/nowhere", {}, 404, "UNKNOWN_TABLE"),
    ("GET", "tables/_meta", {}, 404, "UNKNOWN_TABLE"),
    ("GET", "tables/note/nowhere", {}, 404, "NOT_FOUND"),
    ("GET", "tables/nowhere/x", {}, 404, "UNKNOWN_TABLE"),
    ("GET", "tables/note?wehre=[]", {}, 400, "BAD_MESSAGE"),
    ("GET", "tables/note?limit=1&limit=2", {}, 400, "BAD_MESSAGE"),
    ("GET", "tables/note?limit=0", {}, 422, "INVALID"),
    ("GET", "tables/note?limit=1001", {}, 422, "INVALID"),
    ("GET", "tables/note?limit=-1", {}, 400, "BAD_MESSAGE"),
    ("GET", "tables/note?limit=٣", {}, 400, "BAD_MESSAGE"),
    ("GET", "tables/note?where=", {}, 400, "BAD_MESSAGE"),
    ("GET", "tables/note?where=[", {}, 400, "BAD_MESSAGE"),
    ("GET", "tables/note?where=" + "[" * 5000, {}, 400, "BAD_MESSAGE"),
    ("GET", "tables/note?where=1" + "0" * 5000, {}, 400, "BAD_MESSAGE"),
    ("GET", 'tables/note?where=["x","=",1]', {}, 422, "INVALID"),
    ("GET", 'tables/note?where=["id\\" OR 1=1 --","=","x"]', {}, 422, "INVALID"),
    ("GET", 'tables/item?where=["info","=",{}]', {}, 422, "INVALID"),
    ("GET", "tables/note?order=x", {}, 422, "INVALID"),
    ("GET", "tables/note?order=id,-id", {}, 422, "INVALID"),
    ("GET", "tables/note?order=", {}, 422, "INVALID"),
    ("GET", "tables/note?fields=id,id", {}, 400, "BAD_MESSAGE"),
    ("GET", "tables/note?fields=id,_sum", {}, 422, "INVALID"),
    ("GET", "tables/note?cursor=garbage", {}, 422, "INVALID"),
    ("GET", "aggregate", {}, 404, "UNKNOWN_TABLE"),
    ("GET", "aggregate?table=note", {}, 422, "INVALID"),
    ("GET", 'aggregate?table=note&values={"a":["sum","text"]}', {}, 422, "INVALID"),
    ("GET", 'aggregate?table=note&values={"a":["count"]}&by=x', {}, 422, "INVALID"),
    ("GET", "changes?since=x", {}, 400, "BAD_MESSAGE"),
    ("GET", "changes?since=2", {}, 422, "INVALID"),
    ("GET", "changes?since=0&epoch=other", {}, 422, "INVALID"),
    ("GET", "changes?limit=0", {}, 422, "INVALID"),
    ("GET", "changes?tables=note", {}, 422, "INVALID"),
    ("GET", "snapshot?tables=", {}, 404, "UNKNOWN_TABLE"),
    ("PUT", "tables/note/n1", {"json": {}}, 405, "BAD_MESSAGE"),
    ("POST", "tables/note/n1", {"json": {}}, 405, "BAD_MESSAGE"),
    ("DELETE", "tables/note", {}, 405, "BAD_MESSAGE"),
    ("BREW", "snapshot", {}, 405, "BAD_MESSAGE"),
    ("POST", "tables/note", {"content": "id=1"}, 415, "BAD_MESSAGE"),
    ("POST", "tables/note", {"data": {"id": "x"}}, 415, "BAD_MESSAGE"),
    ("POST", "tables/note", {"content": "{", "headers": "json"}, 400, "BAD_MESSAGE"),
    ("POST", "tables/note", {"content": b'{"id": "\xff"}', "headers": "json"}, 400, "BAD_MESSAGE"),
    ("POST", "tables/note", {"content": "[" * 99999, "headers": "json"}, 400, "BAD_MESSAGE"),
    ("POST", "tables/note", {"content": '{"a":' * 99999, "headers": "json"}, 400, "BAD_MESSAGE"),
    ("POST", "tables/note", {"content": '{"id":"x"}, "table":"item"', "headers": "json"}, 400,
     "BAD_MESSAGE"),
    ("POST", "tables/note", {"content": "", "headers": "json"}, 400, "BAD_MESSAGE"),
    ("POST", "tables/note", {"json": []}, 400, "BAD_MESSAGE"),
    ("POST", "tables/note", {}, 415, "BAD_MESSAGE"),
    ("POST", "tables/note", {"json": {}}, 422, "INVALID"),
    ("GET", "tables/note/a%0Ab", {}, 404, "NOT_FOUND"),
    ("GET", "/api/v1/%0A", {}, 404, "NOT_FOUND"),
    ("POST", "tables/note", {"json": {"id": "x", "nope": 1}}, 422, "INVALID"),
    ("POST", "tables/note", {"json": {"id": "x\0"}}, 422, "INVALID"),
    ("POST", "tables/note", {"json": {"id": "n1"}}, 422, "DUPLICATE"),
    ("POST", "tables/nowhere", {"json": {}}, 404, "UNKNOWN_TABLE"),
    ("PATCH", "tables/note/n1", {"json": {}}, 400, "BAD_MESSAGE"),
    ("PATCH", "tables/note/n1", {}, 415, "BAD_MESSAGE"),
    ("PATCH", "tables/note/n1", {"json": {"text": "x"}}, 400, "BAD_MESSAGE"),
    ("PATCH", "tables/note/n1", {"json": {"changes": {}, "base": 0}}, 400, "BAD_MESSAGE"),
    ("PATCH", "tables/note/n1", {"json": {"changes": []}}, 400, "BAD_MESSAGE"),
    ("PATCH", "tables/note/n1", {"json": {"changes": {"id": "x"}}}, 422, "INVALID"),
    ("PATCH", "tables/note/nowhere", {"json": {"changes": {}}}, 404, "NOT_FOUND"),
    ("DELETE", "tables/note/nowhere", {}, 404, "NOT_FOUND"),
    ("POST", "transactions", {"json": {"ops": []}}, 400, "BAD_MESSAGE"),
    ("POST", "transactions", {"json": {}}, 400, "BAD_MESSAGE"),
    ("POST", "transactions", {"json": {"ops": [{"type": "NEXT"}]}}, 400, "BAD_MESSAGE"),
    ("POST", "transactions", {"json": {"ops": [], "type": "DELETE"}}, 400, "BAD_MESSAGE"),
    ("POST", "transactions", {"json": {"ops": [{"type": "DELETE", "table": "note", "id": "n1"}] *
                                       10_001}}, 413, "TOO_LARGE"),
    ("POST", "sequences/item/name", {}, 422, "INVALID"),
    ("POST", "sequences/nowhere/x", {}, 404, "UNKNOWN_TABLE"),
    ("POST", "sequences/item/code", {"json": {"count": 0}}, 400, "BAD_MESSAGE"),
    ("POST", "tables/note", {"json": {"id": "x"}, "headers": {"Idempotency-Key": ""}}, 400,
     "BAD_MESSAGE"),
    ("POST", "tables/note", {"json": {"id": "x"}, "headers": {"Idempotency-Key": "k" * 129}}, 400,
     "BAD_MESSAGE"),
]  # fmt: skip
JSON = {"Content-Type": "application/json"}


async def test_each_gets_a_problem_and_changes_nothing(api: Any) -> None:
    before = (await api.get("changes")).json()
    for method, address, more, status, code in BAD_REQUESTS:
        sent = {**more, "headers": JSON if more.get("headers") == "json" else more.get("headers")}
        answer = await api.request(method, address, **sent)
        where = (method, address[:80], str(more)[:80])
        assert answer.status_code == status, (where, answer.text)
        assert answer.headers["content-type"] == "application/problem+json", where
        told = answer.json()
        assert (told["status"], told["code"]) == (status, code), where
        assert {"type", "title", "detail", "errors"} <= told.keys(), where
        assert told["type"] == f"/docs#{code}"
        assert len(answer.content) < 4000
        assert status != 405 or answer.headers["allow"]
    assert (await api.get("changes")).json() == before


async def test_a_problem_points_to_the_parameter(api: Any) -> None:
    for params, path in (
        ({"cursor": "x"}, "/cursor"), ({"where": '["x","=",1]'}, "/where/0"),
        ({"order": "id,x"}, "/order/1"), ({"limit": "x"}, "/limit"), ({"nope": ""}, "/nope"),
    ):  # fmt: skip
        (error,) = (await api.get("tables/note", params=params)).json()["errors"]
        assert error["path"] == path
    values = json.dumps({"a": ["sum", "text"]})
    no = await api.get("aggregate", params={"table": "note", "values": values})
    assert no.json()["errors"][0]["path"] == "/values/a/0"


async def test_every_method_of_an_address_is_allowed(api: Any) -> None:
    no = await api.put("tables/note/n1")
    allowed = {one.strip() for one in no.headers["allow"].split(",")}
    assert allowed == {"GET", "HEAD", "PATCH", "DELETE"}


@pytest.mark.parametrize(
    ("header", "language"),
    [("ar", "ar"), ("ar-EG, en;q=0.8", "ar"), ("en, ar;q=0.9", "en"), ("fr, ar;q=0.2", "ar"),
     ("", "en"), ("*", "en"), ("ar;q=0", "en"), ("ar;q=x", "en"),
     ("en; q=0.2, ar ; Q=0.9", "ar"), ("ar; q=0.1, en; q=0.9", "en")],
)  # fmt: skip
async def test_a_problem_speaks_the_clients_language(api: Any, header: str, language: str) -> None:
    body = {"id": "x", "nope": 1}
    no = await api.post("tables/note", json=body, headers={"Accept-Language": header})
    told = no.json()
    assert no.headers["content-language"] == language
    said = (told["title"], told["detail"], told["errors"][0]["message"])
    arabic = [any("\u0600" <= letter <= "\u06ff" for letter in text) for text in said]
    assert arabic == [language == "ar"] * 3


async def test_no_input_comes_back_in_a_problem(api: Any) -> None:
    no = await api.get('tables/note?where=["<script>","=",1]')
    assert "<script>" not in no.text


async def test_the_bug_of_one_request_is_told_and_costs_no_other(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mishkah.rest.reading.describe", lambda schema: 1 / 0)
    no = await api.get("schema")
    assert (no.status_code, no.json()["code"]) == (500, "INTERNAL")
    assert (await api.get("tables/note/n1")).status_code == 200
