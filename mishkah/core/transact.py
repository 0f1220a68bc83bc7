"""Work out what a command would do, without doing it."""

from datetime import datetime
from typing import Any, NoReturn

import msgspec
from msgspec import UNSET

from mishkah.core.adding import UNNAMED, added
from mishkah.core.commands import ops_of
from mishkah.core.commit import Change, Commit, Name
from mishkah.core.draft import Draft
from mishkah.core.errors import (
    BadMessage,
    Conflict,
    Detail,
    Duplicate,
    InvalidRow,
    NotFound,
    Refused,
    pointer,
)
from mishkah.core.filling import Occasion, changed, complete, occasion
from mishkah.core.grants import DELETE, INSERT, UPDATE, Grant, Place, TableGrant, everything
from mishkah.core.judging import Rules, judge
from mishkah.core.messages import Delete, Insert, Next, Op, Transaction, Update, Write
from mishkah.core.numbering import NO_SEQUENCE, check_numbers, next_number, number_row
from mishkah.core.references import Left, Touched, referring
from mishkah.core.rules import CASCADE, SET_NULL
from mishkah.core.schema import Row, Table
from mishkah.core.seen import Seen
from mishkah.core.uniqueness import taken_by_others


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A command, and who asked for it under which name.

    *importing* is true for seeds and imports, whose numbers move the counters. *seen* is the state
    that the command's user saw, where the command says so. *grant* is what the user may do; None
    is the house itself, which may do all.
    """

    command: Write
    name: Name | None = None
    client: str | None = None
    user: str | None = None
    device: str | None = None
    session: str | None = None
    importing: bool = False
    seen: Seen | None = None
    grant: Grant | None = None


def transact(draft: Draft, seq: int, asked: Asked, rules: Rules, at: datetime) -> Commit:
    """Return the commit *seq* that *asked* makes, now drawn on *draft*, or raise `Refused`.

    Then *draft* is as it was. *at* has a zone. A refusal has every error of the command.
    """
    draft.begin()
    try:
        return _drawn(draft, seq, asked, rules, at)
    except BaseException:
        draft.take_back()
        raise


def _drawn(draft: Draft, seq: int, asked: Asked, rules: Rules, at: datetime) -> Commit:
    by = occasion(at, rules.zone, importing=asked.importing)
    work = _Work(draft, seq, asked, rules, by)
    many = isinstance(asked.command, Transaction)
    numbers = work.take(asked.command) if isinstance(asked.command, Next) else ()
    refusals: list[Refused] = []
    for i, op in enumerate(ops_of(asked.command)):
        try:
            work.do(op, ("ops", i) if many else ())
        except Refused as refusal:
            refusals.append(refusal)
    if not refusals:
        refusals = judge(draft, work.touched, work.left, rules, work.grant)
    if refusals:
        _refuse(refusals)
    return Commit(
        seq=seq,
        at=by.now,
        changes=tuple(draft.changes),
        counters=tuple(draft.taken.values()),
        name=asked.name,
        client=asked.client,
        ref=asked.command.ref,
        user=asked.user,
        device=asked.device,
        session=asked.session,
        numbers=numbers,
    )


def _refuse(refusals: list[Refused]) -> NoReturn:
    """Raise one refusal that holds the details of all."""
    first = refusals[0]
    if len(refusals) == 1:
        raise first
    details = tuple(detail for refusal in refusals for detail in refusal.details)
    if isinstance(first, Conflict):
        raise Conflict(details, first.current)
    raise type(first)(first.said, details)


class _Work:
    """One command being drawn."""

    def __init__(self, draft: Draft, seq: int, asked: Asked, rules: Rules, by: Occasion) -> None:
        self.draft = draft
        self.grant = asked.grant or everything(rules.schema)
        self._named = asked.name is not None
        self._seen = asked.seen
        self._seq = seq
        self._rules = rules
        self._by = by
        self.touched: dict[tuple[str, str], Touched] = {}
        self.left: list[Left] = []

    def take(self, asked: Next) -> tuple[str, ...]:
        """Take numbers of a sequence that no row has yet."""
        leave = self.grant.table(asked.table)
        leave.permit(INSERT, ())
        for sequence in self._rules.sequences.get(asked.table, ()):
            if sequence.field == asked.field and asked.field in leave.known:
                local = self._by.local
                return tuple(next_number(self.draft, sequence, local) for _ in range(asked.count))
        raise InvalidRow(None, (Detail(pointer("field"), "sequence", NO_SEQUENCE),))

    def do(self, op: Op, at: Place) -> None:
        leave = self.grant.table(op.table, at)
        if isinstance(op, Insert):
            self._insert(leave, op, at)
        elif isinstance(op, Update):
            self._update(leave, op, at)
        else:
            self._delete(leave, op, at)

    def _insert(self, leave: TableGrant, op: Insert, at: Place) -> None:
        table, permit = leave.table, leave.permit(INSERT, at)
        leave.check_given(permit, op.data, at)
        wrong: list[Detail] = []
        sequences = self._rules.sequences.get(table.name, ())
        data: Row = op.data
        if sequences:
            data = number_row(self.draft, sequences, op.data, self._by.local)
        row = None
        if leave.knows_all and not self._by.importing:
            row = self._rules.straight[table.name](data, self._by.now, self._by.today)
        if row is None:
            ours = data.keys() - op.data.keys()
            row = complete(table, data, self._by, wrong, *at, known=leave.known, ours=ours)
        if [sequence for sequence in sequences if sequence.field in op.data]:
            given = {name: value for name, value in op.data.items() if name in leave.known}
            check_numbers(self.draft, sequences, given, row, wrong, at, move=self._by.importing)
        identifier = row[table.primary_key]
        _raise(wrong, taken_by_others(self.draft, leave, None, row, row, at))
        leave.check_rows(permit, at, row)
        self._put(table, identifier, None, row, row, at)

    def _update(self, leave: TableGrant, op: Update, at: Place) -> None:
        table, permit = leave.table, leave.permit(UPDATE, at)
        shown, seq, row = self._readable(leave, op.id, at)
        wrong: list[Detail] = []
        given: Row = {} if op.changes is UNSET else op.changes
        if op.add is not UNSET:
            if not self._named:
                raise BadMessage(UNNAMED)
            leave.check_added(op.add, at)
            given = {**added(table, row, op.add, given, wrong, at, leave.known), **given}
        if self._seen is not None and op.changes is not UNSET:
            known = [name for name in op.changes if name in leave.known]
            self._seen.check(shown, op.id, seq, row, known, at)
        unseen = [name for name in given if not leave.reads_field(name)]
        changes = changed(table, row, given, self._by, wrong, *at, unseen=unseen, known=leave.known)
        leave.check_given(permit, [name for name in given if name in changes], at)
        new = {**row, **changes}
        sequences = self._rules.sequences.get(table.name, ())
        if sequences and changes:
            check_numbers(self.draft, sequences, changes, new, wrong, at, move=self._by.importing)
        _raise(wrong, taken_by_others(self.draft, leave, op.id, new, changes, at))
        leave.check_rows(permit, at, row, new)
        if changes:
            self._put(table, op.id, row, new, {name: row[name] for name in changes}, at, seq)
            self.left.append(Left(table.name, row, at))

    def _delete(self, leave: TableGrant, op: Delete, at: Place) -> None:
        table, permit = leave.table, leave.permit(DELETE, at)
        shown, seq, row = self._readable(leave, op.id, at)
        leave.check_rows(permit, at, row)
        if self._seen is not None:
            self._seen.check(shown, op.id, seq, row, None, at)
        going = [(table, op.id)]
        while going:
            going += self._remove(*going.pop(), at)

    def _remove(self, table: Table, identifier: str, at: Place) -> list[tuple[Table, str]]:
        """Delete a row; return those that go with it, and empty what is set to null."""
        if self.draft.record(table.name, identifier) is None:
            return []  # it went before, by another path
        seq, row = self._existing(table, identifier, at)
        change = Change(table=table.name, id=identifier, was=seq, new=None, old=row, json=b"")
        self.draft.put(change, self._seq)
        self.touched.pop((table.name, identifier), None)
        self.left.append(Left(table.name, row, at))
        with_it: list[tuple[Table, str]] = []
        for child, field, holder in referring(self.draft, table.name, row):
            assert field.references is not None
            if field.references.on_delete == CASCADE:
                with_it.append((child, holder))
            elif field.references.on_delete == SET_NULL:
                was, old = self._existing(child, holder, at)
                kept = {field.name: old[field.name]}
                self._put(child, holder, old, {**old, field.name: None}, kept, at, was)
                self.left.append(Left(child.name, old, at))
        return with_it[::-1]

    def _readable(
        self, leave: TableGrant, identifier: str, at: Place
    ) -> tuple[Table, int, dict[str, Any]]:
        """Return a row that the user may read, and the table as it is read.

        Raises NotFound for the others too: whether they are there is not told.
        """
        seq, row = self._existing(leave.table, identifier, at)
        if leave.shown is None or not leave.reads(row):
            raise NotFound(None, (Detail(pointer(*at, "id"), "id", NotFound.text),))
        return leave.shown, seq, row

    def _existing(self, table: Table, identifier: str, at: Place) -> tuple[int, dict[str, Any]]:
        record = self.draft.record(table.name, identifier)
        if record is None:
            raise NotFound(None, (Detail(pointer(*at, "id"), "id", NotFound.text),))
        return record.seq, table.decode(record.json)

    def _put(
        self,
        table: Table,
        identifier: str,
        before: Row | None,
        new: dict[str, Any],
        old: Row,
        at: Place,
        was: int = 0,
    ) -> None:
        change = Change(
            table=table.name,
            id=identifier,
            was=was,
            new=new,
            old=None if before is None else old,
            json=table.encode(new),
        )
        self.draft.put(change, self._seq)
        known = self.touched.get((table.name, identifier))
        first = before if known is None else known.before
        self.touched[table.name, identifier] = Touched(first, new, at)


def _raise(wrong: list[Detail], taken: list[Detail]) -> None:
    """Refuse a row for what is wrong with it, or else for what another row already has."""
    if wrong:
        raise InvalidRow(None, (*wrong, *taken))
    if taken:
        raise Duplicate(None, tuple(taken))
