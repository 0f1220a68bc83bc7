"""What every reader promises of the history of one row."""

from typing import Any

import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.readers import reading


async def test_the_history_of_a_row_is_told_newest_first_and_of_that_row_alone(
    journals: Any, store: Any, writer: Any
) -> None:
    writer.full()
    row = {"type": "INSERT", "table": "item", "data": {"id": "b", "name": "again"}}
    change = {"type": "UPDATE", "table": "item", "id": "b", "changes": {"name": "tea"}}
    other = {"type": "INSERT", "table": "bill", "data": {"id": "b"}}
    writer.write({"type": "TRANSACTION", "ops": [other, row, change]})
    writer.delete("b")
    async with reading(journals, store, writer) as journal:
        history = journal.reader.history

        async def told(*asked: Any) -> list[Any]:
            found = await history(*asked)
            return [(c.seq, [change.operation for change in c.changes]) for c in found]

        assert await told("item", "b", None, 9) == [
            (7, ["DELETE"]), (6, ["INSERT", "UPDATE"]), (5, ["DELETE"]), (2, ["INSERT"]),
        ]  # fmt: skip
        assert await told("item", "b", 6, 1) == [(5, ["DELETE"])]
        assert await told("item", "b", 2, 9) == await told("item", "b", 0, 9) == []
        assert await told("bill", "b", None, 9) == [(6, ["INSERT"])]
        assert await told("item", "B", None, 9) == await told("none", "b", None, 9) == []
        changed, made = await history("item", "a", None, 9)
        assert (changed.user, made.user, made.device, made.session) == (
            None, "amal", "till-1", "k1",
        )  # fmt: skip
        assert changed.changes == (await journal.commits(2, 3))[0].changes


async def test_a_history_of_large_rows_comes_a_part_at_a_time(
    journals: Any, store: Any, writer: Any
) -> None:
    writer.insert("a")
    for n in range(12):
        writer.update("a", name=f"{n}" + "x" * 1_000_000)
    async with reading(journals, store, writer) as journal:
        parts = [await journal.reader.history("item", "a", None, 99)]
        while parts[-1]:
            parts.append(await journal.reader.history("item", "a", parts[-1][-1].seq, 99))
    assert [len(part) for part in parts] == [5, 5, 3, 0]
    assert [commit.seq for part in parts for commit in part] == list(range(13, 0, -1))


TRICKY = ["a", "A", "b", 'a"', 'a","was":0,', "a\\", "é", "\u2028", "شاي", "%", "\U0001f600"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.differing_executors])
@given(
    steps=st.lists(st.tuples(st.sampled_from(TRICKY), st.sampled_from(TRICKY)), max_size=12),
    before=st.none() | st.integers(0, 14),
    limit=st.integers(1, 5),
)
def test_the_history_of_a_row_is_what_the_log_says_of_it(
    new_journals: Any, new_writer: Any, store: Any, schema: Any, steps: Any, before: Any,
    limit: int,
) -> None:  # fmt: skip
    writer = new_writer(schema)
    for n, (key, text) in enumerate(steps):
        looks_like_one = {"n": n, "like": [{"table": "item", "id": text, "was": 0}]}
        if writer.state.record("item", key) is None:
            writer.insert(key, info=looks_like_one)
        elif key == text:
            writer.delete(key)
        else:
            writer.update(key, info=looks_like_one)

    async def main() -> None:
        async with reading(new_journals(), store, writer) as journal:
            for key in TRICKY:
                expected = [
                    commit.seq
                    for commit in reversed(writer.history)
                    if commit.changes[0].id == key and (before is None or commit.seq < before)
                ]
                found = await journal.reader.history("item", key, before, limit)
                assert [commit.seq for commit in found] == expected[:limit]

    trio.run(main)
