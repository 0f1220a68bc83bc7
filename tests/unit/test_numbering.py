"""Numbers belong to commits: each is given once, none is skipped, and nobody jumps ahead."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.access import Role, grant_of
from mishkah.core.errors import Duplicate, InvalidRow
from mishkah.core.ids import StoreId
from mishkah.core.numbering import adopted
from mishkah.core.sequences import Rule
from mishkah.core.shapes import fit
from mishkah.core.state import State

NOON = datetime(2025, 10, 29, 12, tzinfo=UTC)
CODE = {"bill": {"code": Rule(prefix="B", start=3, format="{prefix}-{number:03d}")}}
KEY = {"bill": {"id": Rule(prefix="B", start=3, format="{prefix}-{number:03d}")}}


def bill(**data: Any) -> dict[str, Any]:
    return {"type": "INSERT", "table": "bill", "data": data}


def reopened(old: Any, new: Any, adopting: bool = True) -> Any:
    """Return *new*, whose rules are others, with the rows and counters of *old*."""
    new.history = list(old.history)
    new.state = State(new.rules.schema)
    for commit in new.history:
        new.state.apply(commit)
    if adopting:
        for taken in adopted(new.state, new.rules.sequences["bill"]):
            new.state.counters[taken.table, taken.field, taken.period] = taken.number
    return new


@pytest.fixture
def shop(open_shop: Any) -> Any:
    return open_shop(CODE)


def test_a_number_is_taken_by_the_commit_that_uses_it(shop: Any) -> None:
    assert shop.insert("bill", {"id": "a"})["code"] == "B-003"
    shop.refusal(bill(id="a"))
    shop.refusal({"type": "TRANSACTION", "ops": [bill(id="b"), bill(id="c"), bill(id="c")]})
    shop.refusal(bill(id="b", note=7))
    assert shop.insert("bill", {"id": "b", "code": None})["code"] == "B-004"
    commit = shop.together(bill(id="c"), bill(id="d"))
    assert [change.new["code"] for change in commit.changes] == ["B-005", "B-006"]
    assert [(t.field, t.period, t.number) for t in commit.counters] == [("code", "", 6)]


def test_who_may_neither_read_nor_give_a_number_still_gets_one(shop: Any) -> None:
    role = fit({"rules": [{"do": ["insert"], "tables": ["bill"], "fields": ["note"]}]}, Role)
    clerk = grant_of(role, StoreId("shop", "m"), shop.rules.schema, "amal")
    assert shop.insert("bill", {"id": "a"}, grant=clerk)["code"] == "B-003"
    for code in (None, "B-003"):
        refusal = shop.refusal(bill(id="b", code=code), grant=clerk)
        assert isinstance(refusal, InvalidRow)
        assert [(d.path, d.rule) for d in refusal.details] == [("/code", "unknown")]


def test_the_number_of_a_deleted_row_is_not_given_again_but_may_be_brought_back(shop: Any) -> None:
    row = shop.insert("bill", {"id": "a"})
    shop.delete("bill", "a")
    assert shop.insert("bill", {"id": "b"})["code"] == "B-004"
    assert shop.insert("bill", row) == row


@pytest.mark.parametrize(
    ("code", "rule"),
    [("B-005", "sequence"), ("B-999", "sequence"), ("x", "sequence"), ("B-4", "sequence"),
     ("", "sequence"), ("B-0004", "sequence"), (7, "type")],
)  # fmt: skip
def test_a_number_that_was_not_given_yet_is_refused(shop: Any, code: Any, rule: str) -> None:
    for key in "ab":
        shop.insert("bill", {"id": key})
    refusal = shop.refusal(bill(id="c", code=code))
    assert isinstance(refusal, InvalidRow)
    assert [(d.path, d.rule) for d in refusal.details] == [("/code", rule)]
    update = {"type": "UPDATE", "table": "bill", "id": "a", "changes": {"code": code}}
    assert isinstance(shop.refusal(update), InvalidRow)


def test_a_number_that_another_row_has_is_a_duplicate(shop: Any) -> None:
    shop.insert("bill", {"id": "a"})
    assert isinstance(shop.refusal(bill(id="b", code="B-003")), Duplicate)


def test_a_row_keeps_its_number(shop: Any) -> None:
    shop.insert("bill", {"id": "a"})
    update = {"type": "UPDATE", "table": "bill", "id": "a", "changes": {"code": None}}
    assert [d.rule for d in shop.refusal(update).details] == ["sequence"]
    assert shop.update("bill", "a", {"code": "B-003", "note": "same"}).changes[0].old == {
        "note": None
    }


def test_a_key_takes_a_clients_own_ids_and_numbers_only_when_they_were_given(
    open_shop: Any,
) -> None:
    shop = open_shop(KEY)
    assert shop.insert("bill", {})["id"] == "B-003"
    assert shop.insert("bill", {"id": "7f3c-uuid"})["id"] == "7f3c-uuid"
    assert [d.rule for d in shop.refusal(bill(id="B-004")).details] == ["sequence"]
    assert isinstance(shop.refusal(bill(id="B-003")), Duplicate)
    shop.delete("bill", "B-003")
    assert shop.insert("bill", {"id": "B-003"})["id"] == "B-003"
    assert shop.insert("bill", {})["id"] == "B-004"


def test_seeds_move_the_counter_to_their_highest_number(shop: Any) -> None:
    for key, code in [("a", "B-002"), ("b", "B-041"), ("c", "B-007"), ("d", "older form")]:
        assert shop.insert("bill", {"id": key, "code": code}, importing=True)["code"] == code
    assert shop.insert("bill", {"id": "e"}, importing=True)["code"] == "B-042"
    assert shop.insert("bill", {"id": "f"})["code"] == "B-043"


def test_seeds_below_start_leave_the_first_number_at_start(shop: Any) -> None:
    shop.insert("bill", {"id": "a", "code": "B-001"}, importing=True)
    assert shop.insert("bill", {"id": "b"})["code"] == "B-003"


def test_a_number_beyond_all_numbers_does_not_move_the_counter(shop: Any) -> None:
    shop.insert("bill", {"id": "a", "code": f"B-{2**53 + 1}"}, importing=True)
    assert shop.insert("bill", {"id": "b"})["code"] == "B-003"


def test_a_rule_newer_than_its_rows_goes_on_where_they_end(open_shop: Any) -> None:
    old = open_shop()
    for key, code in [("a", "B-007"), ("b", "B-012"), ("c", None), ("d", "x")]:
        old.insert("bill", {"id": key, "code": code})
    new = reopened(old, open_shop(CODE))
    assert new.state.counters == {("bill", "code", ""): 12}
    assert new.insert("bill", {"id": "e"})["code"] == "B-013"
    assert adopted(new.state, new.rules.sequences["bill"]) == ()


RULES = st.builds(
    Rule,
    prefix=st.sampled_from(["B", "C"]),
    start=st.sampled_from([0, 1, 3]),
    format=st.sampled_from(
        ["{prefix}{yyyy}{mm}{dd}-{number}", "{prefix}{yyyy}{mm}{dd}{number:02d}"]
    ),
    reset=st.sampled_from(["never", "year", "month", "day"]),
)
DAYS = [NOON + timedelta(days=n) for n in (0, 1, 40, 400)]


@given(
    field=st.sampled_from(["code", "id"]),
    reigns=st.lists(st.tuples(RULES, st.lists(st.sampled_from(DAYS), max_size=4)), max_size=4),
    adopting=st.booleans(),
)
def test_whatever_the_rule_was_before_the_next_row_gets_a_number(
    open_shop: Any, field: str, reigns: list[tuple[Rule, list[datetime]]], adopting: bool
) -> None:
    """Without adoption too: where the disk was full, an insert looks for itself."""
    shop = open_shop()
    for i, (rule, days) in enumerate(reigns):
        shop = reopened(shop, open_shop({"bill": {field: rule}}), adopting)
        for j, day in enumerate(sorted(days)):
            data = {} if field == "id" else {"id": f"{i}.{j}"}
            shop.insert("bill", data, at=day)
        for row in shop.rows("bill")[:1]:
            shop.delete("bill", row["id"])


def test_a_number_that_shows_more_of_the_date_than_its_rule_can_not_be_chosen(
    open_shop: Any,
) -> None:
    shop = open_shop({"bill": {"code": Rule(format="{yyyy}{mm}{dd}-{number}", reset="month")}})
    assert shop.insert("bill", {"id": "a"})["code"] == "20251029-1"
    assert [d.rule for d in shop.refusal(bill(id="b", code="20251028-1")).details] == ["sequence"]


@given(st.lists(st.sampled_from(["one", "two", "bad", "half", "own", "delete"]), max_size=25))
def test_whatever_is_refused_numbers_have_no_gaps(open_shop: Any, steps: list[str]) -> None:
    shop = open_shop(CODE)
    given_out: list[str] = []
    for i, step in enumerate(steps):
        if step == "bad":
            shop.refusal(bill(id=f"{i}", note=1))
        elif step == "half":
            shop.refusal({"type": "TRANSACTION", "ops": [bill(id=f"{i}"), bill(id="")]})
        elif step == "own":
            shop.refusal(bill(id=f"{i}", code=f"B-{len(given_out) + 3:03d}"))
        elif step == "delete":
            for row in shop.rows("bill")[:1]:
                shop.delete("bill", row["id"])
        else:
            ops = [bill(id=f"{i}.{j}") for j in range(1 + (step == "two"))]
            given_out += [change.new["code"] for change in shop.together(*ops).changes]
    assert given_out == [f"B-{3 + n:03d}" for n in range(len(given_out))]
