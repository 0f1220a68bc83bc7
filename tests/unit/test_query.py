"""QUERY: pages without holes or repeats, and sums that are exact."""

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core import query, totals
from mishkah.core.errors import Refused
from mishkah.core.grants import everything
from mishkah.core.messages import Query
from mishkah.core.query import Page, read_question
from mishkah.core.values import number

_decode = msgspec.json.Decoder(float_hook=number).decode


def ask(shop: Any, **more: Any) -> Page:
    """Return the answer to a QUERY of the table ``item`` as it comes off the wire."""
    asked = Query(table="item", **_decode(json.dumps(more)))
    question = read_question(everything(shop.rules.schema), asked)
    (*waits, page) = question.slices(question.candidates(shop.state))
    assert waits == [None] * len(waits)
    assert page is not None
    return page


def rows(shop: Any, **more: Any) -> list[Any]:
    return [json.loads(row) for row in ask(shop, **more).rows]


def fill(shop: Any, *values: dict[str, Any]) -> None:
    for n, row in enumerate(values):
        shop.insert("item", {"id": f"i{n}", "name": "n", **row})


def test_rows_come_filtered_in_order_with_the_fields_asked_for(shop: Any) -> None:
    fill(shop, {"slot": 3}, {"slot": None}, {"slot": 1, "kind": "drink"}, {"slot": 2})
    found = rows(shop, order=[["slot", "desc"]], fields=["id", "slot"])
    assert found == [{"id": "i0", "slot": 3}, {"id": "i3", "slot": 2}, {"id": "i2", "slot": 1},
                     {"id": "i1", "slot": None}]  # fmt: skip
    assert [r["id"] for r in rows(shop, where=["kind", "=", "food"])] == ["i0", "i1", "i3"]
    assert [r["id"] for r in rows(shop, order=[["slot", "asc"]], limit=2)] == ["i1", "i2"]
    assert len(rows(shop)[0]) == len(shop.rules.schema.tables["item"].fields)


def test_money_adds_up_to_the_last_piastre(shop: Any) -> None:
    fill(shop, *({"price": 0.1, "slot": n % 2, "shelf": f"{n}"} for n in range(10)),
         {"slot": 1, "shelf": "x"})  # fmt: skip
    values = {"n": ["count"], "priced": ["count", "price"], "sum": ["sum", "price"],
              "avg": ["avg", "price"], "top": ["max", "shelf"],
              "low": ["min", "price"]}  # fmt: skip
    assert rows(shop, aggregate={"values": values}) == [
        {"n": 11, "priced": 10, "sum": 1, "avg": 0.1, "top": "x", "low": 0.1}
    ]
    assert rows(shop, aggregate={"by": ["slot"], "values": {"s": ["sum", "price"]}}) == [
        {"slot": 0, "s": 0.5}, {"slot": 1, "s": 0.5}
    ]  # fmt: skip
    nothing = rows(shop, where=["slot", "=", 9], aggregate={"values": values})
    assert nothing == [{"n": 0, "priced": 0, "sum": None, "avg": None, "top": None, "low": None}]
    assert rows(shop, where=["slot", "=", 9], aggregate={"by": ["slot"], "values": values}) == []


def test_an_average_is_rounded_half_to_even(shop: Any) -> None:
    fill(shop, *({"price": p} for p in (1, 1, 2)))
    assert ask(shop, aggregate={"values": {"a": ["avg", "price"]}}).rows == [b'{"a":1.333333333}']


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"limit": 0}, "/limit"), ({"limit": 1001}, "/limit"), ({"limit": "5"}, "/limit"),
        ({"limit": True}, "/limit"), ({"order": "id"}, "/order"), ({"order": ["id"]}, "/order/0"),
        ({"order": [["id", "up"]]}, "/order/0"), ({"order": [["info", "asc"]]}, "/order/0"),
        ({"order": [["id", "asc"], ["id", "desc"]]}, "/order/1"), ({"fields": ["x"]}, "/fields/0"),
        ({"fields": "id"}, "/fields"), ({"after": "garbage"}, "/after"), ({"after": 7}, "/after"),
        ({"after": "W10="}, "/after"), ({"where": ["x", "=", 1]}, "/where/0"),
        ({"aggregate": []}, "/aggregate"), ({"aggregate": {"values": {}}}, "/aggregate"),
        ({"aggregate": {"values": {"a": ["sum", "name"]}}}, "/aggregate/values/a/0"),
        ({"aggregate": {"values": {"a": ["sum", "x"]}}}, "/aggregate/values/a/1"),
        ({"aggregate": {"values": {"a": ["median", "slot"]}}}, "/aggregate/values/a"),
        ({"aggregate": {"values": {"a": ["count"]}, "by": ["x"]}}, "/aggregate/by/0"),
        ({"aggregate": {"values": {"slot": ["count"]}, "by": ["slot"]}}, "/aggregate/values/slot"),
        ({"aggregate": {"values": {"a": ["count"]}, "having": 1}}, "/aggregate"),
    ],
)  # fmt: skip
def test_what_can_not_be_asked_is_refused_with_its_place(
    shop: Any, more: dict[str, Any], path: str
) -> None:
    with pytest.raises(Refused) as refused:
        ask(shop, **more)
    assert refused.value.details[0].path == path


def test_the_cursor_of_another_order_is_refused(shop: Any) -> None:
    fill(shop, {}, {}, {})
    after = ask(shop, limit=1).next
    with pytest.raises(Refused):
        ask(shop, order=[["slot", "asc"]], after=after)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "slot": st.sampled_from([None, 1, 2, 3]),
            "price": st.sampled_from([None, 0.1, 0.25, 3]),
            "kind": st.sampled_from(["food", "drink"]),
        }
    ),
    max_size=12,
)
ORDERS = st.lists(
    st.tuples(st.sampled_from(["slot", "price", "kind", "id"]), st.sampled_from(["asc", "desc"])),
    max_size=3,
    unique_by=lambda one: one[0],
)


@given(ROWS, ORDERS, st.integers(1, 5), st.booleans())
def test_pages_have_no_holes_and_no_repeats(
    open_shop: Any, given_rows: Any, order: Any, limit: int, coming: bool
) -> None:
    shop = open_shop()
    fill(shop, *({**row, "shelf": f"{n}"} for n, row in enumerate(given_rows)))
    expected = [row["id"] for row in rows(shop, order=order, limit=1000)]
    found: list[str] = []
    page = ask(shop, order=order, limit=limit)
    while True:
        found += [json.loads(row)["id"] for row in page.rows]
        if page.next is None:
            break
        if coming and found:  # a row that was shown goes, and comes again behind
            shop.delete("item", found[0]) if shop.row("item", found[0]) else None
        page = ask(shop, order=order, limit=limit, after=page.next)
    assert found == expected
    assert len(set(found)) == len(found)


@given(ROWS)
def test_sums_are_those_of_decimals(open_shop: Any, given_rows: Any) -> None:
    shop = open_shop()
    fill(shop, *({**row, "shelf": f"{n}"} for n, row in enumerate(given_rows)))
    sums: dict[Any, Decimal] = defaultdict(Decimal)
    for row in given_rows:
        sums[row["kind"]] += Decimal(str(row["price"] or 0))
    values = {"s": ["sum", "price"], "n": ["count"]}
    for line in ask(shop, aggregate={"by": ["kind"], "values": values}).rows:
        row = _decode(line)
        assert Decimal(row["s"] or 0) == sums[row["kind"]]
        assert row["n"] == sum(one["kind"] == row["kind"] for one in given_rows)


def test_a_page_ends_where_it_has_enough_bytes(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So an answer is never as large as the table; the next page goes on from there."""
    monkeypatch.setattr(query, "MAX_PAGE", 3000)
    fill(shop, *({"name": "x" * 1000} for _ in range(7)), {"name": "x" * 9000})
    found: list[str] = []
    after: dict[str, Any] = {}
    for size in (2, 2, 2, 1, 1):
        page = ask(shop, **after)
        assert len(page.rows) == size
        found += [json.loads(row)["id"] for row in page.rows]
        after = {"after": page.next}
    assert page.next is None
    assert found == [f"i{n}" for n in range(8)]
    assert len(ask(shop, fields=["id"]).rows) == 8


def test_groups_that_are_too_long_are_refused(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MAX_SIZE", 3000)
    fill(shop, *({"name": f"{n}" * 1000} for n in range(4)))
    asked = {"by": ["name"], "values": {"n": ["count"]}}
    assert len(rows(shop, aggregate=asked, where=["id", "in", ["i0", "i1"]])) == 2
    with pytest.raises(Refused) as no:
        ask(shop, aggregate=asked)
    assert no.value.code == "TOO_LARGE"
    with pytest.raises(Refused) as no:
        ask(shop, aggregate={"values": {"n" * 65: ["count"]}})
    assert (no.value.code, no.value.details[0].path[:18]) == ("INVALID", "/aggregate/values/")
