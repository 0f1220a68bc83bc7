"""Every value of every type comes back from every journal as it went in."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mishkah.core.commit import decode_entry, encode_entry, mark_of

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
INTEGER = st.integers(-(2**53), 2**53) | st.sampled_from([2**53, -(2**53), 0])
DECIMAL = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.integers(-(10**15) + 1, 10**15 - 1) | st.sampled_from([0, 1, -1, 10**15 - 1, 123, 100]),
    st.integers(0, 9),
)
FLOAT = st.floats(-1e15, 1e15) | st.sampled_from([2.0**53, 5e-324, -1e-300])
JSON = st.recursive(
    st.none() | st.booleans() | INTEGER | FLOAT | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXT.filter(lambda key: key != "__proto__"), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS: Mapping[str, st.SearchStrategy[Any]] = {
    "name": TEXT,
    "email": TEXT,
    "qty": INTEGER,
    "price": DECIMAL,
    "sold": st.booleans(),
    "made_on": st.dates().map(date.isoformat),
    "seen_at": st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    "info": JSON,
    "select": TEXT,
}
KEY = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
BY = st.fixed_dictionaries({n: st.none() | TEXT for n in ("user", "device", "session")})
ROW = st.fixed_dictionaries({}, optional={n: st.none() | s for n, s in FIELDS.items()})


def spelled(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return *row* for `json.dumps`, whose floats have enough digits for every decimal."""
    return {n: float(v) if isinstance(v, Decimal) else v for n, v in row.items()}


@settings(max_examples=60, suppress_health_check=[HealthCheck.differing_executors])
@given(first=ROW, second=ROW, by=BY, ref=KEY)
def test_rows_and_log_come_back_as_they_went_in(
    new_journals: Any,
    new_writer: Any,
    looked_at: Any,
    store: Any,
    schema: Any,
    first: dict[str, Any],
    second: dict[str, Any],
    by: dict[str, Any],
    ref: str,
) -> None:
    async def main() -> None:
        journals, writer = new_journals(), new_writer(schema)
        writer.by = by
        named = writer.insert("a", ("till", ref), **spelled(first))
        commits = [named, writer.update("a", **spelled(second))]
        async with journals(store, schema) as journal:
            await journal.load()
            await journal.append(commits)
        async with journals(store, schema) as journal:
            state = await journal.load()
            assert looked_at(state) == looked_at(writer.state)
            table = schema.tables["item"]
            row = table.decode(state.record("item", "a").json)
            for name, value in {**first, **second}.items():
                if name not in ("seen_at", "info") or value is None:
                    assert row[name] == value, name
                    assert value is None or type(row[name]) is type(value)
            back = await journal.commits(0, 2)
            assert back == [msgspec.structs.replace(commit, name=None) for commit in commits]
            await journal.append([writer.delete("a")])
            assert looked_at(await journal.load()) == looked_at(writer.state)

    trio.run(main)


@settings(max_examples=100)
@given(key=KEY, first=ROW, second=ROW)
def test_the_logs_spelling_of_changes_is_read_back(
    new_writer: Any, schema: Any, key: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    writer = new_writer(schema)
    writer.insert(key, **spelled(first))
    writer.update(key, **spelled(second))
    writer.delete(key)
    for commit in writer.history:
        line = encode_entry(commit, schema)
        assert (mark_of("item", key) in line) == bool(commit.changes)
        back = decode_entry(line, schema).changes
        assert repr(back) == repr(commit.changes)
        assert [c.before() for c in back] == [c.before() for c in commit.changes]
