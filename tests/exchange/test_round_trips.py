"""Any rows, through any format and back."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core import csvlines, exchange
from mishkah.core.draft import Draft
from mishkah.core.errors import Finding
from mishkah.core.judging import Rules
from mishkah.core.messages import Insert, Transaction
from mishkah.core.seeding import Live, Seeded, read_seeds
from mishkah.core.shapes import fit
from mishkah.core.soundness import read_schema
from mishkah.core.state import State
from mishkah.core.strictjson import loads
from mishkah.core.transact import Asked, transact

NOW = datetime(2025, 10, 29, tzinfo=UTC)
TYPES = ["text", "integer", "decimal", "boolean", "date", "timestamp", "json"]
SCHEMA, PROBLEMS = read_schema(
    "m",
    {"tables": {
        name: {"fields": {"id": {"type": "text", "primaryKey": True},
                          **{kind: {"type": kind} for kind in TYPES}}}
        for name in ("one", "two")
    }},
)  # fmt: skip
assert SCHEMA is not None, PROBLEMS
RULES = Rules(schema=SCHEMA)

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.sampled_from(
    ["", '"', ",", "\n", "\r\n", "null", " ", "شاي, «بالنعناع»", '""', "1", "-", "true", "\u2028"]
)
KEYS = TEXT.filter(lambda text: 0 < len(text) <= 200 and text.isprintable())
NUMBERS = st.integers(-(2**53), 2**53)
DECIMALS = st.integers(-(10**15) + 1, 10**15 - 1).map(lambda n: Decimal(n).scaleb(-9).normalize())
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("aب,"), inner),
    max_leaves=6,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT,
    "integer": NUMBERS,
    "decimal": DECIMALS,
    "boolean": st.booleans(),
    "date": st.dates().map(str),
    "timestamp": st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(
        lambda at: at.isoformat() + "Z"
    ),
    "json": JSON,
}
ROW = st.fixed_dictionaries(
    {"id": KEYS}, optional={name: st.none() | value for name, value in VALUES.items()}
)
ROWS = st.lists(
    st.tuples(st.sampled_from(["one", "two"]), ROW),
    max_size=8,
    unique_by=lambda pair: (pair[0], pair[1]["id"]),
)


def kept(rows: list[tuple[str, dict[str, Any]]]) -> State:
    state = State(RULES.schema)
    if rows:
        command = Transaction(ops=[Insert(table=table, data=row) for table, row in rows])
        state.apply(transact(Draft(state), 1, Asked(command=command, importing=True), RULES, NOW))
    return state


def records(state: State) -> dict[str, dict[str, bytes]]:
    return {
        name: {key: record.json for key, record in table.records.items()}
        for name, table in state.tables.items()
    }


def written(state: State, form: str) -> str:
    pieces = {
        "seeds": lambda: exchange.as_seeds(state, (), {}),
        "events": lambda: exchange.as_events(state, (), {}, "2025-10-29T00:00:00.000Z"),
        "ndjson": lambda: exchange.as_ndjson(state, ()),
    }[form]()
    return b"".join(pieces).decode()


def read_back(text: str, form: str) -> Seeded:
    filling = Seeded(RULES, NOW)
    if form == "events":
        filling.replay("f", fit(loads(text), Live))
    elif form == "seeds":
        filling.insert("f", read_seeds(loads(text), RULES.schema))
    else:
        filling.insert("f", list(exchange.read_ndjson("f", text, filling.findings)))
    return filling


@pytest.mark.parametrize("form", ["seeds", "events", "ndjson"])
@given(rows=ROWS)
def test_rows_come_back_as_they_were(form: str, rows: list[tuple[str, dict[str, Any]]]) -> None:
    state = kept(rows)
    filling = read_back(written(state, form), form)
    assert filling.findings == []
    assert records(filling.state) == records(state)


@given(rows=ROWS)
def test_a_table_comes_back_from_csv_as_it_was(rows: list[tuple[str, dict[str, Any]]]) -> None:
    state = kept(rows)
    filling = Seeded(RULES, NOW)
    for table in ("one", "two"):
        text = b"".join(exchange.as_csv(state, table)).decode()
        lines = exchange.read_csv("f", text, table, RULES.schema, filling.findings)
        filling.insert("f", list(lines))
    assert filling.findings == []
    assert records(filling.state) == records(state)


CELLS = st.lists(st.none() | TEXT, min_size=2, max_size=4)


@given(lines=st.lists(CELLS))
def test_cells_come_back_as_they_were(lines: list[csvlines.Cells]) -> None:
    text = b"".join(map(csvlines.written, lines)).decode()
    assert [cells for _, cells in csvlines.read(text)] == lines


@given(text=st.text(st.sampled_from('a",\r\n ')))
def test_any_text_is_csv_or_is_refused_with_its_line(text: str) -> None:
    try:
        lines = [line for line, _ in csvlines.read(text)]
    except csvlines.NotCsv as error:
        lines = [error.line]
    assert lines == sorted(lines)
    assert all(1 <= line <= len(text) + 1 for line in lines)


@pytest.mark.parametrize("text", ['{"id": "a", "id": "b"}', "[NaN]", '"\\ud800"', "[" * 99999])
def test_what_json_allows_and_we_do_not_is_refused(text: str) -> None:
    findings: list[Finding] = []
    assert list(exchange.read_ndjson("f", text, findings)) == []
    assert [finding.path for finding in findings] == ["line 1"]
    with pytest.raises(ValueError):
        loads(text)


def test_every_type_is_tried() -> None:
    assert {field.type for field in RULES.schema.tables["one"].fields.values()} == set(TYPES)
    assert json.loads(written(kept([]), "seeds"))["tables"] == {"one": [], "two": []}
