"""Who changed a row, when and how, as far as who asks may see it."""

from typing import Any

from mishkah.testing import FakeGate

ITEM = {"table": "item", "id": "a"}


async def test_each_change_of_a_row_is_told_the_newest_first(api: Any) -> None:
    await api.post("tables/item", json={"id": "a", "name": "tea"})
    await api.post("tables/item", json={"id": "b"})
    await api.patch("tables/item/a", json={"changes": {"name": "mint"}})
    await api.delete("tables/item/a")
    told = (await api.get("history", params=ITEM)).json()
    assert [(one["seq"], one["operation"]) for one in told["changes"]] == [
        (5, "DELETE"), (4, "UPDATE"), (2, "INSERT")
    ]  # fmt: skip
    assert told["changes"][1]["fields"] == {"name": {"old": "tea", "new": "mint"}}
    assert told["next"] is None
    page = (await api.get("history", params={**ITEM, "limit": 2})).json()
    assert ([one["seq"] for one in page["changes"]], page["next"]) == ([5, 4], 4)
    rest = (await api.get("history", params={**ITEM, "before": 4})).json()
    assert [one["seq"] for one in rest["changes"]] == [2]
    assert (await api.get("history", params={"table": "item"})).status_code == 422
    assert (await api.get("history", params={"table": "none", "id": "a"})).status_code == 404


async def test_what_a_row_was_while_it_was_out_of_sight_is_not_told(serve: Any) -> None:
    gate = FakeGate()
    gate.role("all", {"do": ["read", "insert", "update", "delete"]})
    gate.role("cheap", {"do": ["read"], "where": ["qty", "<", 5], "except": ["price"]})
    gate.let_in("owner", "all", user="amal")
    gate.let_in("guest", "cheap")
    async with serve(gate=gate) as api:
        owner = {"Authorization": "Bearer owner"}
        guest = {"Authorization": "Bearer guest"}
        await api.post("tables/item", json={"id": "a", "qty": 9, "name": "x"}, headers=owner)
        for changes in ({"qty": 3}, {"price": 2}, {"name": "y"}, {"qty": 8, "name": "z"}):
            done = await api.patch("tables/item/a", json={"changes": changes}, headers=owner)
            assert done.status_code == 200
        await api.post("tables/item", json={"id": "b", "qty": 9}, headers=owner)
        told = (await api.get("history", params=ITEM, headers=guest)).json()["changes"]
        assert [(one["operation"], one["by"]["user"]) for one in told] == [
            ("DELETE", "amal"), ("UPDATE", "amal"), ("INSERT", "amal")
        ]  # fmt: skip
        left, named, came = (one["fields"] for one in told)
        assert named == {"name": {"old": "x", "new": "y"}}
        assert came["qty"] == {"old": None, "new": 3}
        assert (left["qty"], left["name"]["new"]) == ({"old": 3, "new": None}, None)
        assert "price" not in left | came
        unseen = await api.get("history", params={"table": "item", "id": "b"}, headers=guest)
        none = await api.get("history", params={"table": "item", "id": "c"}, headers=guest)
        assert unseen.json() == none.json() == {"changes": [], "next": None}
