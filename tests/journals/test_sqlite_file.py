"""A store's file: real tables that any SQLite tool can read, and errors that say what they mean."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from mishkah.journal import JournalDamaged, JournalFailed, JournalFull
from mishkah.sqlite import StoreFile
from mishkah.sqlite.tables import checksum


def query(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def keep(path: Path, schema: Any, commits: Any) -> None:
    file = StoreFile(path, schema)
    file.load()
    file.append(commits)
    file.close()


def test_rows_are_rows_of_real_tables(path: Path, schema: Any, writer: Any) -> None:
    keep(path, schema, writer.full())
    assert query(path, "SELECT * FROM item") == [
        ("a", "coffee", "a@x", 2**53, 1e-9, 1, "2025-01-02", "2025-01-02T03:04:05.000Z", None, "x",
         3, query(path, "SELECT _sum FROM item")[0][0])
    ]  # fmt: skip
    assert query(path, "SELECT code FROM bill") == [("B1",)]
    writer.insert("c", info={"a": ["ب", 1.5]}, price=10)
    keep(path, schema, writer.history[-1:])
    assert query(path, "SELECT json_extract(info, '$.a[1]'), price + 1 FROM item WHERE id='c'") == [
        (1.5, 11)
    ]


def test_columns_and_indexes_are_those_of_the_guide(path: Path, schema: Any) -> None:
    keep(path, schema, [])
    columns = [
        (name, kind, key) for _, name, kind, _, _, key in query(path, "PRAGMA table_info(item)")
    ]
    assert columns == [
        ("id", "TEXT", 1), ("name", "TEXT", 0), ("email", "TEXT", 0), ("qty", "INTEGER", 0),
        ("price", "NUMERIC", 0), ("sold", "INTEGER", 0), ("made_on", "TEXT", 0),
        ("seen_at", "TEXT", 0), ("info", "TEXT", 0), ("select", "TEXT", 0), ("_seq", "INTEGER", 0),
        ("_sum", "INTEGER", 0),
    ]  # fmt: skip
    indexes = query(path, "SELECT name, \"unique\" FROM pragma_index_list('item') WHERE origin='c'")
    assert sorted(indexes) == [
        ("idx_item_email", 1), ("idx_item_name", 0), ("idx_item_qty_sold", 1)
    ]  # fmt: skip


def test_a_new_file_is_in_wal_mode_and_sound(path: Path, schema: Any, writer: Any) -> None:
    keep(path, schema, writer.full())
    assert query(path, "PRAGMA journal_mode") == [("wal",)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def changed(tables: Any, change: Any) -> Any:
    fields = dict(tables["item"]["fields"])
    change(fields)
    return {**tables, "item": {"fields": fields}}


def test_a_schema_with_another_table_is_served(
    path: Path, schema: Any, schema_of: Any, tables: Any, writer: Any
) -> None:
    keep(path, schema, writer.full())
    more = schema_of({**tables, "new": {"fields": {"id": {"type": "text", "primaryKey": True}}}})
    file = StoreFile(path, more)
    assert list(file.load().ids("new")) == []
    file.close()


def test_a_schema_that_lacks_a_table_of_the_file_is_refused(
    path: Path, schema: Any, schema_of: Any, tables: Any, writer: Any
) -> None:
    keep(path, schema, writer.full())
    with pytest.raises(JournalDamaged):
        StoreFile(path, schema_of({"item": tables["item"]})).close()


def test_a_schema_that_makes_doubled_values_unique_is_refused_for_good(
    path: Path, schema: Any, schema_of: Any, tables: Any, writer: Any
) -> None:
    """JournalFailed means: try again. The keeper does so for ever, and nobody is told why."""
    keep(path, schema, [writer.insert("a", select="same"), writer.insert("b", select="same")])
    unique = schema_of(changed(tables, lambda f: f.update(select={"type": "text", "unique": True})))
    try:
        StoreFile(path, unique).close()
    except JournalFailed:
        pytest.fail("this will never pass")
    except JournalDamaged:
        pass


def test_rows_keep_their_order_whatever_fields_are_called(
    path: Path, schema_of: Any, new_writer: Any
) -> None:
    fields = {"id": {"type": "text", "primaryKey": True}, "rowid": {"type": "integer"}}
    schema = schema_of({"item": {"fields": fields}})
    writer = new_writer(schema)
    keep(path, schema, [writer.insert("a", rowid=2), writer.insert("b", rowid=1)])
    file = StoreFile(path, schema)
    ids = list(file.load().ids("item"))
    file.close()
    assert ids == ["a", "b"]


@pytest.mark.parametrize("content", [b"hello" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_store_is_damaged_and_named(
    path: Path, schema: Any, content: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalDamaged, match=r"store\.sqlite3"):
        StoreFile(path, schema)


def test_a_file_of_another_format_is_refused(path: Path, schema: Any) -> None:
    keep(path, schema, [])
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "UPDATE _meta SET value = 3, sum = ? WHERE key = 'format'", (checksum("format", 3),)
        )
        db.commit()
    with pytest.raises(JournalDamaged, match=r"store\.sqlite3: its format is none of 1, 2"):
        StoreFile(path, schema)


def test_a_commit_in_the_middle_that_can_not_be_written_takes_the_batch_with_it(
    path: Path, schema: Any, writer: Any, new_writer: Any, looked_at: Any
) -> None:
    first = writer.insert("a", ("c", "1"))
    before = looked_at(writer.state)
    lost = writer.insert("ghost")
    second, third = writer.insert("b", ("c", "2")), writer.update("ghost", name="x")
    commits = [type(c)(**{**{f: getattr(c, f) for f in c.__struct_fields__}, "seq": c.seq - 1})
               for c in (second, third)]  # fmt: skip
    assert lost.seq == 2
    file = StoreFile(path, schema)
    file.load()
    file.append([first])
    with pytest.raises(JournalFailed, match="not where it was"):
        file.append(commits)
    with pytest.raises(JournalFailed):
        file.append([writer.insert("z", ("c", "1"))])
    assert looked_at(file.load()) == before
    assert set(file.names([("c", "1"), ("c", "2")])) == {("c", "1")}
    file.append([new_writer(schema, file.load()).insert("c", ("c", "2"))])
    assert list(file.load().ids("item")) == ["a", "c"]
    file.close()


def test_the_largest_ref_that_is_decoded_can_be_kept(path: Path, schema: Any, writer: Any) -> None:
    """One that could not would restart the store, again and again."""
    delete = {"type": "DELETE", "table": "item", "id": "a", "ref": 2**53}
    commits = [writer.insert("a"), writer.write(delete)]
    keep(path, schema, commits)


def test_a_full_disk_leaves_everything_as_before_and_room_brings_it_back(
    path: Path, schema: Any, writer: Any, looked_at: Any
) -> None:
    file = StoreFile(path, schema)
    file.load()
    file.append(writer.full())
    before = looked_at(writer.state)
    small, big = writer.insert("small", ("c", "1")), writer.insert("big", name="x" * 500_000)
    (pages,) = file._db.execute("PRAGMA page_count").fetchone()
    (limit,) = file._db.execute("PRAGMA max_page_count").fetchone()
    file._db.execute(f"PRAGMA max_page_count={pages + 2}")
    for _ in range(2):
        with pytest.raises(JournalFull, match=r"store\.sqlite3"):
            file.append([small, big])
        assert looked_at(file.load()) == before
        assert file.names([("c", "1")]) == {}
        assert len(file.commits(0, 99)) == 5
    file._db.execute(f"PRAGMA max_page_count={limit}")
    file.append([small, big])
    assert looked_at(file.load()) == looked_at(writer.state)
    file.close()
    keep(path, schema, [])


def test_a_file_that_turned_read_only_takes_no_writes_and_says_so(
    path: Path, schema: Any, writer: Any, looked_at: Any
) -> None:
    keep(path, schema, writer.full())
    file = StoreFile(path, schema)
    assert looked_at(file.load()) == looked_at(writer.state)
    before = looked_at(writer.state)
    file._db.execute("PRAGMA query_only=1")
    with pytest.raises(JournalFull):
        file.append([writer.insert("c")])
    assert looked_at(file.load()) == before
    file._db.execute("PRAGMA query_only=0")
    file.append(writer.history[-1:])
    file.close()


def test_a_file_that_someone_else_writes_is_not_lost(path: Path, schema: Any, writer: Any) -> None:
    file = StoreFile(path, schema)
    file.load()
    file._db.set_busy_timeout(10)
    with closing(apsw.Connection(str(path))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalFailed):
            file.append([writer.insert("a")])
        other.execute("ROLLBACK")
    file.append(writer.history)
    assert list(file.load().ids("item")) == ["a"]
    file.close()
