"""The tutorial in both languages, followed in an empty folder.

`nox -s wheels` follows them too, in a new environment, with the lines for pip and pytest.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from follow_tutorial import follow

PAGES = [Path(__file__).parents[2] / "docs" / name for name in ("tutorial.md", "tutorial.ar.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tutorial_can_be_followed(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = []

    def run_line(line: str) -> None:
        command, *words = line.split()
        if command == "mishkah-trio":
            ran.append(run(*words))
        else:
            assert command in ("pip", "pytest")

    follow(page, tmp_path, run_line)
    assert len(ran) > 8
    run("check", "--data", "mydata")
    assert "category\tposition_code\tbranch" in run("sequence", "list", "--data", "mydata").stdout


def test_both_tutorials_have_the_same_blocks() -> None:
    english, arabic = (
        re.findall(r"^```\w+\n.*?^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for page in PAGES
    )
    assert english == arabic
