"""`history`: what was done to one row, told while the server runs, after, and of older files."""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.server import Server

from mishkah.testing import write_installation, write_json

KEY = {"type": "text", "primaryKey": True}
FIELDS = {
    "id": KEY,
    "name": {"type": "text"},
    "price": {"type": "decimal"},
    "pin": {"type": "text", "secret": True},
}
STORE = ("--branch", "shop", "--module", "m")
OLDER = Path(__file__).parents[1] / "journals" / "format-1.sql"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_installation(tmp_path / "data", {"item": {"fields": FIELDS}})


@pytest.fixture
def imported(data: Path, run: Any) -> Path:
    rows = data.parent / "rows.json"
    write_json(rows, {"tables": {"item": [{"id": "a", "name": "tea", "price": 0.10, "pin": "77"}]}})
    run("import", rows, *STORE, "--data", data)
    return data


def lines(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_row_is_told_of_while_the_server_runs_and_after(data: Path, run: Any) -> None:
    server = Server(data)
    try:
        server.ready()
        there = ("--url", f"ws://127.0.0.1:{server.port}", *STORE)
        run("insert", "item", '{"id": "a", "name": "tea", "pin": "77"}', *there)
        change = ("update", "item", "a", '{"name": "green tea", "pin": "78"}')
        run(*change, *there, "--client", "script", "--ref", "1")
        told = lines(run("history", "item", "a", *STORE, "--data", data))
        run("delete", "item", "a", *there)
        assert server.stop() == 0
    finally:
        server.close()
    assert [one["operation"] for one in told] == ["UPDATE", "INSERT"]
    assert told[0]["by"]["client"] == "script"
    assert told[0]["fields"] == {
        "name": {"old": "tea", "new": "green tea"},
        "pin": {"old": "(secret)", "new": "(secret)"},
    }
    files = sorted(data.rglob("*"))
    after = run("history", "item", "a", *STORE, "--data", data, "--json")
    assert [one["operation"] for one in lines(after)] == ["DELETE", "UPDATE", "INSERT"]
    assert lines(after)[1:] == told
    assert "7" not in json.dumps([one["fields"] for one in lines(after)])
    assert sorted(data.rglob("*")) == files
    last = lines(run("history", "item", "a", *STORE, "--data", data, "--limit", 1))
    assert [one["operation"] for one in last] == ["DELETE"]


def test_a_person_sees_a_table_with_a_line_for_each_field(
    imported: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["mishkah.cli.history"], "_for_a_person", lambda: True)
    shown = run("history", "item", "a", *STORE, "--data", imported, env={"COLUMNS": "200"}).stdout
    (first,) = [line for line in shown.splitlines() if "INSERT" in line]
    assert "│ id " in first
    (price,) = [line for line in shown.splitlines() if "price" in line]
    assert "0.1 " in price
    assert "INSERT" not in price
    assert "(secret)" in shown
    assert "77" not in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [(("item", "none", *STORE), ""), (("none", "a", *STORE), "There is no table none."),
     (("item", "a", "--branch", "x", "--module", "m"), "There is no such branch and module.")],
)  # fmt: skip
def test_what_is_not_there_is_exit_code_one(
    imported: Path, run: Any, words: tuple[str, ...], said: str
) -> None:
    no = run("history", *words, "--data", imported, code=1)
    assert no.stdout == ""
    assert no.stderr.strip() == said


def test_a_store_that_was_never_served_has_no_history(data: Path, run: Any) -> None:
    assert "serve it once" in run("history", "item", "a", *STORE, "--data", data, code=1).stderr


def test_a_file_of_the_older_format_is_read_as_it_lies(data: Path, run: Any) -> None:
    live = data / "branches/shop/modules/m/live/store.sqlite3"
    live.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(live)) as db:
        db.execute("PRAGMA journal_mode=wal")
        db.executescript(OLDER.read_text("utf-8"))
    told = lines(run("history", "item", "a", *STORE, "--data", data))
    assert [(one["seq"], one["operation"], one["by"]) for one in told] == [
        (3, "UPDATE", {}), (1, "INSERT", {"client": "till", "ref": "1"}),
    ]  # fmt: skip


def test_a_changed_entry_of_the_log_is_damage(imported: Path, run: Any) -> None:
    live = imported / "branches/shop/modules/m/live/store.sqlite3"
    with closing(sqlite3.connect(live)) as db, db:
        db.execute("UPDATE _log SET user = 'root'")
    said = run("history", "item", "a", *STORE, "--data", imported, code=1).stderr
    assert "store.sqlite3: a line of _log is not what was written" in said
