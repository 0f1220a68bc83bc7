"""The page of troubles: complete, in the code's own words, and its cures work."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from support.sample import sample_plugins, shape
from support.server import SAMPLE, Server, copy_sample

import mishkah
from mishkah import doctor, watchdog
from mishkah.cli import INTERRUPTED, main
from mishkah.cli.common import FINDINGS, USAGE
from mishkah.core import errors, frames
from mishkah.core.definition import IndexRules
from mishkah.testing import open_test_house

STORE = "branches/gim/modules/gym/live/store.sqlite3"


@pytest.fixture
def page() -> str:
    return (Path(__file__).parents[2] / "docs" / "when-things-break.md").read_text("utf-8")


def section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def firsts(page: str, title: str) -> set[str]:
    """Return the first cells of the table of a section."""
    cells = re.findall(r"^\| ([^|]+?) \|", section(page, title), re.MULTILINE)
    return set(cells[1:]) - {"---"}


def refusals(kind: type[errors.Refused] = errors.Refused) -> Iterator[type[errors.Refused]]:
    for refusal in kind.__subclasses__():
        yield refusal
        yield from refusals(refusal)


def test_every_error_code_has_its_cure(page: str) -> None:
    assert firsts(page, "Error codes") == {refusal.code for refusal in refusals()}


def test_every_close_code_has_its_cure(page: str, protocol: Any) -> None:
    ours = {str(v) for v in vars(frames).values() if isinstance(v, int) and v >= frames.NORMAL}
    told = protocol.text.partition("## Closing")[2].partition("## ")[0]
    assert firsts(page, "Close codes") == ours | {*re.findall(r"\b[14]\d{3}\b", told)} | {"1006"}


def test_every_status_has_its_cure(page: str, protocol: Any) -> None:
    told = re.findall(r"^\| ([45]\d\d) \|", protocol.text, re.MULTILINE)
    source = (Path(mishkah.__file__).parent / "http" / "handshake.py").read_text("utf-8")
    assert firsts(page, "Answers to a connection") == set(told)
    assert {*re.findall(r"\b4\d\d\b", source)} <= {*told, "401"}


def test_every_exit_code_has_its_meaning(page: str, operations: Any) -> None:
    ours = {0, FINDINGS, USAGE, INTERRUPTED, watchdog.EXIT_CODE}
    told = firsts(page, "Exit codes")
    assert told == set(re.findall(r"^\| (\d+) \|", operations.text, re.MULTILINE))
    assert told >= set(map(str, ours))


def test_every_line_of_doctor_has_its_cure(page: str) -> None:
    told = {name for cell in firsts(page, "Lines of doctor") for name in cell.split(", ")}
    lines = doctor.examine(SAMPLE, "127.0.0.1", 0, click.DateTime()("2025-10-29"))
    names = {line.name for line in lines}
    assert {re.sub(r"^(plugin|store) .*", r"\1", name) for name in names} == told


def test_what_is_quoted_is_said_by_the_code(page: str) -> None:
    source = "".join(
        path.read_text("utf-8") for path in Path(mishkah.__file__).parent.rglob("*.py")
    )
    quoted = set()
    for title in ("The server does not start", "A store is not served"):
        for cell in firsts(page, title):
            quoted |= set(re.findall(r"`([^`]+)`", cell))
    quoted |= {"no room for a commit", "has not returned for", "hangs; the process ends"}
    quoted |= {"a sync takes"}
    assert len(quoted) > 10
    for words in quoted:
        assert words in page
        assert words in source, words


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an installation that has been served once and a backup."""
    monkeypatch.chdir(tmp_path)
    data = copy_sample(tmp_path / "data")
    server = Server(data)
    try:
        server.ready()
        assert server.stop() == 0
    finally:
        server.close()
    assert run("mishkah-trio backup").exit_code == 0
    return tmp_path


def run(line: str) -> Result:
    words = shlex.split(line)
    assert words.pop(0) == "mishkah-trio"
    backups = sorted(Path("backups").glob("gim-gym-*.sqlite3"))
    words = [str(backups[-1]) if word.startswith("backups/") else word for word in words]
    return CliRunner().invoke(main, words)


def commands(text: str) -> list[str]:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


def test_every_command_of_the_page_works(page: str, served: Path) -> None:
    lines = commands(page)
    assert len(lines) >= 11
    for line in lines:
        result = run(line.replace("doctor", "doctor --port 0"))
        assert result.exit_code == 0, (line, result.output)


def test_a_damaged_file_is_named_and_mended_as_the_page_says(page: str, served: Path) -> None:
    check, restore, *_ = commands(section(page, "A file is damaged"))
    file = served / "data" / STORE
    content = file.read_bytes().replace(b"GYM0", b"GYN0")  # wherever it lies in the file
    file.write_bytes(content)
    found = run(check)
    assert found.exit_code == 1
    assert STORE in found.stderr
    assert "is not what was written" in found.stderr
    assert run(restore).exit_code == 0
    assert run(check).exit_code == 0
    (aside,) = file.parents[1].glob("history/*.sqlite3")
    assert aside.read_bytes() == content


def test_a_schema_that_loses_something_is_named_and_applied_as_the_page_says(
    page: str, served: Path
) -> None:
    plan, apply = commands(section(page, "A store is not served"))
    schema = served / "data/branches/myapp/modules/mymodule/schema/definition.json"
    schema.write_text(schema.read_text("utf-8").replace("created_at", "made_at"), "utf-8")
    seeds = schema.parents[1] / "seeds" / "initial.json"
    seeds.unlink()
    told = run(plan)
    assert told.exit_code == 1
    assert "my_table.created_at" in told.stderr
    assert CliRunner().invoke(main, ["migrate", "apply"], input="y\n").exit_code == 0
    assert apply == "mishkah-trio migrate apply"
    assert run(plan).exit_code == 0


async def test_the_refusal_is_answered_as_the_page_says(page: str, autojump_clock: object) -> None:
    message, answer, index = map(
        json.loads, re.findall(r"^ *```json\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    )
    msgspec.convert(index["indexes"], list[IndexRules])
    async with (
        open_test_house(SAMPLE, plugins=sample_plugins()) as house,
        house.client(branch="myapp", module="mymodule") as desk,
    ):
        assert shape(await desk.ask(message)) == shape(answer)
