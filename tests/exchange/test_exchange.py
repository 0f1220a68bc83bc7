"""Rows to files and back: what is exported is imported the same, and what is wrong is named."""

import contextlib
import csv
import io
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.oldshop import write_old_shop
from support.server import COMMAND

from mishkah.cli import main
from mishkah.sqlite import read_state
from mishkah.testing import write_installation, write_json

KEY = {"type": "text", "primaryKey": True}
TABLES = {
    "item": {
        "fields": {
            "id": KEY,
            "code": {"type": "text"},
            "name": {"type": "json", "shape": {"ar": "required", "en": "optional"}},
            "price": {"type": "decimal", "min": 0},
            "qty": {"type": "integer"},
            "sold": {"type": "boolean"},
            "day": {"type": "date"},
            "at": {"type": "timestamp"},
            "note": {"type": "text"},
            "any": {"type": "json"},
        }
    },
    "note": {"fields": {"id": KEY, "item": {"type": "text", "references": {"table": "item"}}}},
}
RULES = {"item": {"code": {"format": "C-{number:03d}"}}}
EMPTY = dict.fromkeys(["name", "price", "qty", "sold", "day", "at", "note", "any"])
ITEMS: list[dict[str, Any]] = [
    {"id": "a", "code": "C-007", "name": {"ar": "شاي, بالنعناع", "en": '"tea"'}, "price": 12.5,
     "qty": 3, "sold": True, "day": "2025-10-29", "at": "2025-10-29T10:00:00.000Z",
     "note": 'سطر\r\nآخر, "بين قوسين"', "any": [1.5, None, {"كم": "٣"}]},
    {**EMPTY, "id": "b", "code": "C-002", "name": {"ar": "قهوة"}, "price": 0.0000001,
     "sold": False, "note": "", "any": ""},
    {**EMPTY, "id": "c", "code": "C-003", "price": 7, "qty": -1, "note": "null", "any": "null"},
]  # fmt: skip
NOTES = [{"id": "n", "item": "a"}, {"id": "line\u2028break", "item": None}]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_installation(tmp_path / "data", TABLES, rules=RULES)


def run(data: Path, command: str, *words: object, code: int = 0) -> Result:
    store = ["--branch", "shop", "--module", "m", "--data", str(data)]
    result = CliRunner().invoke(main, [command, *map(str, words), *store])
    assert result.exit_code == code, result.output
    return result


def rows(data: Path) -> dict[str, list[dict[str, Any]]]:
    path = data / "branches/shop/modules/m/live/store.sqlite3"
    state = read_state(path, "m")
    return {
        name: [json.loads(record.json) for record in table.records.values()]
        for name, table in state.tables.items()
    }


@pytest.fixture
def filled(data: Path, tmp_path: Path) -> Path:
    seeds = tmp_path / "first.json"
    write_json(seeds, {"tables": {"note": NOTES, "item": ITEMS}})
    run(data, "import", seeds)
    return data


@pytest.mark.parametrize(
    ("form", "suffix"), [("seeds", ".json"), ("events", ".json"), ("ndjson", ".ndjson")]
)
def test_what_is_exported_is_imported_the_same(
    filled: Path, tmp_path: Path, form: str, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    run(filled, "export", "--format", form, "--out", out)
    other = write_installation(tmp_path / "other", TABLES, rules=RULES)
    run(other, "import", out)
    assert rows(other) == rows(filled) == {"item": ITEMS, "note": NOTES}


def test_a_table_goes_through_csv_and_back(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "items.csv"
    run(filled, "export", "--format", "csv", "--table", "item", "--out", out)
    lines = list(csv.DictReader(io.StringIO(out.read_text("utf-8"))))
    assert lines[0]["name"] == '{"ar":"شاي, بالنعناع","en":"\\"tea\\""}'
    assert lines[1]["price"] == "0.0000001"
    other = write_installation(tmp_path / "other", TABLES, rules=RULES)
    run(other, "import", out, "--table", "item")
    assert rows(other)["item"] == ITEMS


def test_imported_numbers_move_their_counter(filled: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.ndjson"
    more.write_text('{"table":"item","data":{"id":"d"}}\n\n{"table":"item","data":{"id":"e"}}\n')
    run(filled, "import", more)
    assert [row["code"] for row in rows(filled)["item"][3:]] == ["C-008", "C-009"]


BAD = """{"table":"item","data":{"id":"d"}}
{"table":"item","data":{"id":"a"}}
not json
{"table":"item","data":{"id":"e","price":-1,"qty":"many"}}
{"table":"note","data":{"id":"x","item":"nothing"}}
{"table":"ghost","data":{"id":"x"}}
{"table":"item"}
"""


def test_what_is_refused_is_named_by_line_and_nothing_is_imported(
    filled: Path, tmp_path: Path
) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_text(BAD)
    told = json.loads(run(filled, "import", file, "--json", code=1).stdout)["findings"]
    assert {finding["path"].split(".")[0] for finding in told} == {
        "line 2", "line 3", "line 4", "line 6", "line 7"
    }  # fmt: skip
    assert {"line 4.price", "line 4.qty"} <= {finding["path"] for finding in told}
    assert rows(filled) == {"item": ITEMS, "note": NOTES}


def test_with_partial_the_good_lines_are_imported(filled: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_text(BAD)
    result = run(filled, "import", file, "--partial", code=1)
    assert "1 rows imported" in result.output
    assert "line 5.item" in result.output
    assert [row["id"] for row in rows(filled)["item"]] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("x.json", b"{", "line 1"),
        ("x.json", b'{"tables": {"item": [1]}}', "$.tables.item[0]"),
        ("x.json", b'{"events": [{"type": "DELETE", "table": "item"}]}', "$.events[0]"),
        ("x.ndjson", b"\xff", "byte 0"),
        ("x.csv", b"id,qty\na\n", "line 2"),
        ("x.csv", b'id,name\na,"{"\n', "line 2.name"),
        ("x.csv", b'id,name\n"a\n', "line 2: this is not CSV: a quote is not closed"),
        ("x.csv", b"id,ghost\na,1\n", "line 2.ghost"),
        ("x.csv", b"id,id\na,b\n", "line 1: the first line has id twice"),
        ("x.csv", b"id,\na,b\n", "line 1: the first line has the names of fields"),
        ("x.csv", b'id,any\nd,"{"\n', "line 2.any: this is not JSON"),
        ("x.csv", b'id,name\nd,"x\ny"\ne,\nf\n', "line 5: it has 1 cells"),
        ("x.ndjson", b'{"table":"item","data":{"id":"d","id":"e"}}', "line 1: this can't be read"),
        ("x.ndjson", b'{"table":"item","data":{"id":"d","any":NaN}}', "line 1: this can't be read"),
        (
            "x.json",
            b'{"tables": {"item": [\n{"id": "d"},\n{"id": "e", "qty": "x"}]}}',
            "x.json:3: $.tables.item[1].qty",
        ),
        ("x.xml", b"<a/>", ".json, .ndjson or .csv"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_place(
    filled: Path, tmp_path: Path, name: str, content: bytes, place: str
) -> None:
    (tmp_path / name).write_bytes(content)
    words = ["--table", "item"] if name.endswith(".csv") else []
    assert place in run(filled, "import", tmp_path / name, *words, code=1).output
    assert rows(filled) == {"item": ITEMS, "note": NOTES}


def test_an_export_of_nothing_or_of_a_ghost_says_so(data: Path, filled: Path) -> None:
    assert "no table ghost" in run(data, "export", "--table", "ghost", code=1).output
    assert "--table" in run(data, "export", "--format", "csv", code=1).output


def test_an_empty_text_is_not_an_empty_field(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "items.csv"
    run(filled, "export", "--format", "csv", "--table", "item", "--out", out)
    text = out.read_text("utf-8")
    assert ',,,"","""""' in text  # of b: at is empty, note is an empty text, any is "" in JSON
    quoted = tmp_path / "quoted.csv"
    quoted.write_text('"id","note","qty","day"\n"x","","",""\n')
    run(filled, "import", quoted, "--table", "item")
    row = rows(filled)["item"][-1]
    assert (row["note"], row["qty"], row["day"]) == ("", None, None)


def test_with_partial_a_line_may_refer_to_a_later_one(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "lines.ndjson"
    lines = [{"table": "note", "data": {"id": "n", "item": "late"}},
             {"table": "note", "data": {"id": "o", "item": "never"}},
             {"table": "item", "data": {"id": "late"}}]  # fmt: skip
    file.write_text("\n".join(map(json.dumps, lines)))
    told = json.loads(run(data, "import", file, "--partial", "--json", code=1).stdout)["findings"]
    assert [finding["path"] for finding in told] == ["line 2.item"]
    assert [row["id"] for row in rows(data)["note"]] == ["n"]


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"tables": []}'])
def test_a_file_that_can_not_be_read_is_told_in_json_too(
    data: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "x.json").write_bytes(content)
    (told,) = json.loads(run(data, "import", tmp_path / "x.json", "--json", code=1).stdout)[
        "findings"
    ]
    assert told["file"] == "x.json"
    assert told["path"]


def said_on_stderr(*words: object, terminal: bool) -> str:
    """Run `mishkah-trio` and return what it says on stderr: a terminal, or a pipe."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    command = [COMMAND, *map(str, words)]
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        with open(ours, "rb", buffering=0) as file:
            said = b""
            with contextlib.suppress(OSError):  # a terminal that its last user has left
                while more := file.read(4096):
                    said += more
    assert process.returncode == 0, said
    return said.decode()


def test_progress_is_shown_on_a_terminal_only(filled: Path, tmp_path: Path) -> None:
    store = ("--branch", "shop", "--module", "m", "--data", filled)
    out = tmp_path / "out.ndjson"
    export = ("export", *store, "--format", "ndjson", "--table", "note", "--out", out)
    assert said_on_stderr(*export, terminal=False) == ""
    assert "exporting" in said_on_stderr(*export, terminal=True)
    line = json.dumps({"table": "note", "data": {"id": "more"}}) + "\n"
    out.write_text(line)
    assert "reading" in said_on_stderr("import", out, *store, terminal=True)
    out.write_text(line.replace("more", "again"))
    again = said_on_stderr("import", out, *store, "--partial", terminal=False)
    assert again == "1 rows imported, 0 complaints.\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "shelf_id,shelf_code,label\ns9,Z,\n"),
        ("x.csv", "id,code,label\ns9,Z,\n"),
        ("x.ndjson", '{"table":"shelf","data":{"shelf_id":"s9","shelf_code":"Z","label":null}}\n'),
        ("x.json", '{"shelf":[{"shelf_id":"s9","code":"Z","label":null}]}'),
    ],
)
def test_rows_of_the_older_list_format_may_use_the_names_of_columns(
    tmp_path: Path, name: str, content: str
) -> None:
    data = write_old_shop(tmp_path / "old")
    (tmp_path / name).write_text(content)
    words = ["--table", "shelf"] if name.endswith(".csv") else []
    run(data, "import", tmp_path / name, *words)
    kept = read_state(data / "branches/shop/modules/m/live/store.sqlite3", "m")
    row = json.loads(kept.tables["shelf"].records["s9"].json)
    assert row == {"id": "s9", "code": "Z", "label": None}


@pytest.mark.parametrize("form", ["seeds", "events", "ndjson", "csv"])
def test_what_is_secret_is_not_exported(tmp_path: Path, form: str) -> None:
    text = {"type": "text"}
    table = {"fields": {"id": KEY, "hash": {**text, "secret": True}, "name": text}}
    seeds = {"user": [{"id": "u", "hash": "s3cret", "name": "Mona"}]}
    data = write_installation(tmp_path / "data", {"user": table})
    write_json(tmp_path / "first.json", {"tables": seeds})
    run(data, "import", tmp_path / "first.json")
    assert rows(data) == seeds
    told = run(data, "export", "--format", form, "--table", "user").stdout
    assert "Mona" in told
    assert "s3cret" not in told
    assert "hash" not in told
