"""What every reader promises: the answers of `core.query`, over what is committed."""

import json
import threading
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.readers import reading

from mishkah.core.errors import Busy, Refused
from mishkah.core.grants import everything
from mishkah.core.messages import Query
from mishkah.core.query import Page, Question, read_question
from mishkah.core.values import number
from mishkah.journal import JournalDamaged
from mishkah.sqlite import SqliteJournals, StoreFile
from mishkah.sqlite.questions import _filter
from mishkah.sqlite.reader import CONNECTIONS, SqliteReader
from mishkah.sqlite.tables import SqlTable

_decode = msgspec.json.Decoder(float_hook=number).decode


def question(schema: Any, **asked: Any) -> Question:
    """Return what *asked* means, as it comes off the wire."""
    return read_question(everything(schema), Query(table="item", **_decode(json.dumps(asked))))


def plain(question: Question, state: Any) -> Page:
    """Return the answer as the core works it out."""
    *_, page = question.slices(question.candidates(state))
    assert page is not None
    return page


async def test_a_reader_sees_what_is_committed_and_nothing_else(
    journals: Any, store: Any, schema: Any, writer: Any
) -> None:
    item = schema.tables["item"]
    writer.full()
    async with reading(journals, store, writer) as journal:
        reader = journal.reader
        assert reader.epoch == journal.epoch
        assert await reader.head() == 5
        assert await reader.row(item, "a") == writer.state.record("item", "a")
        assert await reader.row(item, "b") is None
        assert await reader.counters() == writer.state.counters
        assert await reader.commits(1, 3) == await journal.commits(1, 3)
        writer.history.clear()
        writer.insert("late")
        assert await reader.head() == 5
        assert await reader.row(item, "late") is None
        await journal.append(writer.history)
        assert await reader.head() == 6
        found = await reader.find(question(schema, where=["id", "=", "late"]))
        assert found.seq == 6
        assert found.page.rows == [writer.state.record("item", "late").json]


async def test_pages_go_on_where_the_last_one_ended_while_rows_come_and_go(
    journals: Any, store: Any, schema: Any, writer: Any
) -> None:
    for n in range(9):
        writer.insert(f"i{n}", qty=n // 2, sold=bool(n % 2), price=n % 3 or None)
    async with reading(journals, store, writer) as journal:
        found: list[str] = []
        after: dict[str, Any] = {}
        while True:
            asked = question(schema, order=[["price", "desc"]], limit=2, **after)
            page = (await journal.reader.find(asked)).page
            found += [json.loads(line)["id"] for line in page.rows]
            if page.next is None:
                break
            after = {"after": page.next}
            writer.history.clear()
            writer.delete(found[-1])  # the row of the cursor itself goes
            writer.insert(f"a{len(found)}", price=99, qty=50 + len(found))
            await journal.append(writer.history)
    assert found == ["i2", "i5", "i8", "i1", "i4", "i7", "i0", "i3", "i6"]


async def test_groups_that_are_too_many_are_refused(
    journals: Any, store: Any, schema: Any, writer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mishkah.core.totals.MAX_GROUPS", 2)
    for n in range(3):
        writer.insert(f"i{n}")
    asked = question(schema, aggregate={"by": ["id"], "values": {"n": ["count"]}})
    async with reading(journals, store, writer) as journal:
        with pytest.raises(Refused) as no:
            await journal.reader.find(asked)
        assert no.value.code == "TOO_LARGE"
        assert await journal.reader.head() == 3  # and the reader still reads


TEXT = st.sampled_from(
    ["", "a", "ab", "b", "é", "ش", "شاي", "\U0001f600", "\uffff", "A", "a%", "_"]
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": TEXT,
    "name": TEXT,
    "select": TEXT,
    "qty": st.sampled_from([-(2**53), -1, 0, 1, 2, 2**53]),
    "price": st.sampled_from([-0.1, 0, 0.1, 0.3, 1e-9, 123456789.123456, 999999999999999, 1]),
    "made_on": st.sampled_from(["0001-01-01", "2025-01-02", "9999-12-31"]),
    "seen_at": st.sampled_from(["2025-01-02T03:04:05.000Z", "2025-01-02T03:04:05.001Z"]),
    "sold": st.booleans(),
}
ROWS = st.lists(
    st.fixed_dictionaries({n: st.none() | s for n, s in VALUES.items() if n not in ("id", "sold")}),
    max_size=8,
)  # fmt: skip


def condition(field: str) -> st.SearchStrategy[Any]:
    value = VALUES[field]
    ways = [
        st.tuples(st.just(field), st.sampled_from(["=", "!="]), value),
        st.tuples(st.just(field), st.just("in"), st.lists(value, min_size=1, max_size=3)),
        st.tuples(st.just(field), st.just("null"), st.booleans()),
    ]
    if field != "sold":
        ways.append(st.tuples(st.just(field), st.sampled_from(["<", "<=", ">", ">="]), value))
        ends = st.lists(value, min_size=2, max_size=2)
        ways.append(st.tuples(st.just(field), st.just("between"), ends))
    if value is TEXT:
        ways.append(st.tuples(st.just(field), st.sampled_from(["prefix", "contains"]), value))
    return st.one_of(ways)


FILTERS = st.recursive(
    st.sampled_from([*VALUES]).flatmap(condition),
    lambda inner: (
        st.builds(lambda parts: {"and": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda parts: {"or": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda part: {"not": part}, inner)
    ),
    max_leaves=5,
)
ORDERS = st.lists(
    st.tuples(st.sampled_from([*VALUES]), st.sampled_from(["asc", "desc"])),
    max_size=3,
    unique_by=lambda one: one[0],
)
TOTALS = st.fixed_dictionaries(
    {
        "by": st.lists(st.sampled_from([*VALUES]), max_size=2, unique=True),
        "values": st.just(
            {
                "n!": ["count"], "named!": ["count", "name"], "sum!": ["sum", "price"],
                "avg!": ["avg", "price"], "qty!": ["sum", "qty"], "low!": ["min", "seen_at"],
                "top!": ["max", "name"], "most!": ["max", "price"],
            }
        ),
    }
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.differing_executors])
@given(rows=ROWS, where=st.none() | FILTERS, order=ORDERS, limit=st.integers(1, 4), totals=TOTALS)
def test_sql_answers_what_the_core_answers(
    tmp_path_factory: Any, schema_of: Any, new_writer: Any, store: Any, rows: Any, where: Any,
    order: Any, limit: int, totals: Any,
) -> None:  # fmt: skip
    fields = {n: {"type": kind} for n, kind in _KINDS.items()}
    schema = schema_of({"item": {"fields": {"id": {"type": "text", "primaryKey": True}, **fields}}})
    writer = new_writer(schema)
    for n, row in enumerate(rows):
        writer.insert(f"{'abé'[n % 3]}{n}", **row, sold=(None, True, False)[n % 3])
    folder = tmp_path_factory.mktemp("store")
    journals = SqliteJournals(lambda store: folder / "store.sqlite3", "OFF")

    async def main() -> None:
        async with reading(journals, store, writer) as journal:
            after = None
            for _ in range(len(rows) + 1):
                asked = question(schema, where=where, order=order, limit=limit, after=after)
                page = (await journal.reader.find(asked)).page
                assert page == plain(asked, writer.state)
                after = page.next
                if after is None:
                    break
            assert after is None
            asked = question(schema, where=where, aggregate=totals)
            assert (await journal.reader.find(asked)).page == plain(asked, writer.state)

    trio.run(main)


_KINDS = {
    "name": "text", "select": "text", "qty": "integer", "price": "decimal", "made_on": "date",
    "seen_at": "timestamp", "sold": "boolean",
}  # fmt: skip


def test_a_filter_of_an_indexed_field_is_found_by_its_index(path: Path, schema: Any) -> None:
    StoreFile(path, schema).close()
    sql = SqlTable(schema.tables["item"])
    db = apsw.Connection(str(path))
    for where in (["name", "=", "x"], ["name", "in", ["x", "y"]], ["name", ">", "x"]):
        values: list[Any] = []
        held = _filter(sql, question(schema, where=where), values)
        plan = db.execute(f"EXPLAIN QUERY PLAN {sql.choose} WHERE {held}", values).fetchall()
        assert "USING INDEX idx_item_name" in str(plan)
    db.close()


async def test_a_question_that_takes_too_long_is_given_up(
    path: Path, schema: Any, writer: Any
) -> None:
    for n in range(400):
        writer.insert(f"i{n}", name="n" * 50)
    file = StoreFile(path, schema, "OFF")
    file.append(writer.history)
    reader = SqliteReader(path, file.epoch, schema, seconds=0.0001)
    slow = {"or": [["name", "contains", f"{n}"] for n in range(90)]}
    with pytest.raises(Busy):
        await reader.find(question(schema, where=slow))
    reader.close()
    patient = SqliteReader(path, file.epoch, schema)
    assert (await patient.find(question(schema, where=slow))).page.rows == []
    patient.close()
    file.close()


async def test_a_look_through_a_log_that_takes_too_long_is_given_up(
    path: Path, schema: Any, writer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mishkah.sqlite.reader._STEPS", 10)
    for n in range(400):
        writer.insert(f"i{n}", name="n" * 50)
    file = StoreFile(path, schema, "OFF")
    file.append(writer.history)
    reader = SqliteReader(path, file.epoch, schema, seconds=0.0001)
    with pytest.raises(Busy):
        await reader.history("item", "none", None, 1)
    reader.close()
    file.close()


async def test_more_questions_than_there_are_connections_take_turns(
    path: Path, schema: Any, writer: Any
) -> None:
    writer.insert("a")
    file = StoreFile(path, schema, "OFF")
    file.append(writer.history)
    reader = SqliteReader(path, file.epoch, schema)
    heads: list[int] = []

    async def ask() -> None:
        heads.append(await reader.head())

    async with trio.open_nursery() as nursery:
        for _ in range(10 * CONNECTIONS):
            nursery.start_soon(ask)
    assert heads == [1] * 10 * CONNECTIONS
    assert len(reader._idle) <= CONNECTIONS
    reader.close()
    file.close()


async def test_a_reader_writes_nothing_and_shows_no_damaged_row(
    path: Path, schema: Any, writer: Any
) -> None:
    writer.insert("a", name="tea")
    file = StoreFile(path, schema, "OFF")
    file.append(writer.history)
    reader = SqliteReader(path, file.epoch, schema)
    with pytest.raises(Exception, match="readonly"):
        await reader._read(lambda db: db.execute("DELETE FROM item"))
    other = apsw.Connection(str(path))
    for harm in ("name='milk'", "name=x'ff'", "price='much'"):
        other.execute(f"UPDATE item SET {harm}")
        with pytest.raises(JournalDamaged):
            await reader.row(schema.tables["item"], "a")
        with pytest.raises(JournalDamaged):
            await reader.find(question(schema))
    other.close()
    reader.close()
    file.close()


async def test_questions_in_many_stores_leave_threads_for_the_rest(
    path: Path, schema: Any, writer: Any
) -> None:
    writer.insert("a")
    file = StoreFile(path, schema, "OFF")
    file.append(writer.history)
    readers = [SqliteReader(path, file.epoch, schema) for _ in range(30)]
    go_on = threading.Event()
    late: list[Busy] = []

    async def ask(reader: SqliteReader) -> None:
        try:
            await reader._read(lambda db: go_on.wait())
        except Busy as busy:
            late.append(busy)

    async with trio.open_nursery() as nursery:
        for reader in readers:
            nursery.start_soon(ask, reader)
            nursery.start_soon(ask, reader)
        await trio.testing.wait_all_tasks_blocked(0.05)
        with trio.move_on_after(1) as waiting:
            await trio.to_thread.run_sync(int)
        go_on.set()
    assert not waiting.cancelled_caught
    assert late == []
    for reader in readers:
        reader.close()
    file.close()
