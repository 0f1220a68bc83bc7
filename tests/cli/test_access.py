"""What `access show` says of roles, and the example that is shipped."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.server import SAMPLE

EXAMPLE = SAMPLE.parent / "examples" / "access.json"
WAITER = ("--role", "waiter", "--branch", "dar")


@pytest.fixture
def guarded(sample: Path) -> Path:
    """The sample installation with the example's roles."""
    shutil.copy(EXAMPLE, sample / "access.json")
    return sample


def test_the_sample_installation_has_no_file_of_roles(sample: Path) -> None:
    assert not (sample / "access.json").exists()


def test_nothing_is_wrong_with_the_example(run: Any, guarded: Path) -> None:
    note, last = run("check", "--data", guarded).stderr.splitlines()
    assert note.startswith("note: access.json: there is no owner")
    assert last == "Nothing is wrong."


def test_the_example_names_an_editors_schema_where_it_will_be(guarded: Path) -> None:
    file = json.loads((guarded / "access.json").read_text("utf-8"))
    assert (guarded / file["$schema"]).is_file()


def test_what_is_wrong_is_found_by_check(run: Any, guarded: Path) -> None:
    text = EXAMPLE.read_text("utf-8").replace('"kitchen_section"', '"kitchen_sektion"')
    (guarded / "access.json").write_text(text, "utf-8")
    told = run("check", "--data", guarded, code=1).stderr
    assert "$.roles.waiter.rules[5].tables[7]: there is no such table in pos" in told
    assert f"access.json:{1 + text[: text.index('kitchen_sektion')].count(chr(10))}:" in told


def test_a_role_is_shown_table_by_table(said: Any, guarded: Path) -> None:
    lines = said("access", "show", *WAITER, "--user", "employee_003", "--data", guarded)
    told = {line["table"]: line for line in lines}
    assert {(line["role"], line["branch"], line["module"]) for line in lines} == {
        ("waiter", "dar", "pos")
    }
    orders = told["order_header"]
    assert orders["read"]["where"] == ["waiter_id", "=", "employee_003"]
    assert "customer_id" not in orders["read"]["fields"]
    assert orders["delete"] is None
    assert told["dining_table"]["update"] == {"fields": ["status"], "where": None}
    assert told["order_line"]["insert"] == {"fields": None, "where": None}
    assert told["order_line"]["delete"] is None
    assert "payment" not in told


def test_rules_of_users_need_one_to_be_shown(run: Any, guarded: Path) -> None:
    told = run("access", "show", *WAITER, "--data", guarded)
    assert "--user" in told.stderr
    assert "\torder_header\t" not in told.stdout
    assert "waiter\tdar\tpos\tdining_table\t" in told.stdout
    asked = run("access", "show", *WAITER, "--data", guarded, "--user", "employee_003")
    assert asked.stderr == ""
    assert 'where ["waiter_id","=","employee_003"]' in asked.stdout


def test_every_role_is_shown_where_none_is_named(said: Any, sample: Path) -> None:
    lines = said("access", "show", "--data", sample)
    roles = {line["role"] for line in lines}
    assert roles == {"owner", "manager", "read-only", "cashier", "kitchen", "reception"}
    assert {line["module"] for line in lines if line["role"] == "reception"} == {"gym"}
    of_a_pattern = said(
        "access", "show", "--branch", "pos:x", "--role", "kitchen", "--data", sample
    )
    assert {line["branch"] for line in of_a_pattern} == {"pos:x"}


@pytest.mark.parametrize(
    "words", [("--role", "nobody"), ("--branch", "nowhere"), ("--branch", "dar", "--module", "gym")]
)
def test_what_is_not_there_is_said(run: Any, sample: Path, words: tuple[str, ...]) -> None:
    told = run("access", "show", *words, "--data", sample, code=1).stderr
    assert told.startswith("There is no ")
