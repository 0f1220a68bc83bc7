"""What a command must obey as a whole, once all its changes are drawn: references and plugins."""

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from functools import cached_property

import msgspec

from mishkah.core.draft import Draft, View
from mishkah.core.errors import BrokenReference, Detail, Invalid, InvalidRow, Refused, pointer
from mishkah.core.grants import Grant, Place
from mishkah.core.references import Left, Touched, check_references
from mishkah.core.schema import Row, Schema, copied
from mishkah.core.sequences import Sequence
from mishkah.core.straight import ReadInsert, read_insert

Validator = Callable[[Row, Row | None, View], None]
"""(the new row, the old one or None, the store as the command would leave it) → None or `Invalid`.

Called for every row that a command inserts or updates, after all its changes are drawn.
"""


Law = Callable[[View], None]
"""(the store as a command would leave it) → None or `Invalid`.

Called once for every command that touches its table, deletions included.
"""


class Rules(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All that decides whether a command of one store is taken."""

    schema: Schema
    sequences: Mapping[str, tuple[Sequence, ...]] = {}
    validators: Mapping[str, tuple[Validator, ...]] = {}
    laws: Mapping[str, tuple[Law, ...]] = {}
    zone: tzinfo = UTC

    @cached_property
    def straight(self) -> Mapping[str, ReadInsert]:
        """For each table, what reads plain inserts."""
        return {table.name: read_insert(table) for table in self.schema.tables.values()}


def judge(
    draft: Draft,
    touched: Mapping[tuple[str, str], Touched],
    left: list[Left],
    rules: Rules,
    grant: Grant,
) -> list[Refused]:
    """Check references, then let the plugins see each row as the command would leave it.

    (table, id) leads to each row that was *touched*; *left* are those that others referred to.
    Of what *grant* does not show it is told that it is, and not what.
    """
    if broken := check_references(draft, touched, left, grant):
        return [BrokenReference(None, tuple(broken))]
    refusals: list[Refused] = []
    for (name, _), (old, new, at) in touched.items():
        for validator in rules.validators.get(name, ()):
            try:
                validator(copied(new), copied(old) if old is not None else None, View(draft))
            except Invalid as no:
                refusals.append(InvalidRow(None, (_said(no, name, old, at, grant),)))
    return refusals or (_obey(draft, rules.laws, grant) if rules.laws else [])


def _obey(draft: Draft, laws: Mapping[str, tuple[Law, ...]], grant: Grant) -> list[Refused]:
    """Hold the whole store, as the command would leave it, against the tables' laws."""
    touched = dict.fromkeys(change.table for change in draft.changes)
    broken: list[Refused] = []
    for law in dict.fromkeys(law for name in touched for law in laws.get(name, ())):
        try:
            law(View(draft))
        except Invalid as no:
            theirs = (name for name in touched if law in laws.get(name, ()))
            told = any(grant.names(name, ()) for name in theirs)
            text = no.text if told else InvalidRow.text
            broken.append(InvalidRow(None, (Detail("", "validator", text),)))
    return broken


def _said(no: Invalid, table: str, old: Row | None, at: Place, grant: Grant) -> Detail:
    """Return what a validator says; of what the user does not know, only that it is.

    That may be a field, or a row that the command has taken along.
    """
    if old is not None and not grant.tables[table].reads(old):
        return Detail(pointer(*at) or "/", "validator", InvalidRow.text)
    if not no.field or grant.names(table, (no.field,)):
        return Detail(pointer(*at, *filter(None, (no.field,))), "validator", no.text)
    known = no.field not in grant.whole.tables[table].fields
    text = no.text if known else InvalidRow.text
    return Detail(pointer(*at, *((no.field,) if known else ())), "validator", text)
