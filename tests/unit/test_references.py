"""References that hold: whatever is written, in whatever order, no row refers to nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.draft import Draft
from mishkah.core.errors import BrokenReference, Refused
from mishkah.core.judging import Rules
from mishkah.core.messages import Delete, Insert, Op, Transaction, Update
from mishkah.core.soundness import read_schema
from mishkah.core.state import State
from mishkah.core.transact import Asked, transact

NOON = datetime(2025, 10, 29, 12, tzinfo=UTC)
KEY = {"type": "text", "primaryKey": True}


def refers(table: str, on_delete: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "references": {"table": table, "onDelete": on_delete, **more}}


TABLES = {
    "plan": {"fields": {"id": KEY, "code": {"type": "text", "unique": True}}},
    "member": {
        "fields": {
            "id": KEY,
            "plan": refers("plan", "restrict"),
            "code": refers("plan", "restrict", field="code"),
            "friend": refers("member", "set-null"),
        }
    },
    "visit": {"fields": {"id": KEY, "member": refers("member", "cascade")}},
    "note": {"fields": {"id": KEY, "visit": refers("visit", "cascade")}},
}
REFERENCES = [
    (table, name, field["references"])
    for table, definition in TABLES.items()
    for name, field in definition["fields"].items()
    if "references" in field
]


class Shop:
    def __init__(self, tables: dict[str, Any] = TABLES) -> None:
        schema, problems = read_schema("m", {"tables": tables})
        assert schema is not None, problems
        self.rules = Rules(schema=schema)
        self.state = State(schema)

    def do(self, *ops: Op) -> Any:
        command = ops[0] if len(ops) == 1 else Transaction(ops=list(ops))
        commit = transact(
            Draft(self.state), self.state.seq + 1, Asked(command=command), self.rules, NOON
        )
        self.state.apply(commit)
        return commit

    def refused(self, *ops: Op) -> list[str]:
        with pytest.raises(BrokenReference) as no:
            self.do(*ops)
        return [detail.path for detail in no.value.details]

    def rows(self, table: str) -> dict[str, Any]:
        rows = self.state.tables[table]
        return {key: rows.table.decode(record.json) for key, record in rows.records.items()}


def insert(table: str, identifier: str, **data: Any) -> Insert:
    return Insert(table=table, data={"id": identifier, **data})


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    shop.do(insert("plan", "p", code="C"))
    shop.do(insert("member", "m", plan="p", code="C"))
    shop.do(insert("visit", "v", member="m"))
    shop.do(insert("note", "n", visit="v"))
    return shop


def test_a_row_refers_to_what_is_there(shop: Shop) -> None:
    assert shop.refused(insert("member", "x", plan="no")) == ["/plan"]
    assert shop.refused(insert("member", "x", code="no")) == ["/code"]
    assert shop.refused(Update(table="member", id="m", changes={"plan": "no"})) == ["/plan"]
    shop.do(insert("member", "x", plan=None))


def test_the_order_within_a_transaction_does_not_matter(shop: Shop) -> None:
    shop.do(insert("visit", "w", member="new"), insert("member", "new"))
    shop.do(Delete(table="plan", id="p"), Update(table="member", id="m", changes={"plan": None,
            "code": None}))  # fmt: skip
    assert shop.refused(insert("visit", "y", member="m"), insert("visit", "z", member="no")) == [
        "/ops/1/member"
    ]


def test_a_row_that_is_needed_stays(shop: Shop) -> None:
    assert shop.refused(Delete(table="plan", id="p")) == ["/id", "/id"]  # by plan and by code
    changed = Update(table="plan", id="p", changes={"code": "D"})
    assert shop.refused(changed) == ["/id"]
    shop.do(changed, Update(table="member", id="m", changes={"code": "D"}))


def test_a_row_that_goes_and_comes_back_was_never_missed(shop: Shop) -> None:
    shop.do(Delete(table="plan", id="p"), insert("plan", "p", code="C"))


def test_a_deletion_takes_with_it_what_cascades_as_deltas_of_its_own(shop: Shop) -> None:
    commit = shop.do(Delete(table="member", id="m"))
    assert [(c.table, c.id, c.operation) for c in commit.changes] == [
        ("member", "m", "DELETE"),
        ("visit", "v", "DELETE"),
        ("note", "n", "DELETE"),
    ]


def test_a_deletion_empties_what_is_set_to_null(shop: Shop) -> None:
    shop.do(insert("member", "f", friend="m"))
    commit = shop.do(Delete(table="member", id="m"))
    assert shop.rows("member")["f"]["friend"] is None
    assert ("member", "f", "UPDATE") in [(c.table, c.id, c.operation) for c in commit.changes]


def test_a_circle_of_cascades_ends(shop: Shop) -> None:
    shop.do(Update(table="member", id="m", changes={"friend": "m"}))
    shop.do(Delete(table="member", id="m"))
    assert shop.rows("member") == {}


def test_a_row_that_goes_by_two_ways_goes_once() -> None:
    tables = {
        "top": {"fields": {"id": KEY}},
        "left": {"fields": {"id": KEY, "top": refers("top", "cascade")}},
        "right": {"fields": {"id": KEY, "top": refers("top", "cascade")}},
        "end": {
            "fields": {
                "id": KEY,
                "left": refers("left", "cascade"),
                "right": refers("right", "cascade"),
                "next": refers("end", "cascade"),
                "top": refers("top", "set-null"),
            }
        },
    }
    shop = Shop(tables)
    shop.do(insert("top", "t"), insert("left", "l", top="t"), insert("right", "r", top="t"))
    shop.do(insert("end", "e", left="l", right="r", top="t"))
    shop.do(insert("end", "f", left="l", next="e"))
    commit = shop.do(Delete(table="top", id="t"))
    gone = [c.id for c in commit.changes if c.operation == "DELETE"]
    assert gone[0] == "t"
    assert sorted(gone) == ["e", "f", "l", "r", "t"]


def test_a_chain_of_cascades_may_be_longer_than_pythons_stack() -> None:
    chain = {"link": {"fields": {"id": KEY, "on": refers("link", "cascade")}}}
    shop = Shop(chain)
    shop.do(*[insert("link", f"l{n}", on=f"l{n - 1}" if n else None) for n in range(3000)])
    assert len(shop.do(Delete(table="link", id="l0")).changes) == 3000


IDS = st.sampled_from(["a", "b", "c"])
VALUES = st.none() | IDS
OPS = st.one_of(
    st.builds(lambda i, c: insert("plan", i, code=c), IDS, VALUES),
    st.builds(lambda i, p, c, f: insert("member", i, plan=p, code=c, friend=f), IDS, VALUES,
              VALUES, VALUES),
    st.builds(lambda i, m: insert("visit", i, member=m), IDS, VALUES),
    st.builds(lambda i, v: insert("note", i, visit=v), IDS, VALUES),
    st.builds(lambda t, i: Delete(table=t, id=i), st.sampled_from(list(TABLES)), IDS),
    st.builds(lambda i, c: Update(table="plan", id=i, changes={"code": c}), IDS, VALUES),
    st.builds(lambda i, f, v: Update(table="member", id=i, changes={f: v}), IDS,
              st.sampled_from(["plan", "code", "friend"]), VALUES),
)  # fmt: skip


@given(st.lists(st.lists(OPS, min_size=1, max_size=4), max_size=25))
def test_nothing_that_is_written_leaves_a_reference_to_nothing(commands: list[list[Op]]) -> None:
    shop = Shop()
    for ops in commands:
        try:
            shop.do(*ops)
        except Refused:
            continue
        for table, name, reference in REFERENCES:
            key = reference.get("field", "id")
            there = {row[key] for row in shop.rows(reference["table"]).values()}
            assert {row[name] for row in shop.rows(table).values()} - {None} <= there


def test_what_is_emptied_was_perhaps_referred_to() -> None:
    tables = {
        "hall": {"fields": {"id": KEY}},
        "seat": {"fields": {"id": KEY, "hall": {**refers("hall", "set-null"), "unique": True}}},
        "ticket": {"fields": {"id": KEY, "at": refers("seat", "restrict", field="hall")}},
    }
    shop = Shop(tables)
    shop.do(insert("hall", "h"), insert("seat", "s", hall="h"), insert("ticket", "t", at="h"))
    assert shop.refused(Delete(table="hall", id="h")) == ["/id"]
    shop.do(Delete(table="ticket", id="t"), Delete(table="hall", id="h"))
    assert shop.rows("seat")["s"]["hall"] is None
