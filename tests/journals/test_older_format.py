"""A file as it was before the log told of devices and sessions: read as it is, or brought up."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mishkah.journal import JournalDamaged
from mishkah.sqlite import StoreFile, back_up, read_state, restore

DUMP = Path(__file__).with_name("format-1.sql")
"""The five commits of `Writer.full`, by nobody, as the server wrote them then."""


@pytest.fixture
def older(path: Path) -> Path:
    path.parent.mkdir()
    make(path)
    return path


def make(path: Path, *tampering: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=wal")
        db.executescript(DUMP.read_text("utf-8"))
        for sql in tampering:
            assert db.execute(sql).rowcount, f"changes nothing: {sql}"
        db.commit()


def columns(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [str(name) for _, name, *_ in db.execute("PRAGMA table_info(_log)")]


def told(file: StoreFile) -> list[Any]:
    return [(c.seq, c.client, c.ref, c.changes) for c in file.commits(0, 99)]


def test_it_is_brought_up_when_it_is_opened_and_goes_on(
    older: Path, schema: Any, writer: Any, looked_at: Any
) -> None:
    before = [(c.seq, c.client, c.ref, c.changes) for c in writer.full()]
    assert "device" not in columns(older)
    with closing(StoreFile(older, schema)) as file:
        epoch = file.epoch
        assert looked_at(file.load()) == looked_at(writer.state)
        assert told(file) == before
        writer.by = {"user": "amal", "device": "till-1", "session": "k1"}
        file.append([writer.update("a", name="tea")])
    assert columns(older)[-2:] == ["device", "session"]
    with closing(StoreFile(older, schema)) as file:
        file.verify()
        assert file.epoch == epoch
        assert file.migrated == 0
        last = file.commits(4, 6)
        assert [c.device for c in last] == [None, "till-1"]
        assert (last[1].user, last[1].session) == ("amal", "k1")


def test_a_new_file_and_one_brought_up_have_the_same_log(
    older: Path, schema: Any, tmp_path: Path
) -> None:
    new = tmp_path / "new.sqlite3"
    for path in (older, new):
        StoreFile(path, schema).close()
    assert columns(older) == columns(new)


def test_as_it_is_it_is_read_whole_and_stays_so(older: Path, schema: Any, writer: Any) -> None:
    before = [(c.seq, c.client, c.ref, c.changes) for c in writer.full()]
    with closing(StoreFile(older, schema, as_is=True)) as file:
        file.verify()
        assert told(file) == before
        assert file.plan_for(schema).lines() == []
    state = read_state(older, "m")
    assert state.record("item", "a") == writer.state.record("item", "a")
    assert "device" not in columns(older)


def test_a_backup_of_it_is_made_and_restored(
    older: Path, schema: Any, writer: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.sqlite3"
    assert back_up(older, copy, schema) == 5
    assert "device" not in columns(copy)
    assert restore(copy, older, tmp_path / "aside.sqlite3", schema) == 5
    writer.full()
    with closing(StoreFile(older, schema)) as file:
        file.verify()
        file.append([writer.update("a", name="tea")])


@pytest.mark.parametrize("as_is", [False, True])
@pytest.mark.parametrize("cell", ["client = 'x'", "user = 'root'", "changes = '[]'"])
def test_a_changed_entry_of_it_is_found(path: Path, schema: Any, cell: str, as_is: bool) -> None:
    path.parent.mkdir()
    make(path, f"UPDATE _log SET {cell} WHERE seq = 2")
    with closing(StoreFile(path, schema, as_is=as_is)) as file:
        file.load()
        with pytest.raises(JournalDamaged, match=r"store\.sqlite3"):
            file.commits(0, 5)


def test_one_without_its_log_is_not_brought_up_but_refused(path: Path, schema: Any) -> None:
    path.parent.mkdir()
    make(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE _log")
        db.commit()
    with pytest.raises(JournalDamaged, match=r"store\.sqlite3"):
        StoreFile(path, schema)
