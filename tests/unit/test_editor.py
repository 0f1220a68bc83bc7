"""JSON Schemas for editors: those that are shipped are those of the code."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from mishkah.cli import main
from mishkah.editor import editor_schemas

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data"
ROLES = [
    "mishkah/roles.json",
    "examples/access.json",
    "plugins/pos/mishkah_pos/module/access.json",
    "plugins/gym/mishkah_gym/module/access.json",
]


@pytest.mark.parametrize("name", editor_schemas())
def test_the_schemas_of_the_sample_are_those_of_the_code(name: str) -> None:
    """Where this fails, run: mishkah-trio editor"""
    assert (SAMPLE / "schemas" / name).read_bytes() == editor_schemas()[name]


@pytest.mark.parametrize("name", ["branches.config.json", "modules.json", "sequence-rules.json"])
def test_a_file_names_a_schema_that_has_all_its_keys(name: str) -> None:
    content = json.loads((SAMPLE / name).read_text("utf-8"))
    schema = json.loads((SAMPLE / content["$schema"]).read_text("utf-8"))
    top = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    assert set(content) <= set(top["properties"])
    assert set(top["required"]) <= set(content)
    assert top["additionalProperties"] is False


def test_the_types_of_fields_are_named(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["editor", "--into", str(tmp_path / "new")]).exit_code == 0
    schema = json.loads((tmp_path / "new" / "definition.schema.json").read_bytes())
    assert "decimal" in schema["$defs"]["FieldRules"]["properties"]["type"]["enum"]


@pytest.mark.parametrize("name", ROLES)
def test_every_file_of_roles_fits_its_schema(name: str) -> None:
    schema = json.loads(editor_schemas()["access.schema.json"])
    roles = json.loads((ROOT / name).read_text("utf-8"))
    assert [*Draft202012Validator(schema).iter_errors(roles)] == []
    roles["roles"]["owner"] = {"rules": [{"do": ["write"]}]}
    assert len([*Draft202012Validator(schema).iter_errors(roles)]) == 1
