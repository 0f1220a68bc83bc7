"""The page that sets up access control: all of it is typed, on a server that runs."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.server import Server, copy_sample

from mishkah.cli import main
from mishkah.cli.typed import read_scope, write_scope

PASSWORD, PIN = "two words of hers", "2580"


def test_what_the_page_shows_works_in_its_order(
    document_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = copy_sample(tmp_path / "data")
    lines = "".join(document_of("docs/access-setup.md").code("sh")).splitlines()
    assert len(lines) > 15
    server: Server | None = None
    try:
        for line in lines:
            _, *words = shlex.split(line)
            if words[0] == "serve":
                server = Server(data, *words[1:]).ready()
                continue
            secret = PIN if "pin" in words else PASSWORD
            done = CliRunner().invoke(main, words, input=f"{secret}\n{secret}\n")
            assert done.exit_code == 0, f"{line}: {done.output}"
        assert server is not None
        assert server.stop() == 0
    finally:
        if server is not None:
            server.close()
    people = CliRunner().invoke(main, ["user", "list"]).stdout.splitlines()
    kept = {row[0]: row[3:6] for row in (line.split("\t") for line in people)}
    assert kept == {
        "mona": ["true", "false", "false"], "nour": ["true", "false", "false"],
        "omar": ["true", "false", "true"], "amal": ["false", "true", "false"],
    }  # fmt: skip


def test_roles_are_written_as_the_page_says(document_of: Any) -> None:
    text = document_of("docs/access-setup.md").text
    shown = re.findall(r"^\| `'?([\w@,:/*-]+)'?` \|", text, re.MULTILINE)
    assert len(shown) == 6
    for written in shown:
        assert write_scope(read_scope(written)) == written
