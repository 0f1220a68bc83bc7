"""A sheet over a state: what a refused command has drawn on it is gone, all of it."""

import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.commands import decode
from mishkah.core.draft import Draft
from mishkah.core.errors import Refused
from mishkah.core.judging import Rules
from mishkah.core.messages import Write
from mishkah.core.sequences import Rule
from mishkah.core.transact import Asked, transact

AT = datetime(2025, 10, 29, 12, tzinfo=UTC)
KEY = {"type": "text", "primaryKey": True}
TABLES: dict[str, Any] = {
    "bill": {
        "fields": {
            "id": KEY,
            "no": {"type": "text", "unique": True},
            "state": {"type": "text"},
            "total": {"type": "decimal", "max": 100},
        },
        "indexes": [{"fields": ["state"]}, {"fields": ["state", "total"]}],
    },
    "line": {
        "fields": {
            "id": KEY,
            "bill": {"type": "text", "references": {"table": "bill", "onDelete": "cascade"}},
        }
    },
}


class Sheet:
    """A draft over three bills, on which one command was drawn that was taken."""

    def __init__(self, open_shop: Any) -> None:
        shop = open_shop({"bill": {"no": Rule(format="B-{number}")}}, tables=TABLES)
        self.rules, self.state = shop.rules, shop.state
        for i in "123":
            shop.run(insert(i))
        self.draft = Draft(self.state)
        line = {"type": "INSERT", "table": "line", "data": {"id": "x", "bill": "2"}}
        self.ask(update("1", state="paid"), insert("4"), line)

    def ask(self, *ops: Any) -> None:
        command = decode(json.dumps({"type": "TRANSACTION", "ops": ops}))
        assert isinstance(command, Write)
        transact(self.draft, self.state.seq + 2, Asked(command=command), self.rules, AT)

    def told(self) -> Any:
        """Return all that the draft tells, by every way of asking."""
        rows, held = {}, {}
        for table in self.state.schema.tables.values():
            for identifier in self.draft.ids(table.name):
                record = self.draft.record(table.name, identifier)
                assert record is not None
                rows[table.name, identifier] = record
                for index in table.indexes:
                    if key := index.key(table.decode(record.json)):
                        at = (table.name, index.fields, key)
                        held[at] = sorted(self.draft.holders(table.name, index, key))
        free = [
            self.draft.holders("bill", i, ("open",))
            for i in self.state.schema.tables["bill"].indexes
        ]
        return rows, held, [list(f) for f in free], self.draft.counter(("bill", "no", ""))


def insert(identifier: str) -> dict[str, Any]:
    data = {"id": identifier, "state": "open", "total": 1.5}
    return {"type": "INSERT", "table": "bill", "data": data}


def update(identifier: str, **changes: Any) -> dict[str, Any]:
    return {"type": "UPDATE", "table": "bill", "id": identifier, "changes": changes}


def delete(identifier: str) -> dict[str, Any]:
    return {"type": "DELETE", "table": "bill", "id": identifier}


@pytest.mark.parametrize(
    "ops",
    [
        [insert("5")],
        [update("1", state="open", total=2)],
        [update("2", state=None), update("2", state="late")],
        [delete("4"), insert("4")],
        [delete("2")],
        [delete("1"), insert("1"), update("1", total=9)],
    ],
    ids=["insert", "update", "twice", "anew", "cascade", "all"],
)
def test_a_refused_command_leaves_no_trace(open_shop: Any, ops: list[Any]) -> None:
    sheet = Sheet(open_shop)
    before = sheet.told()
    with pytest.raises(Refused):
        sheet.ask(*ops, update("3", total=101))
    assert sheet.told() == before
    sheet.ask(*ops)
    assert sheet.told() != before


def test_a_refused_command_does_not_change_what_goes_first_with_its_row(open_shop: Any) -> None:
    sheet = Sheet(open_shop)
    for identifier in "yz":
        sheet.ask({"type": "INSERT", "table": "line", "data": {"id": identifier, "bill": "2"}})
    move = {"type": "UPDATE", "table": "line", "id": "x", "changes": {"bill": "1"}}
    with pytest.raises(Refused):
        sheet.ask(move, update("3", total=101))
    sheet.ask(delete("2"))
    assert [change.id for change in sheet.draft.changes] == ["2", "x", "y", "z"]


def test_a_bug_in_a_rule_leaves_no_trace_either(open_shop: Any) -> None:
    sheet = Sheet(open_shop)
    before = sheet.told()

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    sheet.rules = Rules(
        schema=sheet.rules.schema,
        sequences=sheet.rules.sequences,
        validators={"bill": (broken,)},
    )
    with pytest.raises(ZeroDivisionError):
        sheet.ask(insert("5"))
    assert sheet.told() == before


IDS = st.sampled_from("123456")
STATES = st.sampled_from(["open", "paid", None])
OPS = st.one_of(
    st.builds(insert, IDS),
    st.builds(delete, IDS),
    st.builds(lambda i, state: update(i, state=state), IDS, STATES),
    st.builds(lambda i, total: update(i, total=total), IDS, st.sampled_from([1, 2, 101])),
)


@given(st.lists(st.lists(OPS, min_size=1, max_size=3), max_size=12))
def test_a_sheet_tells_what_the_state_will(open_shop: Any, commands: list[list[Any]]) -> None:
    sheet = Sheet(open_shop)
    state, draft = sheet.state, Draft(sheet.state)
    commits = []
    for ops in commands:
        command = decode(json.dumps({"type": "TRANSACTION", "ops": ops}))
        assert isinstance(command, Write)
        seq = state.seq + len(commits) + 1
        with contextlib.suppress(Refused):
            commits.append(transact(draft, seq, Asked(command=command), sheet.rules, AT))
    asked = [(index, key) for index in state.tables["bill"].indexes for key in KEYS[index.fields]]
    told = [list(draft.holders("bill", index, key)) for index, key in asked]
    free = [draft.is_free("bill", index, key) for index, key in asked]
    for commit in commits:
        state.apply(commit)
    assert [list(state.holders("bill", index, key)) for index, key in asked] == told
    surely = zip(free, told, strict=True)
    assert not [holders for is_free, holders in surely if is_free and holders]


KEYS: dict[tuple[str, ...], list[tuple[Any, ...]]] = {
    ("no",): [(f"B-{n}",) for n in range(1, 40)],
    ("state",): [("open",), ("paid",)],
    ("state", "total"): [(s, t) for s in ("open", "paid") for t in (Decimal("1.5"), 1, 2)],
}
