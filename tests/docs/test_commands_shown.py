"""Every command that a document shows can be typed as it stands."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from mishkah.cli import main


def shown(text: str) -> list[str]:
    """Return the commands in blocks and in running text, without what follows in a shell."""
    blocks = "\n".join(re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL))
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = re.findall(r"(?:^|&& |run )(mishkah-trio .*)$", blocks, re.MULTILINE)
    return lines + re.findall(r"`(mishkah-trio [^`]+)`", prose.replace("\n", " "))


def parse(command: click.Command, words: list[str]) -> None:
    """Parse *words* as *command* and its subcommands would, and do nothing."""
    if words and words[0] in ("--help", "--version"):
        return
    with command.make_context(command.name, words) as context:
        if isinstance(command, click.Group) and words:
            _, found, rest = command.resolve_command(context, words)
            assert found is not None
            parse(found, rest)


def test_every_command_can_be_typed(
    document: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").touch()
    (tmp_path / "backups").mkdir()
    for name, value in re.findall(r"^export (\w+)=(\S+)$", document.text, re.MULTILINE):
        monkeypatch.setenv(name, value)
    for line in shown(document.text):
        if "/" in line and line.split()[1] == "restore":
            (tmp_path / line.split()[2]).touch()
        for words in piped(line):
            if is_whole(words):
                parse(main, words)


def piped(line: str) -> list[list[str]]:
    """Return the words of each of our commands in *line*, which may hand on to the next."""
    commands: list[list[str]] = [[]]
    for word in shlex.split(line):
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    return [words[1:] for words in commands if words[0] == "mishkah-trio"]


def is_whole(words: list[str]) -> bool:
    """Tell a command to be typed from the name of one, such as `mishkah-trio schema show`."""
    command: click.Command = main
    while words and isinstance(command, click.Group):
        if words[0].startswith("-"):
            return True
        assert words[0] in command.commands, words
        command = command.commands[words[0]]
        words = words[1:]
    group = isinstance(command, click.Group)
    return not group and (bool(words) or not any(param.required for param in command.params))


def test_commands_are_found(operations: Any, readme: Any) -> None:
    assert len(shown(operations.text)) > 20
    assert "mishkah-trio serve --data mydata" in shown(readme.text)
    for words in (["serve", "--port", "x"], ["no-such-command"], ["check", "--no-such-option"]):
        with pytest.raises((click.UsageError, AssertionError)):
            parse(main, words)
