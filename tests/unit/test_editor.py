"""JSON Schemas for editors: those that are shipped are those of the code."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mishkah.cli import main
from mishkah.editor import editor_schemas

SAMPLE = Path(__file__).parents[2] / "data"


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
