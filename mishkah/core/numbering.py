"""A row's numbers: taken from the counters by the commit that uses them, checked when given."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from mishkah.core.draft import Draft
from mishkah.core.errors import Detail, Text, pointer
from mishkah.core.sequences import MAX_NUMBER, Sequence
from mishkah.core.state import State


def number_row(
    draft: Draft, sequences: Iterable[Sequence], data: Mapping[str, Any], local: datetime
) -> Mapping[str, Any]:
    """Return *data* with a number in every field that has a sequence and was left out.

    The numbers are taken in *draft*: drop it, and they are free again.
    """
    filled = dict(data)
    for sequence in sequences:
        if filled.get(sequence.field) is None:
            key = (sequence.table, sequence.field, sequence.period(local))
            last = draft.counter(key)
            number = sequence.start if last is None else max(last + 1, sequence.start)
            draft.take(key, number)
            filled[sequence.field] = sequence.write(number, local)
    return filled


def check_numbers(
    draft: Draft,
    sequences: Iterable[Sequence],
    given: Mapping[str, Any],
    row: Mapping[str, Any],
    wrong: list[Detail],
    at: tuple[str | int, ...],
    *,
    move: bool,
) -> None:
    """Check the numbers that *given* brings itself.

    Such a number must have been passed by its counter; that it is free, the unique index of its
    field sees. With *move*, for seeds and imports, the counter goes up to it instead.
    """
    for sequence in sequences:
        if sequence.field not in given:
            continue
        value = row[sequence.field]
        if value is None:
            if given[sequence.field] is None:  # otherwise its type was wrong, and that is said
                wrong.append(_detail(sequence, at, "keeps its number", "يحتفظ برقمه"))
            continue
        read = sequence.parse(value)
        if read is None:
            if sequence.strict and not move:
                wrong.append(_detail(sequence, at, "is not in the form of its rule",
                                     "ليس على صيغة قاعدته"))  # fmt: skip
            continue
        number, period = read
        key = (sequence.table, sequence.field, period)
        last = draft.counter(key)
        if move:
            if number <= MAX_NUMBER and (last is None or number > last):
                draft.take(key, number)
        elif last is None or number > last:
            wrong.append(_detail(sequence, at, "is a number that was not given yet",
                                 "رقم لم يُصدر بعد"))  # fmt: skip


def _detail(sequence: Sequence, at: tuple[str | int, ...], en: str, ar: str) -> Detail:
    name = sequence.field
    return Detail(pointer(*at, name), "sequence", Text(f"{name} {en}", f"{name} {ar}"))


def adopt_numbers(state: State, sequences: Iterable[Sequence]) -> None:
    """Start the counters of rules that are newer than their rows where those rows' numbers end."""
    known = {(table, field) for table, field, _ in state.counters}
    for sequence in sequences:
        if (sequence.table, sequence.field) in known:
            continue
        rows = state.tables[sequence.table]
        for record in rows.records.values():
            read = sequence.parse(rows.table.decode(record.json)[sequence.field])
            if read is not None and read[0] <= MAX_NUMBER:
                key = (sequence.table, sequence.field, read[1])
                state.counters[key] = max(read[0], state.counters.get(key, read[0]))
