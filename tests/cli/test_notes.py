"""Notes of `check`: told, in words and in JSON, and no reason not to serve."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.oldshop import NOTES, SEEDS, SHOP, write_old_shop
from support.server import Server

Run = Callable[..., Any]
FILE = "branches/shop/modules/m/schema/definition.json"


@pytest.fixture
def old_shop(tmp_path: Path) -> Path:
    return write_old_shop(tmp_path / "data")


def test_check_tells_notes_and_ends_well(run: Run, old_shop: Path) -> None:
    told = run("check", "--data", old_shop)
    lines = told.stderr.splitlines()
    assert lines[-1] == "Nothing is wrong."
    assert all(re.match(rf"note: {re.escape(FILE)}:\d+: \$", line) for line in lines[:-1])
    assert len(lines) == len(NOTES) + 2


def test_notes_are_marked_in_json_and_what_is_wrong_is_not(said: Run, tmp_path: Path) -> None:
    data = write_old_shop(tmp_path / "data", seeds={**SEEDS, "sale": [{"id": "s1"}]})
    findings = said("check", "--data", data, code=1)["findings"]
    wrong = [finding for finding in findings if "note" not in finding]
    assert {finding["path"].partition("[")[0] for finding in wrong} == {"$.sale"}
    assert {f["path"] for f in findings if f.get("note") is True} == set(NOTES)
    assert findings[: len(wrong)] == wrong


def test_what_is_wrong_has_its_place_in_the_old_file(said: Run, tmp_path: Path) -> None:
    shop = json.loads(json.dumps(SHOP))
    shop["schema"]["tables"][1]["fields"][1]["type"] = "picture"
    found = said("check", "--data", write_old_shop(tmp_path / "d", shop), code=1)["findings"]
    assert found[0]["path"] == "$.schema.tables[1].fields[1].type"


def test_check_of_stores_tells_notes_too(run: Run, old_shop: Path) -> None:
    assert "older list format" in run("check", "--stores", "--data", old_shop).stderr


def test_the_doctor_warns_of_notes(said: Run, old_shop: Path) -> None:
    told = said("doctor", "--data", old_shop, "--port", 0)
    lines = [line for line in told if line["name"] == "check"]
    assert [line["status"] for line in lines[:-1]] == ["warning"] * (len(NOTES) + 1)
    assert lines[-1]["status"] == "ok"


def test_old_seeds_can_be_imported(run: Run, old_shop: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.json"
    more.write_text(json.dumps({"shelf": [{"shelf_id": 2, "shelf_code": "B"}]}), "utf-8")
    told = run("import", more, "--branch", "shop", "--module", "m", "--data", old_shop)
    assert "1 rows imported" in told.stderr


def test_a_server_logs_notes_once_and_serves_again_from_its_file(old_shop: Path) -> None:
    for _ in range(2):
        server = Server(old_shop).ready()
        assert server.stores == {"shop": "serving"}
        assert server.stop() == 0
    assert server.said.count("this is the older list format") == 2
