"""The judgement of a story: its log against what was asked for, told by a model of a few lines."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from mishkah.core.commit import Change, Commit
from mishkah.journal import NameKey
from simulation.tills import Deed, Rows
from simulation.world import ALL_COINS, SEEDS, TABLES


def judge(
    history: Sequence[Commit], deeds: Mapping[str, Sequence[Deed]], refused: Set[NameKey]
) -> Rows:
    """Return the rows that *history* leaves, if it keeps every promise made to *deeds*.

    *deeds* are each client's, in the order in which they were asked for; those named in *refused*
    were refused at least once, perhaps in an answer that got lost. Raises AssertionError.
    """
    assert [commit.seq for commit in history] == list(range(1, len(history) + 1))
    asked = {(client, deed.ref): deed for client, some in deeds.items() for deed in some}
    _check_answers(history, deeds, refused)
    rows: Rows = {table: {} for table in TABLES}
    for commit in history:
        if commit.name is None:
            _seed(rows, commit)
            continue
        deed = asked.get((commit.name.client, commit.name.ref))
        assert deed is not None, f"nobody asked for {commit}"
        _check_base(history, commit, deed)
        _check_effect(rows, commit, deed)
    _check_numbers(history)
    return rows


def _check_answers(
    history: Sequence[Commit], deeds: Mapping[str, Sequence[Deed]], refused: Set[NameKey]
) -> None:
    """Each write that was acknowledged is there once, in its client's order; no refused one is."""
    named = [((c.name.client, c.name.ref), c.seq) for c in history if c.name is not None]
    seqs = dict(named)
    assert len(seqs) == len(named), "a write was done twice"
    for client, some in deeds.items():
        upto = 0
        for deed in some:
            name = (client, deed.ref)
            assert deed.outcome != "waiting", f"{client} was never told what became of {deed}"
            assert (name in seqs) == (deed.outcome == "done"), f"{client} was told {deed}"
            if name in seqs and name not in refused:
                assert seqs[name] > upto, f"{deed} of {client} was done before its turn"
                upto = seqs[name]


def _seed(rows: Rows, commit: Commit) -> None:
    for change in commit.changes:
        assert change.new in [{**_empty(change.table), **row} for row in SEEDS[change.table]]
        rows[change.table][change.id] = dict(change.new or {})


def _empty(table: str) -> dict[str, Any]:
    fields: Any = TABLES[table]["fields"]
    return {name: spec.get("default") for name, spec in fields.items()}


def _check_effect(rows: Rows, commit: Commit, deed: Deed) -> None:
    """The commit did what its command asks for, all of it and nothing else, to what was there."""
    touched: dict[tuple[str, str], Any] = {}
    for op in deed.ops:
        key = (op["table"], op.get("id") or op["data"]["id"])
        table = rows[key[0]]
        before = dict(table[key[1]]) if key[1] in table else None
        if op["type"] == "INSERT":
            assert key[1] not in table
            table[key[1]] = {**_empty(key[0]), **op["data"], **_numbers_of(commit, key)}
        elif op["type"] == "DELETE":
            del table[key[1]]
        else:
            row = table[key[1]]
            row.update(op.get("changes", {}))
            row.update({field: (row[field] or 0) + n for field, n in op.get("add", {}).items()})
        if table.get(key[1]) != before:
            touched[key] = table.get(key[1])
    assert {(c.table, c.id): c.new for c in commit.changes} == touched
    for item in rows["item"].values():
        assert item["stock"] >= 0
    assert sum(purse["coins"] for purse in rows["purse"].values()) == ALL_COINS


def _numbers_of(commit: Commit, key: tuple[str, str]) -> dict[str, Any]:
    """Return the numbers that a sale was given; `_check_numbers` judges them."""
    given = next(c.new for c in commit.changes if (c.table, c.id) == key) or {}
    return {name: given[name] for name in ("no", "day_no") if name in given}


def _check_numbers(history: Iterable[Commit]) -> None:
    """Numbers count up in the order of commits: none is left out, none comes twice."""
    plain: list[str] = []
    days: dict[str, list[int]] = defaultdict(list)
    for commit in history:
        plain += commit.numbers
        for row in map(_inserted_sale, commit.changes):
            if row is not None:
                plain.append(row["no"])
                day, _, number = row["day_no"].partition("-")
                days[day].append(int(number))
    assert plain == [f"S{n}" for n in range(1, len(plain) + 1)]
    for day, numbers in days.items():
        assert numbers == list(range(1, len(numbers) + 1)), f"the numbers of {day}"


def _inserted_sale(change: Change) -> dict[str, Any] | None:
    return change.new if change.table == "sale" and change.old is None else None


def _check_base(history: Sequence[Commit], commit: Commit, deed: Deed) -> None:
    """Nobody else's change to a field came between what the user saw and what the user wrote."""
    if deed.base is None:
        return
    for op in deed.ops:
        for other in history[deed.base : commit.seq - 1]:
            if other.client != commit.client:
                clash = _written(other, op["table"], op["id"]) & set(op.get("changes", {}))
                assert not clash, f"{deed} overwrote {clash} of commit {other.seq}"


def _written(commit: Commit, table: str, identifier: str) -> set[str]:
    return {
        field
        for change in commit.changes
        if (change.table, change.id) == (table, identifier)
        for field in change.old or change.new or ()
    }
