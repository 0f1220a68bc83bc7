"""The examples: data that passes `check`, and a plugin that adds rules to it."""

import shutil
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from mishkah.catalog import Catalog
from mishkah.checking import check
from mishkah.hookspecs import GROUP
from mishkah.plugins import Plugins, collect
from mishkah.testing import open_test_house
from mishkah.watchdog import Watchdog

EXAMPLES = Path(__file__).parents[2] / "examples"
LOAN = {"reader_id": "reader_2", "due_on": "2025-11-12"}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES / "library", tmp_path / "library"))


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """Return the plugin, found by the entry point of its project."""
    folder = EXAMPLES / "library-rules"
    monkeypatch.syspath_prepend(folder)
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    points = [EntryPoint(n, v, GROUP) for n, v in project["entry-points"][GROUP].items()]
    return collect(points, ["library"], Watchdog())


async def test_a_module_can_be_data_only(library: Path, autojump_clock: object) -> None:
    assert check(Catalog(library, Plugins())) == []
    async with open_test_house(library) as house, house.client() as desk:
        snapshot = await desk.receive()
        row = {"id": "loan_2", "book_id": "book_2", **LOAN}
        taken = await desk.ask({"type": "INSERT", "table": "loan", "data": row, "ref": "w-1"})
    assert {table: len(rows) for table, rows in snapshot["data"].items()} == {
        "book": 3,
        "reader": 2,
        "loan": 1,
    }
    assert [row["card_no"] for row in snapshot["data"]["reader"]] == ["L-0001", "L-0002"]
    assert taken["type"] == "ACK"


async def test_a_plugin_adds_rules_and_numbers_to_it(
    library: Path, rules: Plugins, autojump_clock: object
) -> None:
    file = library / "sequence-rules.json"
    said = file.read_text("utf-8")
    file.write_text(said.replace("{prefix}-{number:04d}", "library.card"), "utf-8")
    assert check(Catalog(library, rules)) == []
    async with open_test_house(library, plugins=rules) as house, house.client() as desk:
        snapshot = await desk.receive()

        async def lend(identifier: str, book: str) -> dict[str, Any]:
            row = {"id": identifier, "book_id": book, **LOAN}
            insert = {"type": "INSERT", "table": "loan", "data": row, "ref": identifier}
            return await desk.ask(insert)

        assert (await lend("a", "book_2"))["details"][0]["path"] == "/book_id"
        assert (await lend("b", "book_3"))["type"] == "ACK"
        back = {"type": "UPDATE", "table": "loan", "id": "loan_1", "ref": "back"}
        await desk.ask({**back, "changes": {"status": "returned"}})
        assert (await lend("c", "book_2"))["type"] == "ACK"
    assert [row["card_no"] for row in snapshot["data"]["reader"]] == ["٠٠٠١", "٠٠٠٢"]


def test_the_plugin_has_thirty_lines(rules: Plugins) -> None:
    lines = (EXAMPLES / "library-rules/mishkah_library_rules.py").read_text("utf-8").splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 30
    assert list(rules.formats) == ["library.card"]
