"""What a command does to a store: whole commits of rows in their one form, or nothing at all."""

import json
from decimal import Decimal
from typing import Any

import pytest

from mishkah.core.errors import Duplicate, InvalidRow, NotFound, UnknownTable

FULL = {
    "id": "a",
    "name": "Tea",
    "email": "a@x",
    "shelf": "s",
    "slot": 1,
    "kind": "drink",
    "price": 2.50,
    "sold": True,
    "made_on": "2025-01-02",
    "seen_at": "2025-01-02T03:04:05+01:00",
    "info": {"ar": "شاي", "n": [1, 2.5, None]},
}


def insert(**data: Any) -> dict[str, Any]:
    return {"type": "INSERT", "table": "item", "data": {"name": "n", **data}}


def update(key: str, **changes: Any) -> dict[str, Any]:
    return {"type": "UPDATE", "table": "item", "id": key, "changes": changes}


def delete(key: str) -> dict[str, Any]:
    return {"type": "DELETE", "table": "item", "id": key}


def together(*ops: dict[str, Any]) -> dict[str, Any]:
    return {"type": "TRANSACTION", "ops": list(ops)}


def told(refusal: Any) -> list[tuple[str, str]]:
    return [(detail.path, detail.rule) for detail in refusal.details]


def test_a_row_has_every_field_in_the_schemas_order_and_one_form(shop: Any) -> None:
    row = shop.insert("item", dict(reversed(FULL.items())))
    assert list(row) == list(FULL)
    assert row["price"] == Decimal("2.5")
    assert row["seen_at"] == "2025-01-02T02:04:05.000Z"
    assert json.loads(shop.state.record("item", "a").json) == {
        **FULL,
        "seen_at": "2025-01-02T02:04:05.000Z",
    }
    assert shop.row("item", "a") == row


@pytest.mark.parametrize(
    ("literal", "kept"),
    [("1e-9", "0.000000001"), ("-0.0000001", "-0.0000001"), ("1.50", "1.5"), ("1e3", "1000"),
     ("0.0", "0"), ("1e14", "100000000000000"), ("2.5e-7", "0.00000025")],
)  # fmt: skip
def test_a_decimal_is_written_without_exponent_or_trailing_zeros(
    shop: Any, literal: str, kept: str
) -> None:
    shop.insert("item", {"id": "a", "name": "n", "price": float(literal)})
    assert f'"price":{kept},'.encode() in shop.state.record("item", "a").json


def test_what_is_left_out_has_its_default_and_what_is_null_is_empty(shop: Any) -> None:
    row = shop.insert("item", {"id": "a", "name": "n", "sold": None})
    assert row["kind"] == "food"
    assert row["sold"] is None
    assert row["price"] is None
    assert len(row) == len(FULL)


def test_an_update_commits_the_fields_that_it_changes_and_their_old_values(shop: Any) -> None:
    shop.insert("item", FULL)
    commit = shop.update("item", "a", {"price": 2.5, "name": "Coffee", "id": "a", "sold": False})
    (change,) = commit.changes
    assert change.operation == "UPDATE"
    assert change.old == {"name": "Tea", "sold": True}
    assert change.was == 1
    table = shop.rules.schema.tables["item"]
    assert json.loads(change.changes(table)) == {"name": "Coffee", "sold": False}
    assert shop.row("item", "a")["name"] == "Coffee"
    assert change.before()["name"] == "Tea"


def test_a_delete_commits_the_whole_old_row(shop: Any) -> None:
    row = shop.insert("item", FULL)
    (change,) = shop.delete("item", "a").changes
    assert (change.operation, change.new, change.old, change.json) == ("DELETE", None, row, b"")
    assert shop.rows("item") == []


@pytest.mark.parametrize("changes", [{}, {"name": "Tea"}, {"id": "a"}, {"info": FULL["info"]},
                                     {"price": 2.5, "slot": 1.0}])  # fmt: skip
def test_an_update_that_changes_nothing_is_a_commit_without_changes(
    shop: Any, changes: dict[str, Any]
) -> None:
    shop.insert("item", FULL)
    commit = shop.update("item", "a", changes)
    assert (commit.seq, commit.changes) == (2, ())
    assert shop.state.record("item", "a").seq == 1


@pytest.mark.parametrize(
    ("old", "new"), [(1, True), ({"a": 0}, {"a": False}), ([1], [1.5]), ({}, [])]
)
def test_in_json_true_is_not_1(shop: Any, old: Any, new: Any) -> None:
    shop.insert("item", {"id": "a", "name": "n", "info": old})
    assert len(shop.update("item", "a", {"info": new}).changes) == 1


def test_a_commit_has_its_number_and_its_time_in_utc(shop: Any) -> None:
    shop.insert("item", FULL)
    assert [(c.seq, c.at) for c in shop.history] == [(1, "2025-10-29T12:00:00.000Z")]


@pytest.mark.parametrize(
    ("message", "kind", "paths"),
    [
        (insert(id="a", nope=1), InvalidRow, [("/nope", "unknown")]),
        (insert(id="a", __proto__={}), InvalidRow, [("/__proto__", "unknown")]),
        (insert(), InvalidRow, [("/id", "required")]),
        (insert(id=None), InvalidRow, [("/id", "required")]),
        (insert(id=""), InvalidRow, [("/id", "key")]),
        (insert(id=5), InvalidRow, [("/id", "type")]),
        (insert(id="a", name=None), InvalidRow, [("/name", "required")]),
        (insert(id="a", name=5), InvalidRow, [("/name", "type")]),
        (insert(id="a", kind="wood"), InvalidRow, [("/kind", "enum")]),
        (insert(id="a", slot="1"), InvalidRow, [("/slot", "type")]),
        (insert(id="a", info={"a/b": ["\x00"]}), InvalidRow, [("/info/a~1b/0", "text")]),
        (insert(id="old"), Duplicate, [("/id", "primaryKey")]),
        (insert(id="old", email="old@x"), Duplicate, [("/id", "primaryKey")]),
        (insert(id="a", email="old@x"), Duplicate, [("/email", "unique")]),
        (insert(id="a", shelf="s", slot=1), Duplicate, [("/shelf", "unique")]),
        (update("old", id="b"), InvalidRow, [("/id", "primaryKey")]),
        (update("old", id=None), InvalidRow, [("/id", "required"), ("/id", "primaryKey")]),
        (update("old", name=None), InvalidRow, [("/name", "required")]),
        (update("old", kind=7), InvalidRow, [("/kind", "type")]),
        (update("other", email="old@x"), Duplicate, [("/email", "unique")]),
        (update("other", shelf="s", slot=1), Duplicate, [("/shelf", "unique")]),
        (update("gone"), NotFound, [("/id", "id")]),
        (update(""), NotFound, [("/id", "id")]),
        (delete("gone"), NotFound, [("/id", "id")]),
        ({"type": "DELETE", "table": "no", "id": "a"}, UnknownTable, [("/table", "table")]),
        (together(delete("old"), delete("old")), NotFound, [("/ops/1/id", "id")]),
        (together(insert(id="a"), insert(id="a")), Duplicate, [("/ops/1/id", "primaryKey")]),
        (
            together(insert(id="a", email="e"), insert(id="b", email="e")),
            Duplicate,
            [("/ops/1/email", "unique")],
        ),
    ],
)
def test_a_refusal_names_its_place_and_its_rule_and_nothing_happens(
    shop: Any, message: Any, kind: type, paths: list[tuple[str, str]]
) -> None:
    shop.insert("item", {"id": "old", "name": "n", "email": "old@x", "shelf": "s", "slot": 1})
    shop.insert("item", {"id": "other", "name": "n"})
    refusal = shop.refusal(message)
    assert type(refusal) is kind
    assert told(refusal) == paths
    assert all(detail.text.en != detail.text.ar for detail in refusal.details)


def test_everything_that_is_wrong_with_a_row_is_told_together(shop: Any) -> None:
    shop.insert("item", FULL)
    refusal = shop.refusal(
        {
            "type": "INSERT",
            "table": "item",
            "data": {"id": "a", "email": "a@x", "slot": "x", "q": 1},
        }
    )
    assert isinstance(refusal, InvalidRow)
    assert sorted(told(refusal)) == [
        ("/id", "primaryKey"),
        ("/name", "required"),
        ("/q", "unknown"),
        ("/slot", "type"),
    ]


def test_everything_that_is_wrong_in_a_transaction_is_told_with_the_code_of_the_first(
    shop: Any,
) -> None:
    refusal = shop.refusal(
        together(delete("gone"), insert(id="a"), insert(id="b", slot="x", sold=1), update("c"))
    )
    assert isinstance(refusal, NotFound)
    assert told(refusal) == [
        ("/ops/0/id", "id"),
        ("/ops/2/slot", "type"),
        ("/ops/2/sold", "type"),
        ("/ops/3/id", "id"),
    ]


def test_a_path_is_cut_at_64_characters(shop: Any) -> None:
    refusal = shop.refusal(insert(id="a", **{"x" * 5000: 1}))
    assert len(refusal.details[0].path) == 64


def test_a_transaction_is_one_commit_whose_ops_see_each_other(shop: Any) -> None:
    shop.insert("item", FULL)
    commit = shop.together(
        insert(id="b", email="b@x"), update("b", name="B"), delete("a"), insert(id="a", email="a@x")
    )
    assert [change.operation for change in commit.changes] == [
        "INSERT", "UPDATE", "DELETE", "INSERT"
    ]  # fmt: skip
    assert [change.was for change in commit.changes] == [0, 2, 1, 0]
    assert {row["id"]: row["name"] for row in shop.rows("item")} == {"a": "n", "b": "B"}
    assert shop.state.seq == 2


def test_empty_fields_are_never_duplicates(shop: Any) -> None:
    for key in "abc":
        shop.insert("item", {"id": key, "name": "n", "shelf": "s"})
    assert len(shop.rows("item")) == 3


def test_a_unique_value_is_free_again_when_its_row_is_gone_or_has_another(shop: Any) -> None:
    shop.insert("item", {"id": "a", "name": "n", "email": "e"})
    shop.delete("item", "a")
    shop.insert("item", {"id": "b", "name": "n", "email": "e"})
    shop.update("item", "b", {"email": "f"})
    shop.insert("item", {"id": "c", "name": "n", "email": "e"})
    shop.update("item", "c", {"email": "e", "name": "m"})
    assert [row["email"] for row in shop.rows("item")] == ["f", "e"]


def test_one_field_of_a_unique_pair_can_make_a_duplicate(shop: Any) -> None:
    shop.insert("item", {"id": "a", "name": "n", "shelf": "s", "slot": 1})
    shop.insert("item", {"id": "b", "name": "n", "shelf": "s", "slot": 2})
    assert told(shop.refusal(update("b", slot=1))) == [("/shelf", "unique")]
    shop.update("item", "b", {"shelf": "t"})
    shop.update("item", "b", {"slot": 1})


def test_two_rows_swap_a_unique_value_by_way_of_nothing(shop: Any) -> None:
    """Ops apply in order, as in SQL: a direct swap meets the other row where it still is."""
    shop.insert("item", {"id": "a", "name": "n", "email": "1"})
    shop.insert("item", {"id": "b", "name": "n", "email": "2"})
    direct = together(update("a", email="2"), update("b", email="1"))
    assert isinstance(shop.refusal(direct), Duplicate)
    shop.together(update("a", email=None), update("b", email="1"), update("a", email="2"))
    assert [row["email"] for row in shop.rows("item")] == ["2", "1"]


def test_unique_numbers_are_compared_by_value(open_shop: Any) -> None:
    fields = {
        "id": {"type": "text", "primaryKey": True},
        "at": {"type": "timestamp", "unique": True},
        "sum": {"type": "decimal", "unique": True},
    }
    shop = open_shop(tables={"item": {"fields": fields}})
    shop.insert("item", {"id": "a", "at": "2025-01-01T00:00:00Z", "sum": 5})
    twin = {"id": "b", "at": "2025-01-01T02:00:00.000+02:00", "sum": 5.0}
    refusal = shop.refusal({"type": "INSERT", "table": "item", "data": twin})
    assert told(refusal) == [("/at", "unique"), ("/sum", "unique")]
