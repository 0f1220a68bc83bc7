"""What `check` says about a file of roles: names that are not there, rules that never count."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mishkah.catalog import Catalog
from mishkah.checking import check, mistakes
from mishkah.core.errors import Finding
from mishkah.jsonfile import BadFile
from mishkah.plugins import Plugins
from mishkah.testing import write_installation, write_json

KEY = {"type": "text", "primaryKey": True}
TABLES = {
    "task": {"fields": {"id": KEY, "who": {"type": "text"}, "n": {"type": "integer"}}},
    "note": {"fields": {"id": KEY, "text": {"type": "text"}}},
}
AT = "$.roles.r.rules[0]"
BRANCHES = {"patterns": [{"match": "^m:", "modules": ["m", "far"]}]}

Found = Callable[..., list[Finding]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_installation(tmp_path / "data", TABLES, branches=BRANCHES)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The module ``far``, which a plugin brings with a role of its own."""
    folder = tmp_path / "package"
    (folder / "schema").mkdir(parents=True)
    write_json(folder / "schema" / "definition.json", {"tables": {"ship": {"fields": {"id": KEY}}}})
    clerk = {"rules": [{"do": ["read"], "tables": ["ship"]}]}
    write_json(folder / "access.json", {"roles": {"clerk": clerk}})
    return folder


@pytest.fixture
def found(data: Path, package: Path) -> Found:
    """Return a function that says what `check` finds of rules of a role ``r``, and more."""

    def find(*rules: dict[str, Any], **more: Any) -> list[Finding]:
        roles = {"r": {"rules": list(rules)}} if rules else {}
        write_json(data / "access.json", {"roles": roles, **more})
        return check(Catalog(data, Plugins(modules={"far": package})))

    return find


def test_an_installation_without_the_file_has_the_ready_made_roles(data: Path) -> None:
    catalog = Catalog(data, Plugins())
    assert catalog.access is None
    assert [*catalog.roles] == ["owner", "manager", "read-only"]


def test_the_installations_roles_take_the_place_of_whole_ready_made_ones(
    data: Path, package: Path
) -> None:
    write_json(data / "access.json", {"roles": {"clerk": {"rules": []}, "manager": {"rules": []}}})
    catalog = Catalog(data, Plugins(modules={"far": package}))
    assert catalog.roles["clerk"].rules == catalog.roles["manager"].rules == ()
    assert Catalog(data, Plugins(modules={"far": package})).roles["owner"].rules


def test_a_packages_file_that_is_wrong_is_named(data: Path, package: Path) -> None:
    write_json(package / "access.json", {"roles": {"clerk": {"rules": [{"do": []}]}}})
    with pytest.raises(BadFile) as bad:
        Catalog(data, Plugins(modules={"far": package}))
    (finding,) = bad.value.findings
    assert (finding.file, finding.path) == (
        "far (package): access.json",
        "$.roles.clerk.rules[0].do",
    )


def test_a_file_that_is_wrong_in_itself_is_refused(found: Found) -> None:
    with pytest.raises(BadFile) as bad:
        found({"do": ["read"], "fields": ["n"], "except": ["n"]})
    assert [(f.file, f.path) for f in bad.value.findings] == [("access.json", f"{AT}.except")]


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"branches": ["shop"], "modules": ["m"], "tables": ["task"], "fields": ["n"]},
        {"tables": ["ta*"], "except": ["n"], "where": ["who", "=", "$user"]},
        {"tables": ["task"], "where": {"or": [["who", "=", "$branch"], ["n", "in", [1, 2]]]}},
        {"branches": ["m:*"], "modules": ["far"], "tables": ["ship"]},
        {"branches": ["m:1"], "modules": ["far"], "tables": ["ship"]},
    ],
)
def test_rules_that_mean_something_are_fine(found: Found, rule: dict[str, Any]) -> None:
    assert found({"do": ["read"], **rule}) == []


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"branches": ["shop", "shup"]}, ".branches[1]"),
        ({"modules": ["n"]}, ".modules[0]"),
        ({"modules": ["n*"]}, ".modules[0]"),
        ({"tables": ["note", "nota"]}, ".tables[1]"),
        ({"tables": ["no*", "nu*"]}, ".tables[1]"),
        ({"branches": ["shop"], "tables": ["ship"]}, ".tables[0]"),
        ({"branches": ["m:1"], "modules": ["far"], "tables": ["task"]}, ".tables[0]"),
        ({"tables": ["note"], "fields": ["id", "n"]}, ".fields[1]"),
        ({"tables": ["note"], "except": ["n"]}, ".except[0]"),
        ({"tables": ["task"], "where": ["text", "=", "x"]}, ".where[0]"),
        ({"tables": ["task"], "where": {"and": [["n", "=", 1], ["who", "~", 1]]}}, ".where.and[1]"),
        ({"tables": ["task"], "where": ["n", "=", "$user"]}, ".where[2]"),
        ({"tables": ["task"], "where": ["n", "in", [1, "x"]]}, ".where[2][1]"),
        ({"tables": ["task"], "where": {"nor": []}}, ".where"),
        ({"tables": ["task", "note"], "where": ["who", "=", "x"]}, ".where[0]"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_there_is_told_with_its_place(
    found: Found, rule: dict[str, Any], place: str
) -> None:
    (finding,) = found({"do": ["read"], **rule})
    assert (finding.file, finding.path, finding.note) == ("access.json", AT + place, False)
    assert finding.line == 1


@pytest.mark.parametrize(
    "rule", [{"branches": []}, {"branches": ["shop"], "modules": ["far"]}, {"branches": ["x*"],
             "modules": []}],
)  # fmt: skip
def test_a_rule_that_no_store_is_meant_by_is_a_note(found: Found, rule: dict[str, Any]) -> None:
    (finding,) = found({"do": ["read"], **rule})
    assert (finding.path, finding.note) == (AT, True)


def test_a_rule_behind_others_that_decide_everything_is_a_note(found: Found) -> None:
    first = {"do": ["read", "insert"], "tables": ["task"]}
    (finding,) = found(first, {"do": ["read"], "tables": ["task"], "fields": ["n"]})
    assert (finding.path, finding.note) == ("$.roles.r.rules[1]", True)
    assert found(first, {"do": ["read"]}) == []
    assert found({**first, "modules": ["far"], "tables": ["ship"]}, first) == []


def test_changing_what_can_not_be_read_is_a_note(found: Found) -> None:
    (finding,) = found({"do": ["update"], "tables": ["task"]})
    assert (finding.path, finding.note) == ("$.roles.r", True)
    assert "task" in finding.message
    assert found({"do": ["insert"], "tables": ["task"]}) == []


def test_the_houses_own_stores_are_the_owners_alone(found: Found) -> None:
    there = {"do": ["read"], "branches": ["*", "_house"], "modules": ["identity"]}
    (finding,) = found(there)
    assert (finding.path, finding.note) == (f"{AT}.branches[1]", True)
    assert found(roles={"owner": {"rules": [{**there, "tables": ["audit"]}]}}) == []


def test_notes_hinder_nothing(found: Found) -> None:
    assert mistakes(found({"do": ["read"], "branches": []})) == []


def test_who_brings_no_token_has_a_role_that_is_there(found: Found) -> None:
    def places(**scope: Any) -> list[str]:
        return [f.path for f in found({"do": ["read"]}, public=[{"role": "r"}, scope])]

    assert places(role="clerk", modules=["far"]) == []
    assert places(role="", modules=["m"]) == []
    assert places(role="clark") == ["$.public[1].role"]
    assert places(role="r", branches=["shup"]) == ["$.public[1].branches[0]"]
    assert places(role="r", modules=["n"]) == ["$.public[1].modules[0]"]
    assert places(role="owner") == ["$.public[1].role"]
    assert places(role="owner", branches=["shop"]) == []
