"""What is asked wrongly is said in a line, with an exit code, and no traceback."""

import os
from pathlib import Path
from typing import Any

import pytest

USAGE = [
    ("serve", "--hang-limit", "nan"),
    ("serve", "--hang-limit", "inf"),
    ("serve", "--allow-origin", "garbage"),
    ("serve", "--allow-origin", "https://shop.example/page"),
    ("serve", "--port", "65536"),
]


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_an_option_that_can_not_be_is_refused(run: Any, words: tuple[str, ...]) -> None:
    run(*words, code=2)


@pytest.mark.parametrize("host", ["a..b", "١", "a" * 300, "no.such.host.invalid"])
def test_a_host_that_is_none_is_refused(run: Any, sample: Path, host: str) -> None:
    result = run("serve", "--data", sample, "--port", 0, "--host", host, "--insecure", code=1)
    assert f"can't listen on {host}:0" in result.stderr


@pytest.mark.parametrize("content", [b"garbage " * 1000, b""])
def test_a_backup_that_is_none_is_refused(
    run: Any, sample: Path, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "backup.sqlite3"
    file.write_bytes(content)
    place = ("--branch", "dar", "--module", "pos", "--data", sample)
    result = run("restore", file, *place, code=1)
    assert str(file) in result.stderr
    assert "not an error" not in result.stderr


def test_editor_names_a_folder_that_is_none(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert str(file) in run("editor", "--into", file, code=1).stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("branches.config.json", '"modules": ["gym"]', '"module": ["gym"]', "unknown field"),
        ("sequence-rules.json", '"start": 1,', '"start": -1,', "start is a whole number"),
        (
            "branches/myapp/modules/mymodule/seeds/initial.json",
            '"id": "',
            '"id": "\\n',
            "primary key",
        ),
    ],
)
def test_check_names_file_line_and_path(
    run: Any, said: Any, sample: Path, file: str, old: str, new: str, words: str
) -> None:
    text = (sample / file).read_text("utf-8")
    line = text[: text.index(old)].count("\n") + 1
    (sample / file).write_text(text.replace(old, new, 1), "utf-8")
    assert f"{file}:{line}: $." in run("check", "--data", sample, code=1).stderr
    (finding, *_) = said("check", "--data", sample, code=1)["findings"]
    assert (finding["file"], finding["line"]) == (file, line)
    assert words in finding["message"]


def test_check_finds_what_lies_in_a_stores_place(run: Any, sample: Path) -> None:
    place = sample / "branches/dar/modules/pos/live/store.sqlite3"
    place.mkdir(parents=True)
    assert "this is not a file" in run("check", "--data", sample, code=1).stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_check_finds_a_store_that_can_not_be_read(run: Any, sample: Path) -> None:
    place = sample / "branches/dar/modules/pos/live/store.sqlite3"
    place.parent.mkdir(parents=True)
    place.touch(mode=0)
    assert "can't be read" in run("check", "--data", sample, code=1).stderr
