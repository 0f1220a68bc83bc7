"""A store against a plain dict: batches of commands, some refused, some batches dropped."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mishkah.core.commands import decode
from mishkah.core.commit import Change, Commit, decode_entry, encode_entry
from mishkah.core.draft import Draft, View
from mishkah.core.errors import Invalid, Refused
from mishkah.core.judging import Rules
from mishkah.core.schema import Row, Schema, with_unique
from mishkah.core.sequences import Rule, make_sequence
from mishkah.core.soundness import read_schema
from mishkah.core.state import State
from mishkah.core.transact import Asked, transact

NOW = datetime(2025, 10, 29, tzinfo=UTC)
START = 3
FIELDS = ["id", "name", "email", "shelf", "slot", "code"]


def make_schema() -> Schema:
    fields: dict[str, Any] = {name: {"type": "text"} for name in FIELDS}
    fields["id"]["primaryKey"] = fields["name"]["required"] = fields["email"]["unique"] = True
    fields["slot"]["type"] = "integer"
    table = {"fields": fields, "indexes": [{"fields": ["shelf", "slot"], "unique": True},
                                           {"fields": ["name"]}]}  # fmt: skip
    schema, problems = read_schema("m", {"tables": {"item": table}})
    assert schema is not None, problems
    return with_unique(schema, {"item": {"code"}})


def is_not_odd(new: Row, old: Row | None, view: View) -> None:
    assert view.get("item", new["id"]) == new
    if new["name"] == "odd":
        raise Invalid("odd", field="name")


SCHEMA = make_schema()
RULES = Rules(
    schema=SCHEMA,
    sequences={
        "item": (make_sequence("item", "code", Rule(format="N{number}", start=START), "b", {}),)
    },
    validators={"item": (is_not_odd,)},
)


class No(Exception):
    """The model refuses."""


class Model:
    """What a store is said to do, in the plainest words."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.last = START - 1

    def run(self, ops: list[dict[str, Any]]) -> "Model":
        """Return the model after *ops*, or raise `No`."""
        after = deepcopy(self)
        written = {op.get("id") or op["data"].get("id") for op in ops if after.do(op)}
        if any(after.rows[key]["name"] == "odd" for key in written if key in after.rows):
            raise No
        return after

    def do(self, op: dict[str, Any]) -> bool:
        """Do one op; tell whether it wrote a row."""
        if op["type"] == "INSERT":
            row = {name: op["data"].get(name) for name in FIELDS}
            if row["id"] is None or row["id"] in self.rows:
                raise No
            if row["code"] is None:
                self.last += 1
                row["code"] = f"N{self.last}"
            self.put(row)
            return True
        if op["id"] not in self.rows:
            raise No
        if op["type"] == "DELETE":
            del self.rows[op["id"]]
            return False
        old = self.rows[op["id"]]
        self.put({**old, **op["changes"]})
        return old != self.rows[op["id"]]

    def put(self, row: dict[str, Any]) -> None:
        others = [other for key, other in self.rows.items() if key != row["id"]]
        if not isinstance(row["name"], str) or not isinstance(row["slot"], int | None):
            raise No
        if row["code"] is None or not START <= int(row["code"][1:]) <= self.last:
            raise No
        for fields in (["email"], ["shelf", "slot"], ["code"]):
            mine = [row[name] for name in fields]
            if None not in mine and any([o[name] for name in fields] == mine for o in others):
                raise No
        self.rows[row["id"]] = row


VALUES = {
    "name": st.sampled_from(["x", "y", "z", "x", "y", "z", "odd", None, 7]),
    "email": st.sampled_from([None, "1", "2", "3"]),
    "shelf": st.sampled_from([None, "s", "t"]),
    "slot": st.sampled_from([None, 1, 2, 1, 2, "wrong"]),
}
CODE = {"code": st.integers(START, START + 9).map(lambda n: f"N{n}") | st.none()}
KEYS = st.sampled_from("abcde")
NEW = {"id": KEYS, "name": VALUES["name"]}
EXTRA = {name: VALUES[name] for name in ("email", "shelf", "slot")} | CODE
INSERT = st.fixed_dictionaries(NEW, optional=EXTRA).map(
    lambda data: {"type": "INSERT", "table": "item", "data": data}
)
CHANGES = st.fixed_dictionaries({}, optional={**VALUES, **CODE})
UPDATE = st.builds(
    lambda key, changes: {"type": "UPDATE", "table": "item", "id": key, "changes": changes},
    KEYS,
    CHANGES,
)
DELETE = KEYS.map(lambda key: {"type": "DELETE", "table": "item", "id": key})
OP = INSERT | UPDATE | DELETE


class StoreModel(RuleBasedStateMachine):
    """`state` is committed; `draft` and `batch` are not yet."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.replica = State(SCHEMA), State(SCHEMA)
        self.committed = self.model = Model()
        self.draft, self.batch = Draft(self.state), list[Commit]()
        self.history: list[Commit] = []

    def ask(self, message: dict[str, Any], ops: list[dict[str, Any]]) -> None:
        seq = self.state.seq + len(self.batch) + 1
        asked = Asked(command=decode(json.dumps(message)))
        try:
            expected = self.model.run(ops)
        except No:
            expected = None
        refusal: Refused | None = None
        try:
            commit: Commit | None = transact(self.draft, seq, asked, RULES, NOW)
        except Refused as no:
            refusal, commit = no, None
        if expected is None or commit is None:
            assert expected is commit is None, f"expected {expected}, and it was {refusal}"
            assert refusal is not None
            assert refusal.details
            return
        self.model = expected
        self.batch.append(commit)

    @rule(op=OP)
    def ask_one(self, op: dict[str, Any]) -> None:
        self.ask(op, [op])

    @rule(ops=st.lists(OP, min_size=1, max_size=5))
    def ask_several_at_once(self, ops: list[dict[str, Any]]) -> None:
        self.ask({"type": "TRANSACTION", "ops": ops}, ops)

    @precondition(lambda self: self.batch)
    @rule()
    def commit(self) -> None:
        for commit in self.batch:
            self.state.apply(commit)
            self.history.append(commit)
            line = encode_entry(commit, SCHEMA)
            copy = Commit(seq=commit.seq, at=commit.at, changes=decode_entry(line, SCHEMA).changes,
                          counters=commit.counters)  # fmt: skip
            self.replica.apply(copy)
        self.draft, self.batch = Draft(self.state), []
        self.committed = self.model

    @precondition(lambda self: self.batch)
    @rule()
    def find_the_disk_full(self) -> None:
        self.draft, self.batch = Draft(self.state), []
        self.model = self.committed

    @invariant()
    def rows_are_those_of_the_model(self) -> None:
        assert rows_of(self.state) == self.committed.rows
        assert rows_of(self.draft) == self.model.rows
        assert self.state.seq == len(self.history)

    @invariant()
    def a_number_is_given_once_and_none_is_skipped(self) -> None:
        last = self.state.counters.get(("item", "code", ""), START - 1)
        assert last == self.committed.last
        given: dict[int, str] = {}
        for change in changes_of(self.history):
            if change.operation == "INSERT" and change.new is not None:
                given.setdefault(int(change.new["code"][1:]), change.id)
        assert sorted(given) == list(range(START, last + 1))

    @invariant()
    def an_index_leads_to_the_rows_that_have_its_key(self) -> None:
        for index, kept in self.state.tables["item"].indexes.items():
            expected: dict[Any, set[str]] = {}
            for key, row in self.committed.rows.items():
                values = tuple(row[name] for name in index.fields)
                if None not in values:
                    expected.setdefault(values, set()).add(key)
            assert {values: set(ids) for values, ids in kept.items()} == expected

    @invariant()
    def the_log_replayed_is_the_state(self) -> None:
        for one, other in ((self.state, self.replica), (self.replica, self.state)):
            assert list(one.tables["item"].records.items()) == list(
                other.tables["item"].records.items()
            )
            assert one.tables["item"].indexes == other.tables["item"].indexes
            assert one.counters == other.counters

    @invariant()
    def each_change_leads_back_to_the_one_before(self) -> None:
        before: dict[str, tuple[int, Change]] = {}
        for commit in self.history:
            for change in commit.changes:
                seq, earlier = before.get(change.id, (0, None))
                alive = earlier is not None and earlier.new is not None
                assert change.was == (seq if alive else 0)
                assert change.before() == (earlier.new if earlier is not None else None)
                before[change.id] = commit.seq, change
        for key in self.committed.rows:
            record = self.state.record("item", key)
            assert record is not None
            assert record.seq == before[key][0]


def rows_of(ground: State | Draft) -> dict[str, dict[str, Any]]:
    view = View(ground)
    rows = {key: view.get("item", key) for key in ground.ids("item")}
    assert {row["id"] for row in view.rows("item")} == set(rows)
    return {key: dict(row) for key, row in rows.items() if row is not None}


def changes_of(history: list[Commit]) -> list[Change]:
    return [change for commit in history for change in commit.changes]


def test_a_store_is_a_dict_with_a_memory() -> None:
    run_state_machine_as_test(
        StoreModel, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
    )
