"""The page of roles, held against the code: its keys, its roles, and files that `check` takes."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
from support.sample import sample_plugins
from support.server import SAMPLE, copy_sample

from mishkah.catalog import Catalog
from mishkah.checking import check
from mishkah.core.access import VARIABLES, AccessRule
from mishkah.core.grants import DEEDS

EXAMPLE = SAMPLE.parent / "examples" / "access.json"


def test_nothing_is_wrong_with_the_files_of_the_page(access_page: Any, tmp_path: Path) -> None:
    files = access_page.code("json")
    assert len(files) == 2
    data = copy_sample(tmp_path / "data")
    for file in files:
        (data / "access.json").write_text(file, "utf-8")
        assert check(Catalog(data, sample_plugins())) == []


def test_every_key_of_a_rule_is_documented(access_page: Any) -> None:
    told = re.findall(r"^\| `([^`]+)` \| [^|]+ \|$", access_page.text, re.MULTILINE)
    assert {*told} == {field.encode_name for field in msgspec.structs.fields(AccessRule)}
    for word in (*DEEDS, *VARIABLES):
        assert f"`{word}`" in access_page.text or f'`"{word}"`' in access_page.text


def test_every_ready_made_role_is_documented_with_its_module(access_page: Any) -> None:
    told = re.findall(r"^\| `([^`]+)` \| (\S+|the house) \| ", access_page.text, re.MULTILINE)
    plugins = sample_plugins()
    expected = {(name, "the house") for name in Catalog(SAMPLE, type(plugins)()).roles}
    for module, folder in plugins.modules.items():
        brought = json.loads((folder / "access.json").read_text("utf-8"))["roles"]
        expected |= {(name, f"`{module}`") for name in brought if name != "manager"}
    assert {*told} == expected


def test_every_role_of_the_example_is_explained(access_page: Any) -> None:
    roles = json.loads(EXAMPLE.read_text("utf-8"))["roles"]
    explained = access_page.text.partition("## An example")[2].partition("\n## ")[0]
    assert re.findall(r"^- `(\w+)`", explained, re.MULTILINE) == [*roles]
