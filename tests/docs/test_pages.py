"""The documents as they lie: JSON that parses, links that lead somewhere, nothing left out."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from mishkah import hookspecs
from mishkah.cli import main
from mishkah.core import errors, frames
from mishkah.core.definition import FieldRules
from mishkah.core.legacy.keys import OldField, OldFile, OldIndex, OldReference, OldSchema, OldTable
from mishkah.core.legacy.values import TYPES
from mishkah.core.soundness import read_schema
from mishkah.core.values import READERS
from mishkah.limits import Limits


def test_json_examples_are_json(document: Any) -> None:
    for code in document.code("json"):
        json.loads(code)


def test_python_examples_are_python(document: Any) -> None:
    for code in document.code("python"):
        compile(code, str(document.path), "exec")


def test_links_lead_to_files_and_headings(document: Any) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.text):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        path = document.path.parent / name if name else document.path
        assert path.is_file(), target
        assert not heading or heading in anchors(path.read_text("utf-8")), target


def anchors(text: str) -> set[str]:
    """Return the names that headings can be linked by."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "command",
    [
        "pip install . ./plugins/pos ./plugins/gym && mishkah-trio serve",
        "pip install nox && nox",
    ],
)
def test_both_readmes_begin_with_two_commands(
    readme: Any, arabic_readme: Any, command: str
) -> None:
    for text in (readme, arabic_readme):
        assert f"{command}\n" in text.code("sh")


def test_both_readmes_have_the_same_code(readme: Any, arabic_readme: Any) -> None:
    assert readme.blocks
    assert [b[:2] for b in readme.blocks] == [b[:2] for b in arabic_readme.blocks]
    assert readme.files() == arabic_readme.files()


def test_both_readmes_link_to_the_same_pages(readme: Any, arabic_readme: Any) -> None:
    english, arabic = (
        {link for link in re.findall(r"\]\(([^)]+)\)", text.text) if not link.startswith("README")}
        for text in (readme, arabic_readme)
    )
    assert english == arabic


def refusals(kind: type[errors.Refused]) -> Iterator[type[errors.Refused]]:
    for refusal in kind.__subclasses__():
        yield refusal
        yield from refusals(refusal)


def test_every_error_code_is_documented(protocol: Any) -> None:
    codes = {refusal.code for refusal in refusals(errors.Refused)}
    documented = set(re.findall(r"^\| ([A-Z_]+) \|", protocol.text, re.MULTILINE))
    assert codes == documented


def test_every_close_code_is_documented(protocol: Any) -> None:
    codes = {code for code in vars(frames).values() if isinstance(code, int) and code > 1000}
    closing = protocol.text.partition("## Closing")[2].partition("## ")[0]
    assert codes <= {int(code) for code in re.findall(r"\b[14]\d{3}\b", closing)}


def test_every_limit_is_documented_with_its_default(operations: Any) -> None:
    for name, default in msgspec.structs.asdict(Limits()).items():
        assert f"| `{name}` | {str(default).lower()} |" in operations.text


def test_every_hook_is_documented(plugins_page: Any) -> None:
    hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, "mishkah_spec")]
    assert len(hooks) >= 3
    for hook in hooks:
        assert f"| `{hook}(" in plugins_page.text


def test_every_key_and_type_of_the_older_list_format_is_documented(schemas_page: Any) -> None:
    page = schemas_page.text.partition("## The older list format")[2]
    rows = "\n".join(re.findall(r"^\|(.*)", page, re.MULTILINE))
    parts = (OldFile, OldSchema, OldTable, OldField, OldReference, OldIndex)
    keys = {field.encode_name for part in parts for field in msgspec.structs.fields(part)}
    for word in (keys | set(TYPES)) - {"tables"}:
        assert f"`{word}`" in rows, word
    for kind in set(TYPES.values()):
        words = re.search(rf"^ `{kind}` \|(.*)", rows, re.MULTILINE)
        assert words
        for word in re.findall(r"`(\w+)`", words[1]):
            assert TYPES[word] == kind


def test_the_schema_of_the_page_is_right_and_every_key_is_documented(schemas_page: Any) -> None:
    schema, problems = read_schema("gym", json.loads(schemas_page.code("json")[0]))
    assert problems == []
    assert schema is not None
    assert schema.notes == ()
    rules = schemas_page.text.partition("## A field's rules")[2].partition("\n## ")[0]
    for part in msgspec.structs.fields(FieldRules):
        if part.encode_name != "type":
            assert f"`{part.encode_name}`" in rules
    for name in READERS:
        assert f"| `{name}` |" in schemas_page.text


def test_the_older_schema_of_the_page_is_read_with_two_notes(schemas_page: Any) -> None:
    schema, problems = read_schema("shop", json.loads(schemas_page.code("json")[-1]))
    assert problems == []
    assert schema is not None
    assert [note.path for note in schema.notes] == ["$", "$.schema.tables"]


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            yield from commands(sub, f"{name} {sub.name}")


@pytest.mark.parametrize(("name", "command"), [*commands(main, "mishkah-trio")])
def test_every_command_and_option_is_documented(
    operations: Any, name: str, command: click.Command
) -> None:
    assert f"`{name}" in operations.text
    with click.Context(command) as context:
        options = [p for p in command.get_params(context) if isinstance(p, click.Option)]
    for option in options:
        for flag in option.opts:
            assert re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", operations.text), flag
        if isinstance(option.envvar, str):
            assert f"`{option.envvar}`" in operations.text


def test_the_rooms_of_the_design_are_there() -> None:
    page = (Path(__file__).parents[2] / "docs" / "design.md").read_text("utf-8")
    rooms = re.findall(r"`([\w/]+(?:\.py|/))`", page.partition("## Rooms")[2].partition("\n## ")[0])
    assert len(rooms) > 50
    for room in rooms:
        assert (Path(hookspecs.__file__).parent / room).exists(), room
