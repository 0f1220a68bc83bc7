"""What `new` makes works at once, and nothing that is there is touched."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from mishkah.hookspecs import GROUP
from mishkah.plugins import collect
from mishkah.scaffolds.jsontext import with_element, with_member
from mishkah.watchdog import Watchdog


def texts(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("branch", ["dar", "myapp", "zahra"])
def test_a_new_module_passes_check_at_once(run: Any, said: Any, sample: Path, branch: str) -> None:
    before = (sample / "branches.config.json").read_text("utf-8").splitlines()
    made = said("new", "module", "stock", "--branch", branch, "--data", sample)
    assert made["url"].endswith(f"/?branch={branch}&module=stock")
    assert len(made["made"]) == 3
    assert len(made["changed"]) == 3
    run("check", "--data", sample)
    after = (sample / "branches.config.json").read_text("utf-8").splitlines()
    assert len(set(before) - set(after)) == 1  # the line that changed, or got a comma
    branches = json.loads("\n".join(after))["branches"]
    assert branches[branch]["modules"][-1] == "stock"


def test_a_folder_that_is_not_there_becomes_an_installation(run: Any, tmp_path: Path) -> None:
    run("new", "module", "stock", "--branch", "sahil", "--data", tmp_path / "new")
    run("check", "--data", tmp_path / "new")


@pytest.mark.parametrize(
    ("name", "branch"),
    [("pos", "dar"), ("gym", "dar"), ("mymodule", "dar"), ("../x", "dar"), ("X", "dar"),
     ("stock", ".."), ("stock", "a/b"), ("stock", "gym:heliopolis")],
)  # fmt: skip
def test_what_can_not_be_made_changes_nothing(
    run: Any, sample: Path, name: str, branch: str
) -> None:
    before = texts(sample)
    run("new", "module", name, "--branch", branch, "--data", sample, code=2)
    assert texts(sample) == before


def test_a_folder_in_the_way_is_left_alone(run: Any, sample: Path) -> None:
    (sample / "branches/dar/modules/stock").mkdir(parents=True)
    before = texts(sample)
    run("new", "module", "stock", "--branch", "dar", "--data", sample, code=2)
    assert texts(sample) == before


def test_a_new_plugin_passes_its_own_tests(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it lies in the folder of another project."""
    (tmp_path / "pyproject.toml").write_text('[tool.pytest]\naddopts = ["--not-ours"]\n')
    run("new", "plugin", "corner_shop", "--into", tmp_path)
    folder = tmp_path / "mishkah-corner-shop"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    monkeypatch.syspath_prepend(folder)
    point = EntryPoint(name="corner_shop", value="mishkah_corner_shop", group=GROUP)
    brought = collect([point], [], Watchdog())
    assert list(brought.modules) == ["corner_shop"]
    assert list(brought.formats) == ["corner_shop.yearly"]
    before = texts(tmp_path)
    run("new", "plugin", "corner_shop", "--into", tmp_path, code=2)
    assert texts(tmp_path) == before


@pytest.mark.parametrize("name", ["../x", "Café", "1st", "a-b", ""])
def test_a_plugin_needs_a_name_that_python_takes(run: Any, tmp_path: Path, name: str) -> None:
    run("new", "plugin", name, "--into", tmp_path, code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ['{}', '{"a": {}}', '{"a":{"x":[]}}',
     '\ufeff{\n  "z": "}]",\n  "a": {\n    "x": [1,\n 2]\n  }\n}\n',
     '{\r\n  "a": {\r\n    "y": 1\r\n  }\r\n}\r\n'],
)  # fmt: skip
def test_a_member_is_added_and_the_rest_stays(text: str) -> None:
    before = json.loads(text.removeprefix("\ufeff"))
    after = json.loads(with_member(text, ["a", "b"], "é", {"k": [1]}).removeprefix("\ufeff"))
    assert after["a"].pop("b") == {"é": {"k": [1]}}
    before.setdefault("a", {})
    assert after == before
    if "x" in before["a"]:
        grown = json.loads(with_element(text, ["a", "x"], "new").removeprefix("\ufeff"))
        assert grown["a"]["x"] == [*before["a"]["x"], "new"]
