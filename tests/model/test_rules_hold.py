"""Whatever is written or imported: no broken reference, no doubled key, no value outside its rule.

The rules are read here a second time, plainly, from the definition as it was written.
"""

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support import anyschema
from support.rulebook import Data, broken

from mishkah.core.commands import decode
from mishkah.core.commit import Name
from mishkah.core.draft import Draft
from mishkah.core.errors import Refused
from mishkah.core.judging import Rules
from mishkah.core.seeding import Seeded
from mishkah.core.soundness import read_schema
from mishkah.core.state import State
from mishkah.core.transact import Asked, transact

NOW = datetime(2025, 10, 29, tzinfo=UTC)
REFUSALS = {"INVALID", "DUPLICATE", "REFERENCE"}
Tables = dict[str, Any]
SETTINGS = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=list(HealthCheck),  # many schemas are drawn that are not sound
)


def rules_of(tables: Tables) -> Rules:
    schema, _ = read_schema("m", {"tables": tables})
    assume(schema is not None)
    assert schema is not None
    return Rules(schema=schema)


def held(state: State) -> Data:
    return {
        name: {
            key: json.loads(record.json, parse_float=Decimal)
            for key, record in table.records.items()
        }
        for name, table in state.tables.items()
    }


def test_no_write_leaves_what_breaks_a_rule() -> None:
    came = Counter[str]()

    @SETTINGS
    @given(data=st.data(), tables=anyschema.schemas())
    def write(data: st.DataObject, tables: Tables) -> None:
        rules = rules_of(tables)
        state = State(rules.schema)
        for i in range(data.draw(st.integers(10, 30))):
            before = held(state)
            message = data.draw(anyschema.commands(tables, before))
            asked = Asked(
                command=decode(json.dumps(message, default=float)), name=Name("c", str(i), b"")
            )
            try:
                commit = transact(Draft(state), state.seq + 1, asked, rules, NOW)
            except Refused as refusal:
                came[refusal.code] += 1
                assert held(state) == before
                continue
            state.apply(commit)
            came[message["type"]] += 1
            assert list(broken(tables, held(state))) == [], message

    write()
    wanted = {"INSERT", "UPDATE", "DELETE", "TRANSACTION", *REFUSALS}
    assert all(came[what] for what in wanted), came


def test_no_import_leaves_what_breaks_a_rule() -> None:
    came = Counter[str]()

    @SETTINGS
    @given(data=st.data(), tables=anyschema.schemas(), partial=st.booleans())
    def import_rows(data: st.DataObject, tables: Tables, partial: bool) -> None:
        rules = rules_of(tables)
        filling = Seeded(rules, NOW)
        for _ in range(4):
            rows = anyschema.named_rows(tables, held(filling.state))
            drawn = data.draw(st.lists(rows, min_size=1, max_size=3))
            lines = [(f"line {i}", table, row) for i, (table, row) in enumerate(drawn)]
            for group in [[line] for line in lines] if partial else [lines]:
                commits, findings = len(filling.commits), len(filling.findings)
                before = held(filling.state)
                filling.insert("f", group)
                done = len(filling.commits) - commits
                came["taken" if done else "refused"] += 1
                assert done == (len(filling.findings) == findings)
                assert done or held(filling.state) == before
                assert list(broken(tables, held(filling.state))) == []

    import_rows()
    assert set(came) == {"taken", "refused"}


PLAIN: Tables = {
    "one": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "n": {"type": "integer", "min": 1, "max": 2, "unique": True},
            "t": {"type": "text", "maxLength": 1, "pattern": "a", "required": True},
            "j": {"type": "json", "shape": {"ar": "required"}},
            "r": {"type": "text", "references": {"table": "one", "field": "id"}},
        }
    }
}
SOUND = {"id": "k", "n": 1, "t": "a", "j": {"ar": "x"}, "r": "k"}


@pytest.mark.parametrize(
    "wrong",
    [{"n": 0}, {"n": 3}, {"n": "1"}, {"t": None}, {"t": "b"}, {"t": "aa"}, {"j": {}},
     {"j": {"ar": "x", "en": "y"}}, {"r": "nobody"}, {"id": "other"}],
)  # fmt: skip
def test_the_second_reading_sees_what_is_broken(wrong: dict[str, Any]) -> None:
    assert list(broken(PLAIN, {"one": {"k": SOUND}})) == []
    assert list(broken(PLAIN, {"one": {"k": {**SOUND, **wrong}}}))
    assert list(broken(PLAIN, {"one": {"k": SOUND, "l": {**SOUND, "id": "l"}}}))
