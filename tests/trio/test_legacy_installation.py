"""An installation of the older list format, served: its seeds, its rules, its references."""

from pathlib import Path
from typing import Any

import pytest
from support.oldshop import write_old_shop

from mishkah.catalog import Catalog
from mishkah.checking import check, mistakes
from mishkah.plugins import Plugins
from mishkah.testing import Client, open_test_house


@pytest.fixture
def old_shop(tmp_path: Path) -> Path:
    return write_old_shop(tmp_path / "data")


async def insert(client: Client, table: str, ref: str, **data: Any) -> dict[str, Any]:
    return await client.ask({"type": "INSERT", "table": table, "data": data, "ref": ref})


async def test_flat_seeds_are_in_the_snapshot_under_the_names_of_fields(old_shop: Path) -> None:
    async with open_test_house(old_shop) as house, house.client(branch="shop") as till:
        tables = (await till.expect("SNAPSHOT"))["data"]
    tea, salt = tables["goods"]
    assert tables["shelf"] == [{"id": "1", "code": "A", "label": {"ar": "رف", "en": "Shelf"}}]
    assert (tea["shelfId"], tea["price"], tea["stock"], tea["sold"]) == ("1", 12.5, 7, True)
    assert tea["createdAt"] == "2024-01-01T00:00:00.000Z"
    assert (salt["stock"], salt["state"], salt["sold"], salt["weight"]) == (0, "new", False, None)
    assert salt["createdAt"] is not None


async def test_an_insert_has_its_defaults_and_breaks_no_rule(old_shop: Path) -> None:
    async with open_test_house(old_shop) as house, house.client(branch="shop", client="t") as till:
        await till.expect("SNAPSHOT")
        good = {"id": "rice", "name": "Rice", "price": 4, "shelfId": "1", "shelfCode": "A"}
        await till.send({"type": "INSERT", "table": "goods", "data": good, "ref": "1"})
        row = (await till.expect("DELTA"))["data"]["changes"]
        assert (row["stock"], row["state"], row["since"]) == (0, "new", "2025-10-29")
        for ref, broken, code in [
            ("2", {**good, "id": "a", "name": "x" * 41}, "INVALID"),
            ("3", {**good, "id": "a", "state": "lost"}, "INVALID"),
            ("4", {"id": "a", "name": "No price"}, "INVALID"),
            ("5", {**good, "id": "a", "price": -1}, "INVALID"),
            ("6", {**good, "id": "a", "created_at": "2024-01-01T00:00:00Z"}, "INVALID"),
            ("7", {**good, "id": "a"}, "DUPLICATE"),
            ("8", {**good, "id": "a", "shelfCode": "Z"}, "REFERENCE"),
        ]:
            assert (await insert(till, "goods", ref, **broken))["code"] == code, ref
        assert (await insert(till, "shelf", "9", id="2", code="A"))["code"] == "DUPLICATE"
        assert (await insert(till, "goods", "10", **good, tag="any"))["code"] == "DUPLICATE"


async def test_deletions_do_what_the_references_say(old_shop: Path) -> None:
    async with open_test_house(old_shop) as house, house.client(branch="shop", client="t") as till:
        await till.expect("SNAPSHOT")
        refused = await till.ask({"type": "DELETE", "table": "shelf", "id": "1", "ref": "1"})
        assert refused["code"] == "REFERENCE"  # of the sale, whose shelf is required
        await till.ask({"type": "DELETE", "table": "goods", "id": "tea", "ref": "2"})
        answer = await till.ask({"type": "DELETE", "table": "sale", "id": "s1", "ref": "3"})
        assert answer["code"] == "NOT_FOUND"  # it went with its goods
        salt = {"type": "UPDATE", "table": "goods", "id": "salt", "changes": {"shelfId": "1"}}
        assert (await till.ask({**salt, "ref": "4"}))["type"] == "ACK"
        gone = await till.ask({"type": "DELETE", "table": "shelf", "id": "1", "ref": "5"})
        assert gone["type"] == "ACK"
    async with open_test_house(old_shop) as house, house.client(branch="shop") as till:
        assert (await till.expect("SNAPSHOT"))["data"]["goods"][0]["shelfId"] == "1"


def test_check_finds_nothing_wrong_and_has_notes(old_shop: Path) -> None:
    found = check(Catalog(old_shop, Plugins()))
    assert mistakes(found) == []
    assert {note.file for note in found} == {"branches/shop/modules/m/schema/definition.json"}


@pytest.mark.parametrize(
    ("seeds", "place"),
    [
        ({"goods": [{"name": "No key", "price": 1}]}, "$.goods[0].id"),
        ({"goods": [{"goods_id": "a", "price": 1}]}, "$.goods[0].name"),
        ({"goods": [{"goods_id": "a", "name": "A", "price": "dear"}]}, "$.goods[0].price"),
        ({"goods": [{"goods_id": "a", "name": "A", "price": 1, "colour": 1}]}, "$.goods[0].colour"),
        ({"godos": [{"id": "a"}]}, "$.godos"),
        ({"goods": [{"id": "a", "name": "A", "price": 1, "shelf_id": 9}]}, "$.goods[0].shelfId"),
    ],
)
def test_wrong_seeds_are_named_with_their_place(tmp_path: Path, seeds: Any, place: str) -> None:
    data = write_old_shop(tmp_path / "data", seeds=seeds)
    wrong = mistakes(check(Catalog(data, Plugins())))
    assert [(w.file, w.path) for w in wrong] == [
        ("branches/shop/modules/m/seeds/initial.json", place)
    ]
