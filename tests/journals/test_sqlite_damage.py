"""Whatever is changed behind a store's back is found, and the file is named."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mishkah.journal import JournalDamaged
from mishkah.sqlite import StoreFile


@pytest.fixture
def kept(path: Path, schema: Any, writer: Any) -> Path:
    """A store with five commits, closed."""
    file = StoreFile(path, schema)
    file.load()
    file.append(writer.full())
    file.close()
    return path


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for sql in statements:
            assert db.execute(sql).rowcount, f"changes nothing: {sql}"
        db.commit()


def open_and_read(path: Path, schema: Any) -> None:
    file = StoreFile(path, schema)
    try:
        file.load()
        file.commits(0, 99)
        file.names([("till", "1"), ("till", "2")])
    finally:
        file.close()


def test_an_untouched_file_is_sound(kept: Path, schema: Any) -> None:
    tamper(kept, "UPDATE item SET name = name", "UPDATE _log SET at = at")
    open_and_read(kept, schema)


CELLS = [
    "name = 'Coffee'", "name = NULL", "name = 7", "name = ''", "name = name || ' '",
    "name = CAST(x'ff' AS TEXT)", "name = x'636f66666565'", "id = 'b'", "email = 'b@x'",
    "email = NULL", "qty = qty - 1", "qty = NULL", "qty = 'many'", "qty = 1.5",
    "price = 0.000000002",
    "price = NULL", "price = 0", "price = 'cheap'", "price = 1e999", "price = -price", "sold = 0",
    "sold = NULL", "made_on = '2025-01-03'", "made_on = NULL",
    "seen_at = '2025-01-02T03:04:05.001Z'",
    "info = '{}'", "info = '{'", "info = '[NaN]'", '"select" = \'y\'', "_seq = 2", "_seq = 99",
    "_seq = 'x'", "_sum = _sum + 1", "_sum = 'x'",
]  # fmt: skip


@pytest.mark.parametrize("cell", CELLS)
def test_a_changed_cell_is_found_when_the_store_is_opened(
    kept: Path, schema: Any, cell: str
) -> None:
    tamper(kept, f"UPDATE item SET {cell}")
    with pytest.raises(JournalDamaged, match=r"store\.sqlite3"):
        StoreFile(kept, schema).load()


LOADED = [
    "DELETE FROM item",
    "DELETE FROM bill",
    "INSERT INTO item (id, _seq, _sum) VALUES ('new', 1, 1)",
    "INSERT INTO item SELECT 'twin', name, NULL, 7, price, sold, made_on, seen_at, info,"
    ' "select", _seq, _sum FROM item',
    "UPDATE bill SET code = 'B2'",
    "DELETE FROM _counters",
    "UPDATE _counters SET number = 2",
    "UPDATE _counters SET number = 'x'",
    "UPDATE _counters SET period = '2025'",
    "UPDATE _counters SET sum = sum + 1",
    "INSERT INTO _counters VALUES ('bill', 'code', '2024', 1, 1)",
    "DELETE FROM _names WHERE ref = '1'",
    "UPDATE _names SET ref = '9' WHERE ref = '1'",
    "UPDATE _names SET client = 'tall' WHERE ref = '1'",
    "UPDATE _names SET seq = 2 WHERE ref = '1'",
    "UPDATE _names SET digest = zeroblob(16) WHERE ref = '1'",
    "UPDATE _names SET sum = sum + 1 WHERE ref = '1'",
    "INSERT INTO _names VALUES ('x', 'y', 1, x'00', 1)",
    "DELETE FROM _log WHERE seq = 5",
    "DELETE FROM _log WHERE seq = 2",
    "DELETE FROM _log",
    "UPDATE _log SET sum = sum + 1 WHERE seq = 3",
    "UPDATE _log SET seq = 9 WHERE seq = 5",
    "INSERT INTO _log VALUES (6, '', 0, NULL, NULL, NULL, '[]', '[]', NULL, NULL)",
    "DELETE FROM _meta WHERE key = 'head'",
    "UPDATE _meta SET value = 'x' WHERE key = 'head'",
    "UPDATE _meta SET sum = sum + 1 WHERE key = 'head'",
    "UPDATE _meta SET value = replace(value, '\"seq\":5', '\"seq\":4') WHERE key = 'head'",
    "UPDATE _meta SET value = 'other' WHERE key = 'epoch'",
    "UPDATE _meta SET value = NULL WHERE key = 'epoch'",
    "UPDATE _meta SET value = 3 WHERE key = 'format'",
]


@pytest.mark.parametrize("sql", LOADED)
def test_a_changed_line_is_found_when_the_store_is_opened(
    kept: Path, schema: Any, sql: str
) -> None:
    tamper(kept, sql)
    with pytest.raises(JournalDamaged, match=r"store\.sqlite3"):
        StoreFile(kept, schema).load()


@pytest.mark.parametrize("table", ["_meta", "_log", "_names", "_counters", "item", "bill"])
def test_a_lost_table_is_damage_and_no_passing_failure(kept: Path, schema: Any, table: str) -> None:
    with closing(sqlite3.connect(kept)) as db:
        db.execute(f"DROP TABLE {table}")
        db.commit()
    with pytest.raises(JournalDamaged, match=r"store\.sqlite3"):
        open_and_read(kept, schema)


@pytest.mark.parametrize("key", ["epoch", "format"])
def test_a_lost_line_about_the_whole_is_found(kept: Path, schema: Any, key: str) -> None:
    tamper(kept, f"DELETE FROM _meta WHERE key = '{key}'")
    with pytest.raises(JournalDamaged):
        open_and_read(kept, schema)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE _names SET client = CAST(x'ff' AS TEXT) WHERE ref = '1'",
        "UPDATE _counters SET period = CAST(x'ff' AS TEXT)",
        "UPDATE _log SET changes = CAST(x'ff' AS TEXT) WHERE seq = 3",
        "UPDATE _meta SET value = CAST(x'ff' AS TEXT) WHERE key = 'head'",
        "UPDATE _meta SET value = CAST(x'ff' AS TEXT) WHERE key = 'epoch'",
    ],
)
def test_text_that_is_no_unicode_is_damage_and_no_passing_failure(
    kept: Path, schema: Any, sql: str
) -> None:
    tamper(kept, sql)
    with pytest.raises(JournalDamaged):
        open_and_read(kept, schema)


@pytest.mark.parametrize(
    "cell",
    ["at = '2020-01-01T00:00:00.000Z'", "client = 'x'", "client = NULL", "ref = '7'", "ref = 1",
     "user = 'root'", "device = 'till-2'", "device = NULL", "device = CAST(x'ff' AS TEXT)",
     "session = 'k3'", "session = NULL", "device = NULL, session = NULL",
     "device = session, session = device", "counters = '[[]]'", "changes = '[]'",
     "changes = replace(changes, 'a', 'b')",
     "changes = NULL || ''"],
)  # fmt: skip
def test_a_changed_entry_of_the_log_is_found_when_it_is_read(
    kept: Path, schema: Any, cell: str
) -> None:
    if cell.startswith("changes = NULL"):
        cell = "changes = ''"
    tamper(kept, f"UPDATE _log SET {cell} WHERE seq = 1")
    file = StoreFile(kept, schema)
    file.load()
    assert [c.seq for c in file.commits(1, 5)] == [2, 3, 4, 5], "the others can still be read"
    with pytest.raises(JournalDamaged, match=r"store\.sqlite3"):
        file.commits(0, 5)
    file.close()


@pytest.mark.parametrize("cell", ["device = 'x'", "session = ''", "device = 0", "session = x''"])
def test_somebody_made_up_for_an_entry_of_nobody_is_found(
    kept: Path, schema: Any, cell: str
) -> None:
    tamper(kept, f"UPDATE _log SET {cell} WHERE seq = 2")
    file = StoreFile(kept, schema)
    with pytest.raises(JournalDamaged, match=r"store\.sqlite3"):
        file.commits(0, 5)
    file.close()


def test_two_rows_that_changed_places_are_found(kept: Path, schema: Any, writer: Any) -> None:
    file = StoreFile(kept, schema)
    file.load()
    file.append([writer.insert("c", name="same"), writer.insert("d", name="same")])
    file.close()
    tamper(
        kept,
        "UPDATE item SET id = 'x' WHERE id = 'c'",
        "UPDATE item SET id = 'c' WHERE id = 'd'",
        "UPDATE item SET id = 'd' WHERE id = 'x'",
    )
    with pytest.raises(JournalDamaged):
        open_and_read(kept, schema)


def test_an_older_page_of_rows_is_found(kept: Path, schema: Any, writer: Any) -> None:
    """A row that is whole and well summed, but of an earlier commit: a lost write."""
    with closing(sqlite3.connect(kept)) as db:
        old = db.execute("SELECT * FROM item WHERE id = 'a'").fetchone()
    file = StoreFile(kept, schema)
    file.load()
    file.append([writer.update("a", name="newer")])
    file.close()
    with closing(sqlite3.connect(kept)) as db:
        db.execute("DELETE FROM item WHERE id = 'a'")
        db.execute(f"INSERT INTO item VALUES ({','.join('?' * len(old))})", old)
        db.commit()
    with pytest.raises(JournalDamaged, match="missing"):
        open_and_read(kept, schema)


def test_damage_to_a_row_that_is_being_updated_is_found_later_not_hidden(
    kept: Path, schema: Any, writer: Any
) -> None:
    file = StoreFile(kept, schema)
    file.load()
    tamper(kept, "UPDATE item SET name = 'tampered' WHERE id = 'a'")
    file.append([writer.update("a", qty=3)])
    file.close()
    open_and_read(kept, schema)  # the whole row was written anew
    tamper(kept, "DELETE FROM item WHERE id = 'a'")
    with pytest.raises(JournalDamaged):
        open_and_read(kept, schema)
