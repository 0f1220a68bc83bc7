"""Problems: how they are told. What is refused, and with which code, is in tests/hostile."""

import json
from typing import Any

import pytest


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


async def test_the_bug_of_one_request_is_told_and_costs_no_other(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mishkah.rest.reading.describe", lambda schema: 1 / 0)
    no = await api.get("schema")
    assert (no.status_code, no.json()["code"]) == (500, "INTERNAL")
    assert (await api.get("tables/note/n1")).status_code == 200
