"""The task that owns one module's rows in one branch: everything enters by its inbox, in order."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec
import trio

from mishkah.clock import Clock
from mishkah.core import wire
from mishkah.core.commands import digest
from mishkah.core.commit import Commit, Name, as_now
from mishkah.core.draft import Draft, View
from mishkah.core.errors import Internal, RefReused, Refused, StorageFull
from mishkah.core.grants import Grant, everything, lens_of
from mishkah.core.ids import StoreId
from mishkah.core.judging import Rules
from mishkah.core.messages import Ref
from mishkah.core.query import Question, read_question
from mishkah.core.state import Record, State
from mishkah.core.transact import Asked, transact
from mishkah.feed import Outbox
from mishkah.journal import Journal, JournalFull, Named, NameKey
from mishkah.requests import Ask, Join, Leave, Look, Missed, Part, Request, Reseat, Told
from mishkah.rivals import Rivals
from mishkah.showing import Showing
from mishkah.tally import StoreTally

log = logging.getLogger(__name__)


class _Done(msgspec.Struct, frozen=True):
    ask: Ask
    commit: Commit


class _Again(msgspec.Struct, frozen=True):
    """A write whose name is known: it was done by commit *seq*, perhaps in this very batch."""

    ask: Ask
    seq: int
    commit: Commit | None


class _No(msgspec.Struct, frozen=True):
    outbox: Outbox
    refusal: Refused
    ref: str | int | None


class _Work:
    """What a batch, done at *at*, has come to so far: commits, drawn on one sheet, and names."""

    def __init__(
        self, state: State, names: dict[NameKey, Named], rivals: Rivals, at: datetime
    ) -> None:
        self.draft = Draft(state)
        self.at = at
        self.commits: list[Commit] = []
        self.names = names
        self.rivals = rivals

    def add(self, commit: Commit) -> None:
        self.commits.append(commit)
        self.rivals.note(commit)
        if (name := commit.name) is not None:
            self.names[name.client, name.ref] = Named(commit.seq, name.digest)


_Outcome = _Done | _Again | _No | Join | Reseat | Missed | Part | Look | Leave


class Store:
    """One module's rows, its listeners and its history's end.

    Raises what the journal raises, but JournalFull: then memory is as before, the batch's outcome
    may be unknown, and the store is to be dropped and opened again. *applied* is told of each
    commit when it is in memory.
    """

    def __init__(
        self,
        identity: StoreId,
        rules: Rules,
        state: State,
        journal: Journal,
        clock: Clock,
        tally: StoreTally | None = None,
        applied: Callable[[Commit], None] | None = None,
    ) -> None:
        self._rules = rules
        self._state = state
        self._journal = journal
        self._clock = clock
        self._tally = tally or StoreTally()
        self._applied = applied
        self._all = everything(rules.schema)
        signature = wire.Signature(identity, journal.epoch)
        self._showing = Showing(signature, rules.schema, state, journal, self._tally)

    @property
    def outboxes(self) -> list[Outbox]:
        """Those who are shown what is committed."""
        return [listener.outbox for listener in self._showing.listeners]

    @property
    def committed(self) -> View:
        """What is committed, as it changes: never what is only asked for."""
        return View(self._state)

    @property
    def rows(self) -> int:
        return sum(len(table.records) for table in self._state.tables.values())

    @property
    def subscriptions(self) -> int:
        """How many listeners are shown every commit as it happens."""
        return sum(listener.live for listener in self._showing.listeners)

    async def serve(self, batch: Sequence[Request]) -> None:
        """Do what *batch* asks: one transaction, then every answer and delta, in order."""
        rivals = Rivals()
        await rivals.look(batch, self._state, self._journal)
        work = _Work(self._state, await self._names(batch), rivals, self._clock())
        outcomes = [
            outcome
            for request in batch
            if not request.outbox.dismissed
            for outcome in [self._work_out(request, work)]
        ]
        if work.commits:
            began = trio.current_time()
            try:
                await self._journal.append(work.commits)
                self._tally.batches.add(len(work.commits))
                self._tally.appends.add(trio.current_time() - began)
            except JournalFull as error:
                log.warning("no room for a commit: %s", error)
                outcomes = [_refused_for_room(outcome) for outcome in outcomes]
        await self._tell([await self._recall(outcome) for outcome in outcomes])
        for request in batch:
            if isinstance(request, Ask):
                request.outbox.answered(request.size)

    async def _names(self, batch: Sequence[Request]) -> dict[NameKey, Named]:
        wanted = {key for r in batch if isinstance(r, Ask) and (key := r.key) is not None}
        return await self._journal.names(wanted) if wanted else {}

    def _work_out(self, request: Request, work: _Work) -> _Outcome:
        if isinstance(request, Told):
            return _No(request.outbox, request.refusal, request.ref)
        if not isinstance(request, Ask):
            return request
        ref = request.command.ref
        try:
            name = _name(request)
            known = name and work.names.get((name.client, name.ref))
            if name and known:  # what was done is never told as refused, disk or no disk
                if known.digest != name.digest:
                    raise RefReused
                made = known.seq - self._state.seq
                return _Again(request, known.seq, work.commits[made - 1] if made > 0 else None)
            if request.number <= request.outbox.refused_upto:
                raise StorageFull
            asked = Asked(
                command=request.command,
                name=name,
                client=request.client,
                user=request.who.user,
                device=request.who.device,
                session=request.who.session,
                seen=work.rivals.of(request),
                grant=self._may(request),
            )
            seq = self._state.seq + len(work.commits) + 1
            commit = transact(work.draft, seq, asked, self._rules, work.at)
        except Refused as refusal:
            return _No(request.outbox, refusal, ref)
        except Exception:  # a bug costs the command that met it, and no other
            log.exception("a command failed")
            return _No(request.outbox, Internal(), ref)
        work.add(commit)
        return _Done(request, commit)

    async def _recall(self, outcome: _Outcome) -> _Outcome:
        """Fetch from the log what a repeated write was answered the first time."""
        if isinstance(outcome, _Again) and outcome.commit is None:
            found = await self._journal.commits(outcome.seq - 1, outcome.seq)
            commit = found[0] if found else None
            if commit is not None and commit.seq <= self._journal.migrated:
                commit = as_now(commit, self._rules.schema)
            return _Again(outcome.ask, outcome.seq, commit)
        return outcome

    async def _tell(self, outcomes: Sequence[_Outcome]) -> None:
        """Apply and publish; nobody sees half of a commit, or an answer before it."""
        answers: list[tuple[Outbox, bytes]] = []
        for outcome in outcomes:
            if isinstance(outcome, _Done):
                self._state.apply(outcome.commit)
                if self._applied is not None:
                    self._applied(outcome.commit)
                self._showing.note(outcome.commit)
                if (ref := outcome.ask.command.ref) is not None:
                    ack = self._ack(outcome.ask, ref, outcome.commit.seq, outcome.commit)
                    answers.append((outcome.ask.outbox, ack))
            elif isinstance(outcome, _Again):
                ref = outcome.ask.command.ref
                assert ref is not None
                ack = self._ack(outcome.ask, ref, outcome.seq, outcome.commit, dup=True)
                answers.append((outcome.ask.outbox, ack))
            elif isinstance(outcome, _No):
                error = outcome.outbox.refusal(outcome.refusal, outcome.ref)
                answers.append((outcome.outbox, error))
            else:
                await self._publish(answers)
                await self._attend(outcome)
        await self._publish(answers)

    def _may(self, request: Ask | Join | Look) -> Grant:
        """Return what who asks may do by now. Raises Refused where that is nothing any more."""
        return self._all if request.standing is None else request.standing()

    def _ack(
        self, ask: Ask, ref: Ref, seq: int, commit: Commit | None, *, dup: bool = False
    ) -> bytes:
        """Return the ACK of what is done, with what its user may read of it by now."""
        self._tally.acks += 1
        try:
            return wire.ack(ref, seq, commit, self._may(ask), dup=dup)
        except Refused:
            return wire.ack(ref, seq, None, self._all, dup=dup)

    async def _publish(self, answers: list[tuple[Outbox, bytes]]) -> None:
        """Send everyone the deltas, as one, and then the answers; empty the list."""
        answered = {outbox for outbox, _ in answers}
        for outbox in answered:
            outbox.gather()
        await self._showing.publish()
        for outbox, answer in answers:
            outbox.answer(answer)
        for outbox in answered:
            outbox.flush()
        answers.clear()

    async def _attend(self, request: Join | Reseat | Missed | Part | Look | Leave) -> None:
        match request:
            case Join(_, listener, asked, _):
                await self._showing.subscribe(listener, asked, lambda: self._may(request))
            case Reseat(outbox, store, standing):
                self._showing.reseat(outbox, store, standing)
            case Missed(_, listener, slow):
                await self._showing.catch_up(listener, slow=slow)
            case Part(outbox, store, view):
                for listener in list(outbox.listeners):
                    if listener.store == store and listener.is_called(view):
                        outbox.forget(listener)
            case Look():
                self._look(request)
            case Leave(outbox):
                outbox.depart()

    def _look(self, request: Look) -> None:
        """Answer a query over the rows of this moment, while the answer is sent."""
        outbox, asked = request.outbox, request.query
        try:
            question, rows, lens = self._ready(request)
        except Refused as refusal:
            outbox.refuse(refusal, asked.ref)
        else:
            answer = self._result(request, question, rows, lens)
            outbox.put_result(answer, 8 * len(rows))
        outbox.answered(request.size)

    def _ready(self, request: Look) -> tuple[Question, Sequence[Record], str]:
        """Return the question, the rows of this moment, and the lens that they are seen through."""
        grant = self._may(request)
        question = read_question(grant, request.query)
        lens = lens_of([grant.tables[question.table.name]])
        return question, question.candidates(self._state), lens

    def _result(
        self, request: Look, question: Question, rows: Sequence[Record], lens: str
    ) -> Iterator[bytes]:
        """Yield nothing while the question is worked out, then its RESULT.

        It begins anew where its reader may see something else before it has come.
        """
        seq, ref = self._state.seq, request.query.ref
        try:
            for page in question.slices(rows):
                if lens != lens_of([self._may(request).tables[question.table.name]]):
                    question, rows, lens = self._ready(request)
                    yield from self._result(request, question, rows, lens)
                    return
                yield b"" if page is None else wire.result(ref, page.rows, page.next, seq)
        except Refused as refusal:
            yield request.outbox.refusal(refusal, ref)


def _name(ask: Ask) -> Name | None:
    key = ask.key
    return None if key is None else Name(*key, digest(ask.command))


def _refused_for_room(outcome: _Outcome) -> _Outcome:
    """Refuse what a batch without room did, and what it might have seen of its neighbours.

    What the sessions had already sent is refused too when its turn comes: a later write of a
    client must not be done where an earlier one was not.
    """
    if isinstance(outcome, Join | Reseat | Missed | Part | Look | Leave):
        return outcome
    if isinstance(outcome, _Again) and outcome.commit is None:
        return outcome
    if isinstance(outcome, _No):
        return _No(outcome.outbox, StorageFull(), outcome.ref)
    outbox = outcome.ask.outbox
    outbox.refused_upto = outbox.received
    return _No(outbox, StorageFull(), outcome.ask.command.ref)
