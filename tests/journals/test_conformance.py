"""What every journal promises: what was appended is there when it is opened again, all or none."""

from typing import Any

import msgspec
import pytest

from mishkah.core.commit import Commit
from mishkah.journal import JournalFailed, Named


async def test_a_new_journal_holds_nothing(journals: Any, store: Any, schema: Any) -> None:
    async with journals(store, schema) as journal:
        state = await journal.load()
        assert (state.seq, state.counters) == (0, {})
        assert {name: len(rows.records) for name, rows in state.tables.items()} == {
            "item": 0, "bill": 0
        }  # fmt: skip
        assert await journal.commits(0, 100) == []
        assert await journal.names([("c", "r")]) == {}
        await journal.append([])
        assert (await journal.load()).seq == 0


async def test_what_was_appended_is_loaded(
    journals: Any, store: Any, schema: Any, writer: Any, looked_at: Any
) -> None:
    async with journals(store, schema) as journal:
        await journal.append(writer.full())
        assert looked_at(await journal.load()) == looked_at(writer.state)


async def test_it_is_there_when_the_journal_is_opened_again(
    journals: Any, store: Any, schema: Any, writer: Any, looked_at: Any
) -> None:
    async with journals(store, schema) as journal:
        epoch = journal.epoch
        for commit in writer.full():
            await journal.append([commit])
    async with journals(store, schema) as journal:
        assert journal.epoch == epoch
        assert looked_at(await journal.load()) == looked_at(writer.state)
        await journal.append([writer.insert("c", qty=9)])
        await journal.append([writer.update("a", qty=10), writer.delete("c")])
    async with journals(store, schema) as journal:
        assert looked_at(await journal.load()) == looked_at(writer.state)


async def test_rows_keep_the_order_in_which_they_came(
    journals: Any, store: Any, schema: Any, writer: Any
) -> None:
    for key in ["z", "a", "m", "b"]:
        writer.insert(key)
    writer.update("z", name="changed last")
    writer.delete("a")
    writer.insert("a")
    async with journals(store, schema) as journal:
        await journal.append(writer.history)
        state = await journal.load()
    assert list(state.ids("item")) == list(writer.state.ids("item")) == ["z", "m", "b", "a"]


async def test_the_log_gives_the_commits_as_they_were(
    journals: Any, store: Any, schema: Any, writer: Any
) -> None:
    async with journals(store, schema) as journal:
        await journal.append(writer.full())
        without_names = [msgspec.structs.replace(c, name=None) for c in writer.history]
        assert await journal.commits(0, 5) == without_names
        for after, upto in [(0, 0), (1, 3), (4, 5), (2, 99), (5, 5), (9, 12), (3, 1)]:
            expected = [c for c in without_names if after < c.seq <= upto]
            assert await journal.commits(after, upto) == expected


async def test_a_log_of_large_commits_is_read_a_part_at_a_time(
    journals: Any, store: Any, schema: Any, writer: Any
) -> None:
    for n in range(12):
        writer.insert(f"i{n}", name="x" * 1_000_000)
    async with journals(store, schema) as journal:
        await journal.append(writer.history)
        parts = [await journal.commits(0, 12)]
        while parts[-1][-1].seq < 12:
            parts.append(await journal.commits(parts[-1][-1].seq, 12))
    assert [len(part) for part in parts] == [5, 5, 2]
    assert [commit.seq for part in parts for commit in part] == list(range(1, 13))


async def test_replaying_the_log_gives_the_state(
    journals: Any, store: Any, schema: Any, writer: Any, new_writer: Any, looked_at: Any
) -> None:
    async with journals(store, schema) as journal:
        await journal.append(writer.full())
        replayed = new_writer(schema).state
        for commit in await journal.commits(0, 99):
            replayed.apply(commit)
    assert looked_at(replayed) == looked_at(writer.state)


async def test_names_lead_to_the_commits_that_used_them(
    journals: Any, store: Any, schema: Any, writer: Any
) -> None:
    async with journals(store, schema) as journal:
        await journal.append(writer.full())
        wanted = [("till", "1"), ("till", "2"), ("till", "3"), ("other", "1"), ("", "")]
        found = await journal.names(wanted)
        assert found == {
            (c.name.client, c.name.ref): Named(c.seq, c.name.digest)
            for c in writer.history
            if c.name is not None
        }
        assert set(found) == set(wanted[:2])
    async with journals(store, schema) as journal:
        assert await journal.names(wanted) == found
        assert await journal.names([]) == {}


@pytest.mark.parametrize("ref", ["r", "1", 1, -5, 2**53, "مرجع 😀"])
async def test_a_ref_comes_back_as_it_was_sent(
    journals: Any, store: Any, schema: Any, writer: Any, ref: Any
) -> None:
    async with journals(store, schema) as journal:
        delete = {"type": "DELETE", "table": "item", "id": "a"}
        await journal.append([writer.insert("a"), writer.write({**delete, "ref": ref})])
        (commit,) = await journal.commits(1, 2)
        assert (commit.ref, type(commit.ref)) == (ref, type(ref))


async def test_counters_go_on_where_they_were(
    journals: Any, store: Any, schema: Any, writer: Any, new_writer: Any
) -> None:
    async with journals(store, schema) as journal:
        await journal.append([writer.bill("1"), writer.bill("2")])
        await journal.append([writer.bill("3")])
    async with journals(store, schema) as journal:
        state = await journal.load()
        assert state.counters == {("bill", "code", ""): 3}
        commit = new_writer(schema, state).bill("4")
        assert commit.changes[0].new == {"id": "4", "code": "B4"}
        await journal.append([commit])


async def refused(journal: Any, commits: list[Commit]) -> None:
    with pytest.raises((JournalFailed, AssertionError)):
        await journal.append(commits)


async def test_an_append_with_a_gap_is_refused(
    journals: Any, store: Any, schema: Any, writer: Any, looked_at: Any
) -> None:
    one, two, three = (writer.insert(key) for key in "abc")
    async with journals(store, schema) as journal:
        await refused(journal, [two])
        await journal.append([one])
        await refused(journal, [one])
        await refused(journal, [three])
        assert (await journal.load()).seq == 1
        await journal.append([two])
        await journal.append([three])
        assert looked_at(await journal.load()) == looked_at(writer.state)


async def test_of_a_batch_with_a_gap_nothing_is_kept(
    journals: Any, store: Any, schema: Any, writer: Any
) -> None:
    one, two, three = (writer.insert(key, ("c", key)) for key in "abc")
    async with journals(store, schema) as journal:
        await refused(journal, [one, three])
        assert (await journal.load()).seq == 0
        assert await journal.names([("c", "a")]) == {}
        await journal.append([one, two, three])
        assert (await journal.load()).seq == 3


async def test_two_stores_share_nothing(
    journals: Any, store: Any, schema: Any, writer: Any, new_writer: Any
) -> None:
    other = type(store)("other", "m")
    async with journals(store, schema) as here, journals(other, schema) as there:
        await here.append([writer.insert("a", ("c", "r"))])
        assert (await there.load()).seq == 0
        assert await there.names([("c", "r")]) == {}
        await there.append([new_writer(schema).insert("b", ("c", "r"))])
        assert list((await here.load()).ids("item")) == ["a"]


async def test_a_journal_that_was_not_loaded_takes_the_next_commit_too(
    new_journals: Any, store: Any, schema: Any, writer: Any
) -> None:
    async with new_journals()(store, schema) as journal:
        await journal.append([writer.insert("a")])
        assert (await journal.load()).seq == 1
