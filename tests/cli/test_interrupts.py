"""^C ends a command with 130, nothing half done and no traceback."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.server import COMMAND

from mishkah.testing import write_installation, write_json

KEY = {"type": "text", "primaryKey": True}
TABLES = {"item": {"fields": {"id": KEY, "qty": {"type": "integer"}}}}
STORE = ("--branch", "shop", "--module", "m")


@pytest.fixture
def data(tmp_path: Path, run: Any) -> Path:
    data = write_installation(tmp_path / "data", TABLES)
    rows = tmp_path / "rows.json"
    write_json(rows, {"tables": {"item": [{"id": "a", "qty": 1}]}})
    run("import", rows, *STORE, "--data", data)
    return data


def started(*words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [COMMAND, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def interrupted(command: subprocess.Popen[bytes]) -> str:
    """Send ^C, and return what was said on stderr.

    Python takes no notice of a signal that comes between its last look and a read that waits, until
    the next one: so a person presses ^C again.
    """
    for _ in range(30):
        command.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(1)
            break
    said = command.communicate(timeout=30)[1].decode()
    assert command.returncode == 130, said
    assert "Traceback" not in said
    return said


def test_an_import_that_is_interrupted_has_done_nothing(data: Path, run: Any) -> None:
    pipe = data.parent / "endless.ndjson"
    os.mkfifo(pipe)
    command = started("import", pipe, *STORE, "--data", data)
    with pipe.open("wb") as file:  # opened when the command reads it
        file.write(b'{"table":"item","data":{"id":"b"}}\n')
        file.flush()
        interrupted(command)
    exported = json.loads(run("export", *STORE, "--data", data).stdout)
    assert [row["id"] for row in exported["tables"]["item"]] == ["a"]


def test_c_at_a_question_is_no_answer(data: Path) -> None:
    schema = data / "branches/shop/modules/m/schema/definition.json"
    write_json(schema, {"tables": {"item": {"fields": {"id": KEY}}}})
    before = sorted(data.rglob("*"))
    command = started("migrate", "apply", "--data", data)
    assert command.stderr is not None
    asked = b""
    while b"[y/N]" not in asked:
        asked += command.stderr.read(1)
    interrupted(command)
    assert sorted(data.rglob("*")) == before
