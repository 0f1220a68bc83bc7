"""The task that owns one module's rows in one branch: everything enters by its inbox, in order."""

import logging
from collections.abc import Sequence

import msgspec
import trio

from mishkah.clock import Clock
from mishkah.core import wire
from mishkah.core.commands import Write, digest
from mishkah.core.commit import Commit, Name
from mishkah.core.draft import Draft
from mishkah.core.errors import Internal, RefReused, Refused, StorageFull
from mishkah.core.frames import GOING_AWAY
from mishkah.core.ids import StoreId
from mishkah.core.state import State
from mishkah.core.transact import Asked, Rules, transact
from mishkah.feed import Outbox
from mishkah.journal import Journal, JournalFull, Named, NameKey

log = logging.getLogger(__name__)

MAX_BATCH = 512
"""Requests that share one transaction."""
MAX_BATCH_BYTES = 4 * 2**20
"""Bytes of commands that do, the last of them aside."""
TURNS = 3
"""Turns of the event loop from a socket's bytes to the inbox, about."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A command: its size on the wire, the how-manyth of its session it is, and who asks."""

    outbox: Outbox
    command: Write
    size: int
    number: int
    client: str | None = None

    @property
    def key(self) -> NameKey | None:
        ref = self.command.ref
        return None if self.client is None or ref is None else (self.client, str(ref))


class Told(msgspec.Struct, frozen=True):
    """A refusal that was clear before the store saw it; told in its turn."""

    outbox: Outbox
    refusal: Refused
    ref: str | int | None


class Join(msgspec.Struct, frozen=True):
    """Show me everything, and then what changes."""

    outbox: Outbox


class Leave(msgspec.Struct, frozen=True):
    """When all that I asked is answered, close my outbox."""

    outbox: Outbox


Request = Ask | Told | Join | Leave


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


_Outcome = _Done | _Again | _No | Join | Leave


class Store:
    """One module's rows, its listeners and its history's end.

    Raises what the journal raises, but JournalFull: then memory is as before, the batch's outcome
    may be unknown, and the store is to be dropped and opened again.
    """

    def __init__(
        self,
        identity: StoreId,
        rules: Rules,
        state: State,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self.listeners: list[Outbox] = []
        self._rules = rules
        self._state = state
        self._journal = journal
        self._clock = clock
        self._sign = wire.Store(identity, journal.epoch)
        self._shown = state.seq
        self._snapshot: wire.Snapshot | None = None

    async def serve(self, batch: Sequence[Request]) -> None:
        """Do what *batch* asks: one transaction, then every answer and delta, in order."""
        names = await self._names(batch)
        draft = Draft(self._state)
        commits: list[Commit] = []
        outcomes = [
            outcome
            for request in batch
            if not request.outbox.dismissed
            for outcome in [self._work_out(request, draft, commits, names)]
        ]
        if commits:
            try:
                await self._journal.append(commits)
            except JournalFull as error:
                log.warning("no room for a commit: %s", error)
                outcomes = [_refused_for_room(outcome, names) for outcome in outcomes]
        self._tell([await self._recall(outcome) for outcome in outcomes])
        for request in batch:
            if isinstance(request, Ask):
                request.outbox.answered(request.size)

    async def _names(self, batch: Sequence[Request]) -> dict[NameKey, Named]:
        wanted = {r.key for r in batch if isinstance(r, Ask) and r.key is not None}
        return await self._journal.names(wanted) if wanted else {}

    def _work_out(
        self,
        request: Request,
        draft: Draft,
        commits: list[Commit],
        names: dict[NameKey, Named],
    ) -> _Outcome:
        if isinstance(request, Told):
            return _No(request.outbox, request.refusal, request.ref)
        if not isinstance(request, Ask):
            return request
        ref = request.command.ref
        try:
            if request.number <= request.outbox.refused_upto:
                raise StorageFull
            name = _name(request)
            known = name and names.get((name.client, name.ref))
            if name and known:
                if known.digest != name.digest:
                    raise RefReused
                made = known.seq - self._state.seq
                return _Again(request, known.seq, commits[made - 1] if made > 0 else None)
            commit = self._transact(request, name, draft, self._state.seq + len(commits) + 1)
        except Refused as refusal:
            return _No(request.outbox, refusal, ref)
        except Exception:  # a bug costs the command that met it, and no other
            log.exception("a command failed")
            return _No(request.outbox, Internal(), ref)
        draft.add(commit)
        commits.append(commit)
        if name:
            names[name.client, name.ref] = Named(commit.seq, name.digest)
        return _Done(request, commit)

    def _transact(self, ask: Ask, name: Name | None, draft: Draft, seq: int) -> Commit:
        asked = Asked(command=ask.command, name=name, client=ask.client)
        return transact(draft, seq, asked, self._rules, self._clock())

    async def _recall(self, outcome: _Outcome) -> _Outcome:
        """Fetch from the log what a repeated write was answered the first time."""
        if isinstance(outcome, _Again) and outcome.commit is None:
            found = await self._journal.commits(outcome.seq - 1, outcome.seq)
            return _Again(outcome.ask, outcome.seq, found[0] if found else None)
        return outcome

    def _tell(self, outcomes: Sequence[_Outcome]) -> None:
        """Apply and publish; nothing waits in here, so nobody sees half of it."""
        frames: list[bytes] = []
        answers: list[tuple[Outbox, bytes]] = []
        for outcome in outcomes:
            if isinstance(outcome, _Done):
                frames.append(self._apply(outcome.commit))
                if (ref := outcome.ask.command.ref) is not None:
                    ack = wire.ack(ref, outcome.commit.seq, outcome.commit)
                    answers.append((outcome.ask.outbox, ack))
            elif isinstance(outcome, _Again):
                ref = outcome.ask.command.ref
                assert ref is not None
                ack = wire.ack(ref, outcome.seq, outcome.commit, dup=True)
                answers.append((outcome.ask.outbox, ack))
            elif isinstance(outcome, _No):
                answers.append((outcome.outbox, wire.error(outcome.refusal, outcome.ref)))
            else:
                self._publish(frames, answers)
                self._come_or_go(outcome)
        self._publish(frames, answers)

    def _apply(self, commit: Commit) -> bytes:
        self._state.apply(commit)
        self._snapshot = None
        if not commit.changes:
            return b""
        prev, self._shown = self._shown, commit.seq
        if not self.listeners:
            return b""
        return wire.deltas(self._sign, self._rules.schema, commit, prev)

    def _publish(self, frames: list[bytes], answers: list[tuple[Outbox, bytes]]) -> None:
        """Send every listener the deltas, as one, and then the answers; empty both lists."""
        if pieces := list(wire.joined(frames)):
            for listener in self.listeners:
                listener.put(pieces)
            self.listeners = [listener for listener in self.listeners if listener.open]
        for outbox, answer in answers:
            outbox.answer(answer)
        frames.clear()
        answers.clear()

    def _come_or_go(self, outcome: Join | Leave) -> None:
        self.listeners = [listener for listener in self.listeners if listener.open]
        if isinstance(outcome, Leave):
            outcome.outbox.close(GOING_AWAY, "the server is stopping")
            return
        if self._snapshot is None:  # the next to join before anything changes share it
            self._snapshot = wire.Snapshot(self._sign, self._state)
        outcome.outbox.put_snapshot(self._snapshot)
        self.listeners.append(outcome.outbox)


def _name(ask: Ask) -> Name | None:
    return None if ask.key is None else Name(*ask.key, digest(ask.command))


def _refused_for_room(outcome: _Outcome, names: dict[NameKey, Named]) -> _Outcome:
    """Refuse what a batch without room did, and what it might have seen of its neighbours.

    What the sessions had already sent is refused too when its turn comes: a later write of a
    client must not be done where an earlier one was not.
    """
    if isinstance(outcome, Join | Leave):
        return outcome
    if isinstance(outcome, _Again) and outcome.commit is None:
        return outcome
    if isinstance(outcome, _No):
        return _No(outcome.outbox, StorageFull(), outcome.ref)
    outbox = outcome.ask.outbox
    outbox.refused_upto = outbox.received
    return _No(outbox, StorageFull(), outcome.ask.command.ref)


async def waiting(first: Request, inbox: trio.MemoryReceiveChannel[Request]) -> list[Request]:
    """Return *first* and everything else that is about to come, to share one transaction.

    What a socket has received takes a few turns of the loop to get here. While more comes in these
    turns, waiting for it costs less than a transaction, and a round of frames, of its own.
    """
    batch = [first]
    size = _size(first)
    before = 0
    while before < len(batch):
        before = len(batch)
        for _ in range(TURNS):
            await trio.lowlevel.checkpoint()
        while len(batch) < MAX_BATCH and size < MAX_BATCH_BYTES:
            try:
                batch.append(inbox.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                break
            size += _size(batch[-1])
    return batch


def _size(request: Request) -> int:
    return request.size if isinstance(request, Ask) else 0
