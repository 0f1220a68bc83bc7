"""Validators judge the rows that a command leaves behind, when it is drawn to its end."""

from typing import Any

import pytest

from mishkah.core.draft import View
from mishkah.core.errors import Invalid, InvalidRow
from mishkah.core.schema import Row


def note(key: str, text: str | None = None) -> dict[str, Any]:
    return {"type": "INSERT", "table": "bill", "data": {"id": key, "note": text}}


def update(key: str, text: str) -> dict[str, Any]:
    return {"type": "UPDATE", "table": "bill", "id": key, "changes": {"note": text}}


def delete(key: str) -> dict[str, Any]:
    return {"type": "DELETE", "table": "bill", "id": key}


class Watcher:
    """Notes what it was asked about, and refuses the rows whose note is "bad"."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, Any, list[str]]] = []

    def __call__(self, new: Row, old: Row | None, view: View) -> None:
        self.seen.append((new["note"], old and old["note"], [r["id"] for r in view.rows("bill")]))
        if new["note"] == "bad":
            raise Invalid("A bad note", field="note", ar="ملاحظة سيئة")


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def shop(open_shop: Any, watcher: Watcher) -> Any:
    return open_shop(validators={"bill": (watcher,)})


def test_a_validator_sees_the_new_row_and_the_old(shop: Any, watcher: Watcher) -> None:
    shop.run(note("a", "1"))
    shop.run(update("a", "2"))
    shop.run(update("a", "2"))
    shop.run(delete("a"))
    assert watcher.seen == [("1", None, ["a"]), ("2", "1", ["a"])], "changes only, and no deletes"


def test_it_is_called_once_for_a_row_at_the_end_of_the_command(shop: Any, watcher: Watcher) -> None:
    shop.run(note("z", "0"))
    watcher.seen.clear()
    shop.together(
        note("a", "bad"), update("a", "good"), note("b", "bad"), delete("b"), update("z", "1"),
        update("z", "2"), note("c"),
    )  # fmt: skip
    assert [(new, old) for new, old, _ in watcher.seen] == [
        ("good", None),
        ("2", "0"),
        (None, None),
    ]
    assert all(sorted(ids) == ["a", "c", "z"] for _, _, ids in watcher.seen)


def test_every_refusal_of_a_command_is_told_with_its_place(shop: Any) -> None:
    refusal = shop.refusal(
        {"type": "TRANSACTION", "ops": [note("a", "bad"), note("b"), note("c", "bad")]}
    )
    assert isinstance(refusal, InvalidRow)
    assert [(d.path, d.rule, d.text.ar) for d in refusal.details] == [
        ("/ops/0/note", "validator", "ملاحظة سيئة"),
        ("/ops/2/note", "validator", "ملاحظة سيئة"),
    ]
    assert shop.refusal(note("a", "bad")).details[0].path == "/note"


def test_a_row_that_is_wrong_anyway_is_not_shown_to_validators(shop: Any, watcher: Watcher) -> None:
    shop.refusal({"type": "TRANSACTION", "ops": [note("a", "bad"), note("")]})
    assert watcher.seen == []


def test_seeds_are_validated_too(shop: Any) -> None:
    assert isinstance(shop.refusal(note("a", "bad"), importing=True), InvalidRow)


def test_a_validator_that_changes_its_rows_changes_nothing(open_shop: Any) -> None:
    def vandal(new: Any, old: Any, view: View) -> None:
        for row in (new, old, *view.rows("bill"), *view.find("bill", id=new["id"])):
            if row is not None:
                row["note"] = "vandalised"
                row.pop("code")

    shop = open_shop(validators={"bill": (vandal, vandal)})
    shop.run(note("a", "1"))
    commit = shop.run(update("a", "2"))
    assert commit.changes[0].old == {"note": "1"}
    assert shop.rows("bill") == [{"id": "a", "code": None, "note": "2"}]


def test_a_view_finds_rows_by_index_and_without_one_alike(open_shop: Any) -> None:
    found: list[Any] = []

    def looks(new: Row, old: Row | None, view: View) -> None:
        found[:] = [
            [row["id"] for row in view.find("item", email="e")],
            sorted(row["id"] for row in view.find("item", kind="food")),
            sorted(row["id"] for row in view.find("item", name="n")),
            [row["id"] for row in view.find("item", slot=1, shelf="s")],
            sorted(row["id"] for row in view.find("item", email=None)),
            view.get("item", "gone"),
            view.get("item", "a")["name"],  # type: ignore[index]
        ]

    shop = open_shop(validators={"bill": (looks,)})
    item = {"type": "INSERT", "table": "item"}
    shop.insert("item", {"id": "a", "name": "n", "email": "e", "shelf": "s", "slot": 1})
    shop.insert("item", {"id": "b", "name": "n", "kind": "drink"})
    shop.insert("item", {"id": "gone", "name": "n"})
    shop.together(
        {"type": "DELETE", "table": "item", "id": "gone"},
        {"type": "UPDATE", "table": "item", "id": "a", "changes": {"name": "m", "email": None}},
        {**item, "data": {"id": "c", "name": "n", "email": "e"}},
        note("x"),
    )
    assert found == [["c"], ["a", "c"], ["b", "c"], ["a"], ["a", "b"], None, "m"]


@pytest.mark.parametrize("look", [{"nope": 1}, {"kind": "food", "nope": None}])
def test_a_view_asked_for_an_unknown_field_says_so_to_the_plugin(
    open_shop: Any, look: dict[str, Any]
) -> None:
    shop = open_shop()
    with pytest.raises(KeyError):
        list(View(shop.state).find("item", **look))
    with pytest.raises(KeyError):
        View(shop.state).get("nope", "a")


def has_a_bill(view: View) -> None:
    if not any(True for _ in view.rows("bill")):
        raise Invalid("There is always a bill", ar="لا بد من فاتورة")


def test_a_law_holds_for_the_whole_store_and_after_deletions_too(open_shop: Any) -> None:
    shop = open_shop(laws={"bill": (has_a_bill,)})
    shop.run(note("a"))
    shop.together(delete("a"), note("b"))
    with pytest.raises(InvalidRow, match="always a bill") as refused:
        shop.run(delete("b"))
    assert [(d.path, d.rule) for d in refused.value.details] == [("", "validator")]
    shop.run(update("b", "still there"))
