"""The plugins of the documents, loaded as installed ones are, and used."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from mishkah.hookspecs import GROUP
from mishkah.plugins import collect
from mishkah.testing import open_test_house, write_json
from mishkah.watchdog import Watchdog

RESERVATION = {"table_no": 4, "at": "2025-10-29T18:00:00Z", "guests": 2}


async def test_the_whole_plugin_brings_a_module_its_rules_and_its_numbers(
    plugins_page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    plugins_page.write_files(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "mishkah-cafe")
    (rules,) = (code for code in plugins_page.code("json") if '"defaults"' in code)
    data = tmp_path / "data"
    data.mkdir()
    write_json(data / "branches.config.json", {"branches": {"sahil": {"modules": ["cafe"]}}})
    (data / "sequence-rules.json").write_text(rules, "utf-8")
    point = EntryPoint(name="cafe", value="mishkah_cafe", group=GROUP)
    plugins = collect([point], ["cafe"], Watchdog())
    async with (
        open_test_house(data, plugins=plugins) as house,
        house.client(branch="sahil", module="cafe") as desk,
    ):

        async def reserve(identifier: str, **other: Any) -> dict[str, Any]:
            row = {**RESERVATION, "id": identifier, **other}
            insert = {"type": "INSERT", "table": "reservation", "data": row, "ref": identifier}
            return await desk.ask(insert)

        assert (await reserve("a"))["rows"][0]["number"] == "C2025/1"
        assert (await reserve("b", guests=0))["details"][0]["path"] == "/guests"
        assert (await reserve("c"))["details"][0]["path"] == "/at"
        assert (await reserve("d", table_no=5))["rows"][0]["number"] == "C2025/2"


def test_the_entry_point_of_the_page_is_the_one_that_is_loaded(plugins_page: Any) -> None:
    project = tomllib.loads(plugins_page.files()["mishkah-cafe/pyproject.toml"])["project"]
    assert project["entry-points"] == {GROUP: {"cafe": "mishkah_cafe"}}


def test_the_readmes_plugin_is_taken(
    readme: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = (code for code in readme.code("python") if "@hookimpl" in code)
    (tmp_path / "readme_plugin.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint(name="readme", value="readme_plugin", group=GROUP)
    plugins = collect([point], ["gym"], Watchdog())
    assert list(plugins.validators["gym"]) == ["gym_member"]
