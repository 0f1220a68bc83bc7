"""Roles: what the file says, and what a role comes to in a store."""

from typing import Any

import pytest

from mishkah.core.access import Access, Role, bound, check_access, grant_of, joined
from mishkah.core.grants import Grant
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.core.shapes import Misfit, fit
from mishkah.core.soundness import read_schema
from mishkah.core.views import read_view
from mishkah.roles import ready_made
from mishkah.who import ANY, Scope, Who

KEY = {"type": "text", "primaryKey": True}
TEXT = {"type": "text"}
TABLES = {
    "task": {"fields": {"id": KEY, "who": TEXT, "place": TEXT, "n": {"type": "integer"},
                        "pin": {"type": "text", "secret": True}}},
    "task_log": {"fields": {"id": KEY, "what": TEXT}},
    "price": {"fields": {"id": KEY, "price": {"type": "decimal"}}},
}  # fmt: skip
SHOP = StoreId("shop", "m")
IDENTITY = StoreId("_house", "identity")
ALL = ["read", "insert", "update", "delete", "call"]


@pytest.fixture(scope="module")
def schema() -> Schema:
    schema, problems = read_schema("m", {"tables": TABLES})
    assert schema is not None, problems
    return schema


@pytest.fixture
def grant(schema: Schema) -> Any:
    """Return what rules come to, in the shop unless another store is named."""

    def make(*rules: dict[str, Any], store: StoreId = SHOP, user: str | None = "amal") -> Grant:
        return grant_of(role(*rules), store, schema, user)

    return make


def role(*rules: dict[str, Any]) -> Role:
    return fit({"rules": list(rules)}, Role)


def reads(grant: Grant, table: str) -> list[str] | None:
    shown = grant.tables[table].shown
    return None if shown is None else list(shown.fields)


def row(**values: Any) -> dict[str, Any]:
    return {"id": "a", "who": None, "place": None, "n": None, "pin": None, **values}


def test_what_no_rule_names_is_not_allowed(grant: Any) -> None:
    assert grant().is_nothing
    some = grant({"do": ["insert"], "tables": ["task"]})
    assert not some.is_nothing
    assert some.schema.tables == {}
    assert [*some.tables["task"].permits] == ["insert"]
    assert not some.tables["price"].permits


def test_a_rule_without_places_is_for_every_table_and_shows_no_secret(grant: Any) -> None:
    all_of_it = grant({"do": ALL})
    assert [*all_of_it.schema.tables] == [*TABLES]
    assert reads(all_of_it, "task") == ["id", "who", "place", "n"]
    assert {*all_of_it.tables["task"].permits} == {*ALL} - {"read"}
    assert not all_of_it.tables["task"].restricted


def test_naming_a_secret_field_does_not_show_it(grant: Any) -> None:
    assert reads(grant({"do": ["read"], "fields": ["pin", "n"]}), "task") == ["id", "n"]
    assert reads(grant({"do": ["read"], "except": ["n"]}), "task") == ["id", "who", "place"]


def test_the_key_is_always_among_the_fields(grant: Any) -> None:
    rules = {"do": ["read", "insert"], "fields": ["n"]}
    task = grant(rules).tables["task"]
    assert [*task.shown.fields] == ["id", "n"]
    assert task.permits["insert"].fields == {"id", "n"}
    assert reads(grant({"do": ["read"], "except": ["id"]}), "price") == ["id", "price"]


def test_the_first_rule_that_names_table_and_deed_decides_alone(grant: Any) -> None:
    told = grant(
        {"do": ["insert"], "tables": ["task"]},
        {"do": ["read"], "tables": ["task"], "fields": ["n"], "where": ["n", ">", 0]},
        {"do": ["read", "insert"], "where": ["id", "=", "b"]},
    )
    assert reads(told, "task") == ["id", "n"]
    assert told.tables["task"].reads(row(n=1))
    assert not told.tables["task"].reads(row(id="b", n=0))
    assert told.tables["task"].permits["insert"].where is None
    assert told.tables["price"].reads({"id": "b", "price": None})
    assert not told.tables["price"].reads({"id": "a", "price": None})


def test_a_rule_that_allows_nothing_ends_the_search(grant: Any) -> None:
    told = grant({"do": ["read", "delete"], "tables": ["price"], "allow": False}, {"do": ALL})
    assert reads(told, "price") is None
    assert {*told.tables["price"].permits} == {"insert", "update", "call"}
    assert reads(told, "task_log") == ["id", "what"]


def test_names_may_end_in_a_star(grant: Any) -> None:
    assert [*grant({"do": ["read"], "tables": ["task*"]}).schema.tables] == ["task", "task_log"]
    far = {"do": ["read"], "branches": ["sh*"], "modules": ["m*"]}
    assert not grant(far).is_nothing
    assert grant(far, store=StoreId("other", "m")).is_nothing
    assert grant(far, store=StoreId("shop", "n")).is_nothing


@pytest.mark.parametrize("branches", [None, ["*"], ["_*"], ["_house*"], []])
def test_no_wildcard_reaches_the_houses_own_stores(grant: Any, branches: Any) -> None:
    rule = {"do": ALL} if branches is None else {"do": ALL, "branches": branches}
    assert grant(rule, store=IDENTITY).is_nothing
    assert not grant({"do": ["read"], "branches": ["_house"]}, store=IDENTITY).is_nothing


def test_a_condition_knows_the_user_and_the_branch(grant: Any) -> None:
    where = {"and": [["who", "=", "$user"], ["place", "in", ["all", "$branch"]]]}
    mine = {"do": ["read"], "tables": ["task"], "where": where}
    task = grant(mine).tables["task"]
    assert task.reads(row(who="amal", place="shop"))
    assert task.reads(row(who="amal", place="all"))
    assert not task.reads(row(who="amal", place="other"))
    assert not task.reads(row(who="$user", place="shop"))
    assert role(mine).asks_user
    assert not role({**mine, "where": ["place", "=", "$branch"]}).asks_user
    assert not role({**mine, "where": ["place", "=", "$$user"]}).asks_user


def test_a_rule_for_users_allows_nothing_to_who_has_none(grant: Any) -> None:
    for where in (["who", "=", "$user"], {"not": ["who", "=", "$user"]}):
        told = grant({"do": ALL, "tables": ["task"], "where": where}, {"do": ALL}, user=None)
        assert reads(told, "task") is None
        assert told.tables["task"].permits == {}
        assert reads(told, "price") == ["id", "price"]


@pytest.mark.parametrize("user", ["$user", "$branch", "$$user", '"]'])
def test_a_users_id_is_a_value_and_nothing_else(grant: Any, user: str) -> None:
    told = grant({"do": ["read"], "tables": ["task"], "where": ["who", "=", "$user"]}, user=user)
    assert told.tables["task"].reads(row(who=user))
    assert not told.tables["task"].reads(row(who="amal"))


def test_a_doubled_dollar_is_a_text_that_begins_with_one(grant: Any) -> None:
    told = grant({"do": ["read"], "tables": ["task"], "where": ["who", "=", "$$user"]})
    assert told.tables["task"].reads(row(who="$user"))
    assert not told.tables["task"].reads(row(who="amal"))


@pytest.mark.parametrize(
    "where",
    [["n", "=", "$user"], {"not": ["n", "=", "$user"]}, ["nothing", "=", 1], ["n", "~", 1],
     "x", 1, [], {"nor": []}, [["who", "=", "$user"]], ["who", "=", ["$user"]]],
)  # fmt: skip
def test_a_condition_that_can_not_be_read_allows_nothing(grant: Any, where: Any) -> None:
    told = grant({"do": ALL, "tables": ["task"], "where": where}, {"do": ALL})
    assert (told.tables["task"].shown, told.tables["task"].permits) == (None, {})


def test_the_owner_alone_comes_ready_made_with_the_houses_own_stores(schema: Schema) -> None:
    roles = ready_made({})
    there = {name: grant_of(one, IDENTITY, schema, "amal") for name, one in roles.items()}
    assert {name for name, one in there.items() if not one.is_nothing} == {"owner"}
    here = {name: grant_of(one, SHOP, schema, None) for name, one in roles.items()}
    for name, one in here.items():
        assert [*one.schema.tables] == [*TABLES], name
        writes = {*one.tables["task"].permits}
        assert writes == (set() if name == "read-only" else {*ALL} - {"read"})


def test_a_modules_roles_are_for_it_alone_and_asked_first(schema: Schema) -> None:
    locked = bound(role({"do": ["delete"], "tables": ["task_log"], "allow": False}), "m")
    roles = joined({"manager": locked, "clerk": bound(role({"do": ["read"]}), "m")}, ready_made({}))
    for module, deletes in (("m", False), ("n", True)):
        manager = grant_of(roles["manager"], StoreId("shop", module), schema, None)
        assert ("delete" in manager.tables["task_log"].permits) is deletes
        assert "delete" in manager.tables["task"].permits
        clerk = grant_of(roles["clerk"], StoreId("shop", module), schema, None)
        assert clerk.is_nothing is (module == "n")
    assert roles["manager"].label == {"en": "Manager", "ar": "المدير"}


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"do": []}, ".do"),
        ({"do": ["read"], "fields": ["n"], "except": ["n"]}, ".except"),
        ({"do": ["read"], "allow": False, "fields": []}, ".fields"),
        ({"do": ["read"], "allow": False, "where": ["n", "=", 1]}, ".where"),
        ({"do": ["read"], "where": {"or": [["who", "in", ["$me"]]]}}, ".where"),
    ],
)
def test_a_rule_that_contradicts_itself_is_told(rule: dict[str, Any], path: str) -> None:
    access = fit({"roles": {"r": {"rules": [{"do": ["call"]}, rule]}}}, Access)
    assert [at for at, _ in check_access(access)] == [f"$.roles.r.rules[1]{path}"]


@pytest.mark.parametrize(
    ("change", "path"),
    [({"version": 2}, "$.version"), ({"roles": {"Big Boss": {"rules": []}}}, "$.roles.Big Boss")],
)
def test_other_versions_and_odd_names_are_told(change: dict[str, Any], path: str) -> None:
    assert [at for at, _ in check_access(fit({"roles": {}, **change}, Access))] == [path]


def test_a_filter_that_is_nested_without_end_is_no_trouble(grant: Any) -> None:
    deep: Any = ["n", "=", 1]
    for _ in range(900):
        deep = {"not": deep}
    rule = {"do": ["read"], "where": deep}
    assert grant(rule).is_nothing
    assert [*check_access(fit({"roles": {"r": {"rules": [rule]}}}, Access))] == []


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({}, "$"),
        ({"roles": {"r": {}}}, "$.roles.r"),
        ({"roles": {"r": {"rules": [{"do": ["write"]}]}}}, "$.roles.r.rules[0].do[0]"),
        ({"roles": {"r": {"rules": [{"do": ["read"], "table": ["t"]}]}}}, "$.roles.r.rules[0]"),
        ({"roles": {}, "public": [{"branches": ["a"]}]}, "$.public[0]"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_the_place(raw: Any, path: str) -> None:
    with pytest.raises(Misfit) as misfit:
        fit(raw, Access)
    assert misfit.value.path == path


def test_comments_may_stand_everywhere() -> None:
    rule = {"//": ["two", "lines"], "do": ["read"]}
    raw = {"$schema": "x", "//": "here", "roles": {"r": {"//": "there", "rules": [rule]}}}
    assert fit(raw, Access).roles["r"].rules[0].do == ("read",)


@pytest.mark.parametrize(
    ("scope", "covers"),
    [
        (Scope("r"), True),
        (Scope("r", ("sho*",)), True),
        (Scope("r", ("shop*",), ("n", "m")), True),
        (Scope("r", ("sh",)), False),
        (Scope("r", (ANY,), ("n",)), False),
        (Scope("r", ()), False),
    ],
)
def test_a_scope_covers_the_stores_that_it_names(scope: Scope, covers: bool) -> None:
    assert scope.covers(SHOP) is covers


def test_of_ones_scopes_the_first_that_covers_decides() -> None:
    who = Who(scopes=(Scope("a", ("other",)), Scope("b", ("sh*",)), Scope("c")))
    assert who.role_in(SHOP) == "b"
    assert who.role_in(StoreId("third", "m")) == "c"
    assert Who(scopes=who.scopes[:1]).role_in(SHOP) is None


def test_no_two_people_share_a_view_by_chance() -> None:
    """These two did, when what they see was named by 32 bits; and so each saw the other's rows."""
    table = {"fields": {"id": KEY, "who": TEXT}}
    tasks, _ = read_schema("m", {"tables": {"task": table}})
    assert tasks is not None
    own = role({"do": ["read"], "where": ["who", "=", "$user"]})
    one, other = (
        read_view(grant_of(own, StoreId("s", "m"), tasks, user), None, None)
        for user in ("u33444", "u156774")
    )
    assert one.lens != other.lens
    assert one.id != other.id
