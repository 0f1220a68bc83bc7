"""A row's numbers: taken from the counters by the commit that uses them, checked when given."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from mishkah.core.commit import Taken
from mishkah.core.draft import Draft, is_held
from mishkah.core.errors import Detail, Text, pointer
from mishkah.core.sequences import MAX_NUMBER, Sequence
from mishkah.core.state import CounterKey, State


def number_row(
    draft: Draft, sequences: Iterable[Sequence], data: Mapping[str, Any], local: datetime
) -> Mapping[str, Any]:
    """Return *data* with a number in every field that has a sequence and was left out.

    The numbers are taken in *draft*: drop it, and they are free again.
    """
    filled = dict(data)
    for sequence in sequences:
        if filled.get(sequence.field) is None:
            filled[sequence.field] = next_number(draft, sequence, local)
    return filled


def next_number(draft: Draft, sequence: Sequence, local: datetime) -> str:
    """Take the next number of *sequence* in *draft*; return its text."""
    key = (sequence.table, sequence.field, sequence.period(local))
    last = draft.counter(key)
    number = sequence.start if last is None else max(last + 1, sequence.start)
    while _is_held(draft, sequence, text := sequence.write(number, local)):
        number += 1
    draft.take(key, number)
    return text


NO_SEQUENCE = Text("This field has no sequence rule", "هذا الحقل بلا قاعدة ترقيم")


def _is_held(draft: Draft, sequence: Sequence, text: str) -> bool:
    """Tell whether a row has *text* already, as rows older than their rule may."""
    table = draft.schema.tables[sequence.table]
    if sequence.field == table.primary_key:
        return draft.record(table.name, text) is not None
    return is_held(draft, table.name, table.index_of(sequence.field), (text,))


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
        elif sequence.dated:
            wrong.append(_detail(sequence, at, "is not to be chosen: its rule counts on from one "
                                 "date to the next", "لا يُختار: قاعدته تواصل العد من تاريخ "
                                 "إلى آخر"))  # fmt: skip
        elif last is None or number > last:
            wrong.append(_detail(sequence, at, "is a number that was not given yet",
                                 "رقم لم يُصدر بعد"))  # fmt: skip


def _detail(sequence: Sequence, at: tuple[str | int, ...], en: str, ar: str) -> Detail:
    name = sequence.field
    return Detail(pointer(*at, name), "sequence", Text(f"{name} {en}", f"{name} {ar}"))


def adopted(state: State, sequences: Iterable[Sequence]) -> tuple[Taken, ...]:
    """Return the counters that have fallen behind *state*'s rows, as they should be.

    That happens where a rule is newer than its rows, or reads other texts as numbers than before.
    """
    ends: dict[CounterKey, int] = {}
    for sequence in sequences:
        for text in _texts(state, sequence):
            read = sequence.parse(text)
            if read is not None and read[0] <= MAX_NUMBER:
                key = (sequence.table, sequence.field, read[1])
                ends[key] = max(read[0], ends.get(key, -1))
    return tuple(
        Taken(*key, number) for key, number in ends.items() if number > state.counters.get(key, -1)
    )


def _texts(state: State, sequence: Sequence) -> Iterator[str]:
    """Yield every text that the field of *sequence* has."""
    rows = state.tables[sequence.table]
    if sequence.field == rows.table.primary_key:
        yield from rows.records
    else:
        for (text,) in rows.indexes[rows.table.index_of(sequence.field)]:
            yield text
