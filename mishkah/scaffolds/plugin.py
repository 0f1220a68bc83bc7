"""The files of a new plugin: one use of each hook, and tests of it."""

import json
from collections.abc import Mapping

from mishkah.scaffolds.module import definition, seeds

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "mishkah-DASHED"
version = "0.1.0"
description = "The module NAME of Mishkah"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["mishkah-trio"]

[project.entry-points.mishkah]
NAME = "mishkah_NAME"

[tool.hatch.build.targets.wheel]
packages = ["mishkah_NAME"]

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

_CODE = '''\
"""The module NAME: its tables and first rows, what they must obey, and its numbers."""

from importlib.resources import files

from mishkah import Invalid, Template, hookimpl


@hookimpl
def register_modules():
    return {"NAME": files("mishkah_NAME") / "module"}


@hookimpl
def register_validators(module):
    return {"item": [has_a_price_to_be_shown]} if module == "NAME" else {}


@hookimpl
def register_sequence_formats():
    return {"NAME.yearly": yearly}


def yearly(rule, branch):
    """Write 7 of 2025 as ``IT2025/7``; a rule may reset each year."""
    return Template("{prefix}{yyyy}/{number}", rule.prefix, branch)


def has_a_price_to_be_shown(new, old, view):
    if new["status"] == "active" and not new["price"]:
        raise Invalid("A shown item needs a price", field="price", ar="الصنف يحتاج إلى سعر")
'''

_TESTS = '''\
"""Everything the plugin brings, taken as the server takes it."""

from importlib.metadata import EntryPoint

import mishkah_NAME
import pytest

from mishkah import Invalid, Rule
from mishkah.catalog import Catalog
from mishkah.checking import check
from mishkah.hookspecs import GROUP
from mishkah.plugins import collect
from mishkah.testing import write_json
from mishkah.watchdog import Watchdog


def test_its_module_has_nothing_wrong(tmp_path):
    point = EntryPoint(name="NAME", value="mishkah_NAME", group=GROUP)
    rule = {"prefix": "IT", "format": "NAME.yearly", "reset": "year"}
    write_json(tmp_path / "branches.config.json", {"branches": {"test": {"modules": ["NAME"]}}})
    rules = {"defaults": {"NAME": {"item": {"code": rule}}}}
    write_json(tmp_path / "sequence-rules.json", rules)
    plugins = collect([point], ["NAME"], Watchdog())
    assert check(Catalog(tmp_path, plugins)) == []
    assert list(plugins.validators["NAME"]) == ["item"]


def test_a_shown_item_needs_a_price():
    mishkah_NAME.has_a_price_to_be_shown({"status": "hidden", "price": 0}, None, None)
    with pytest.raises(Invalid):
        mishkah_NAME.has_a_price_to_be_shown({"status": "active", "price": 0}, None, None)


def test_a_number_is_read_back():
    form = mishkah_NAME.yearly(Rule(prefix="IT"), "test")
    assert form.format(7, "20251029") == "IT2025/7"
    assert form.parse("IT2025/7") == (7, "2025")
'''

_README = """\
# mishkah-DASHED

A plugin of Mishkah: the module `NAME`, a validator, and the sequence format `NAME.yearly`.

    pip install -e .
    pytest
    mishkah-trio check

Then give a branch the module `NAME` in `branches.config.json`.
"""


def files(name: str) -> Mapping[str, str]:
    """Return path → content of the plugin *name*, a Python identifier."""
    package = f"mishkah_{name}"
    first = seeds("", name, "2025-10-29T10:00:00Z")
    del first["meta"]
    for row in first["tables"]["item"]:
        del row["code"]  # numbers are the branch's: its rule gives them
    texts = {
        "pyproject.toml": _PYPROJECT,
        "README.md": _README,
        f"{package}/__init__.py": _CODE,
        f"tests/test_{name}.py": _TESTS,
    }
    dashed = name.replace("_", "-")
    made = {k: v.replace("NAME", name).replace("DASHED", dashed) for k, v in texts.items()}
    for path, value in (
        ("schema/definition.json", definition(name)),
        ("seeds/initial.json", first),
    ):
        text = json.dumps(value, ensure_ascii=False, indent=2)
        made[f"{package}/module/{path}"] = text + "\n"
    return made
