"""The documents as they lie: JSON that parses, links that lead somewhere, nothing left out."""

import json
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest

from mishkah import hookspecs
from mishkah.cli import main
from mishkah.core import errors, frames


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


def test_every_hook_is_documented(plugins_page: Any) -> None:
    hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, "mishkah_spec")]
    assert len(hooks) >= 3
    for hook in hooks:
        assert f"| `{hook}(" in plugins_page.text


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
