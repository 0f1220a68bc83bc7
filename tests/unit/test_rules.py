"""What a schema's author may ask of a value: each rule enforced, each mistake in a rule found."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from mishkah.core.draft import Draft
from mishkah.core.errors import InvalidRow
from mishkah.core.judging import Rules
from mishkah.core.messages import Insert, Update
from mishkah.core.soundness import read_schema
from mishkah.core.state import State
from mishkah.core.transact import Asked, transact

KEY = {"type": "text", "primaryKey": True}
NOON = datetime(2025, 10, 29, 12, tzinfo=UTC)


def state_of(**fields: Mapping[str, Any]) -> State:
    schema, problems = read_schema("m", {"tables": {"t": {"fields": {"id": KEY, **fields}}}})
    assert schema is not None, problems
    return State(schema)


def write(state: State, command: Any, at: datetime = NOON, *, importing: bool = False) -> Any:
    asked = Asked(command=command, importing=importing)
    commit = transact(Draft(state), state.seq + 1, asked, Rules(schema=state.schema), at)
    state.apply(commit)
    return commit.changes[0].new if commit.changes else None


@pytest.mark.parametrize(
    ("field", "good", "bad", "rule"),
    [
        ({"type": "text", "maxLength": 3}, "قهو", "قهوة", "maxLength"),
        ({"type": "text", "pattern": "^[A-Z]{2}$"}, "EG", "eg", "pattern"),
        ({"type": "text", "pattern": "b"}, "abc", "ac", "pattern"),
        ({"type": "text", "pattern": "a"}, "a" * 1000, "a" * 1001, "pattern"),
        ({"type": "text", "pattern": "^[0-9]+$"}, "12", "12\n", "pattern"),
        ({"type": "text", "pattern": r"^\d+$"}, "12", "١٢", "pattern"),
        ({"type": "text", "pattern": r"^[$][]$^]\$$"}, "$$$", "$$\n", "pattern"),
        ({"type": "integer", "min": 1}, 1, 0, "min"),
        ({"type": "integer", "max": 9}, 9, 10, "max"),
        ({"type": "decimal", "min": 0, "max": 99}, 98, -1, "min"),
        ({"type": "date", "min": "2025-01-01"}, "2025-01-01", "2024-12-31", "min"),
        ({"type": "timestamp", "max": "2025-01-01T00:00:00Z"}, "2025-01-01T01:00:00+01:00",
         "2025-01-01T00:00:00.001Z", "max"),
        ({"type": "json", "shape": {"ar": "required", "en": "optional"}}, {"ar": "م"}, {"en": "m"},
         "shape"),
        ({"type": "json", "shape": {"ar": "optional"}}, {}, {"ar": 1}, "shape"),
        ({"type": "json", "shape": {"ar": "optional"}}, {}, {"fr": "m"}, "shape"),
        ({"type": "json", "shape": {"ar": "required"}}, {"ar": "م"}, {"ar": ""}, "shape"),
        ({"type": "json", "shape": {"ar": "optional"}}, {}, [], "shape"),
    ],
)  # fmt: skip
def test_a_rule_takes_what_it_allows_and_refuses_the_rest_with_its_name(
    field: Any, good: Any, bad: Any, rule: str
) -> None:
    state = state_of(a=field)
    assert write(state, Insert(table="t", data={"id": "1", "a": good})) is not None
    for command in (
        Insert(table="t", data={"id": "2", "a": bad}),
        Update(table="t", id="1", changes={"a": bad}),
    ):
        with pytest.raises(InvalidRow) as no:
            write(state, command)
        assert [detail.rule for detail in no.value.details] == [rule]
        assert no.value.details[0].path.startswith("/a")
    assert write(state, Insert(table="t", data={"id": "3", "a": None}))["a"] is None


@pytest.mark.parametrize(
    ("field", "at", "words"),
    [
        ({"type": "integer", "maxLength": 3}, "maxLength", "is for fields of text"),
        ({"type": "text", "maxLength": 0}, "maxLength", "1 or more"),
        ({"type": "text", "min": 3}, "min", "is for fields of"),
        ({"type": "integer", "min": "a"}, "min", "whole number"),
        ({"type": "integer", "min": 3, "max": 2}, "max", "below min"),
        ({"type": "text", "pattern": "("}, "pattern", "no regular expression"),
        ({"type": "text", "shape": {"ar": "required"}}, "shape", "is for fields of json"),
        ({"type": "json", "shape": {"ar": "yes"}}, "shape.ar", "required or optional"),
        ({"type": "integer", "min": 3, "default": 2}, "default", "breaks a rule"),
        ({"type": "text", "onUpdate": "now"}, "onUpdate", "for a date or a timestamp"),
        ({"type": "date", "onUpdate": "later"}, "onUpdate", "for a date or a timestamp"),
        ({"type": "text", "references": {"table": "no"}}, "references.table", "no table no"),
        ({"type": "text", "references": {"table": "t", "field": "x"}}, "references.field", "no f"),
        ({"type": "text", "references": {"table": "t", "field": "a"}}, "references.field", "tell"),
        ({"type": "integer", "references": {"table": "t"}}, "references.field", "another type"),
        ({"type": "text", "references": {"table": "t", "onDelete": "x"}}, "references.onDelete",
         "one of"),
        ({"type": "text", "required": True, "references": {"table": "t", "onDelete": "set-null"}},
         "references.onDelete", "null"),
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_found_at_its_place(field: Any, at: str, words: str) -> None:
    schema, problems = read_schema("m", {"tables": {"t": {"fields": {"id": KEY, "a": field}}}})
    assert schema is None
    assert [p.path for p in problems if words in p.message] == [f"$.tables.t.fields.a.{at}"]


def test_now_is_the_moment_of_the_command_and_today_that_of_the_branch() -> None:
    state = state_of(
        at={"type": "timestamp", "default": "now"},
        day={"type": "date", "default": "now"},
        changed={"type": "timestamp", "default": "now", "onUpdate": "now"},
        name={"type": "text", "default": "now"},
    )
    made = write(state, Insert(table="t", data={"id": "1"}))
    assert (made["at"], made["day"]) == ("2025-10-29T12:00:00.000Z", "2025-10-29")
    assert made["name"] == "now"
    later = NOON.replace(hour=13)
    new = write(state, Update(table="t", id="1", changes={"name": "x"}), later)
    assert (new["at"], new["changed"]) == (made["at"], "2025-10-29T13:00:00.000Z")
    own = "2020-01-01T00:00:00.000Z"
    assert write(state, Update(table="t", id="1", changes={"changed": own}))["changed"] == own


def test_an_update_of_nothing_does_not_touch_its_moment() -> None:
    state = state_of(a={"type": "text"}, at={"type": "timestamp", "onUpdate": "now"})
    write(state, Insert(table="t", data={"id": "1", "a": "x"}))
    assert write(state, Update(table="t", id="1", changes={"a": "x"})) is None


def test_what_is_read_only_is_set_by_seeds_and_by_nobody_else() -> None:
    state = state_of(a={"type": "integer", "readOnly": True, "default": 1}, b={"type": "text"})
    with pytest.raises(InvalidRow) as no:
        write(state, Insert(table="t", data={"id": "1", "a": 2}))
    assert no.value.details[0].rule == "readOnly"
    assert write(state, Insert(table="t", data={"id": "1"}))["a"] == 1
    with pytest.raises(InvalidRow):
        write(state, Update(table="t", id="1", changes={"a": 2}))
    same = Update(table="t", id="1", changes={"a": 1, "b": "x"})
    assert write(state, same)["b"] == "x"  # a client that sends the whole row back
    assert write(state, Insert(table="t", data={"id": "2", "a": 7}), importing=True)["a"] == 7


def test_all_rules_that_a_row_breaks_are_told_together() -> None:
    state = state_of(a={"type": "text", "maxLength": 1}, b={"type": "integer", "min": 5})
    with pytest.raises(InvalidRow) as no:
        write(state, Insert(table="t", data={"id": "1", "a": "xx", "b": 1}))
    assert {(d.path, d.rule) for d in no.value.details} == {("/a", "maxLength"), ("/b", "min")}


@pytest.mark.parametrize(
    "rule", [{"min": "2030-01-01"}, {"max": "2020-01-01"}, {"enum": ["2020-01-01"]}]
)
def test_the_moment_obeys_the_rules_of_its_field(rule: dict[str, Any]) -> None:
    field = {"type": "date", "default": "now", **rule}
    with pytest.raises(InvalidRow) as no:
        write(state_of(day=field), Insert(table="t", data={"id": "a"}))
    assert [detail.path for detail in no.value.details] == ["/day"]
    changed = state_of(day={"type": "date", "onUpdate": "now", **rule}, n={"type": "integer"})
    write(changed, Insert(table="t", data={"id": "a"}))
    with pytest.raises(InvalidRow):
        write(changed, Update(table="t", id="a", changes={"n": 1}))
