"""What one store shows to whom: snapshots, the log to those who come back, commits to all."""

from collections.abc import Callable

from mishkah.core import wire
from mishkah.core.commit import Commit
from mishkah.core.errors import Refused, TooLarge, too_many
from mishkah.core.frames import POLICY_VIOLATION
from mishkah.core.grants import Grant
from mishkah.core.ids import StoreId
from mishkah.core.messages import WHOLE, Ref, Subscribe
from mishkah.core.missed import as_they_were, without_visits
from mishkah.core.schema import Schema
from mishkah.core.state import State
from mishkah.core.views import View, read_view
from mishkah.dispatch import Dispatch, together
from mishkah.feed import Outbox
from mishkah.following import OTHER_RIGHTS, shows_the_same
from mishkah.journal import Journal
from mishkah.letters import Piece
from mishkah.listener import Listener
from mishkah.tally import StoreTally

STEP = 1000
"""Commits of the log that are read at a time, while the others wait."""
STEP_BYTES = 2**20
"""Bytes of them that are sent at a time, about."""
BAD_VIEW = (POLICY_VIOLATION, "there are no such tables")
FAR = 1000
"""So many missed commits may be more to send than a snapshot; it is looked at."""
_BYTES = 250
"""What a commit takes on the wire, about."""
_HIDDEN = 5 * 2**20
"""What a view that leaves out what its reader may not see is taken to have: its size would tell."""


class Showing:
    """The subscriptions of one store. Only the store's task uses it."""

    def __init__(
        self,
        signature: wire.Signature,
        schema: Schema,
        state: State,
        journal: Journal,
        tally: StoreTally | None = None,
    ) -> None:
        self._signature = signature
        self._schema = schema
        self._state = state
        self._journal = journal
        self._dispatch = Dispatch(signature, schema, tally)

    @property
    def listeners(self) -> list[Listener]:
        return self._dispatch.listeners

    def note(self, commit: Commit) -> None:
        """Write down what *commit*, which was just applied, looks like in each view."""
        self._dispatch.note(commit)

    async def publish(self) -> None:
        """Send what was noted; others have their turn while many are sent it."""
        await self._dispatch.publish()

    async def subscribe(
        self, listener: Listener, asked: Subscribe, standing: Callable[[], Grant]
    ) -> None:
        """Begin a subscription: say so, then send what *listener* has not seen."""
        try:
            view = read_view(standing(), asked.tables, asked.where)
            listener.asked = asked
            self._replace(listener, view)
        except Refused as refusal:
            self._refuse(listener, refusal, asked.ref)
            return
        listener.asking = True
        stale = self._stale(asked, view)
        missed = None
        if asked.since is not None and not stale:
            missed = await self._read(asked.since)
            stale = "too_old" if missed is None else ""
        if not listener.seed:
            self._welcome(listener, view, asked.ref, resumed=missed is not None)
            if stale:
                self._tell(listener, "RESYNC", reason=stale)
        if asked.since is not None and missed is not None:
            listener.cursor = listener.told = asked.since
            self._send_missed(listener, view, missed)
        else:
            self._send_snapshot(listener, view)

    def reseat(self, outbox: Outbox, store: StoreId, standing: Callable[[], Grant]) -> None:
        """Show in each view of *outbox* what its client may see by now, where that is another.

        What waits of the old view is dropped, and the client told so before the answers that are
        left: their commits it will see in the snapshot. One that can't be told, or whose view is
        no more, is closed, to come back. Who may be there no more is sent away by who follows that.
        """
        try:
            grant = standing()
        except Refused:
            return
        for listener in list(outbox.listeners):
            if listener.store == store and outbox.open:
                self._reseat(listener, grant)

    def _reseat(self, listener: Listener, grant: Grant) -> None:
        asked, old, outbox = listener.asked, listener.view, listener.outbox
        if asked is None or old is None:
            return
        if not listener.held and shows_the_same(listener, grant):
            return
        try:
            view = read_view(grant, asked.tables, asked.where)
        except Refused:
            view = None
        if view is None or listener.seed:
            outbox.forget(listener)
            outbox.close(*OTHER_RIGHTS)
            return
        outbox.forget(listener, self._of(old).tell("RESYNC", old.id, reason="rules"))
        again = Listener(outbox, listener.store, seed=False)
        again.asked = asked
        self._replace(again, view)
        self._welcome(again, view, None, resumed=False)
        self._send_snapshot(again, view)

    async def catch_up(self, listener: Listener, *, slow: bool) -> None:
        """Send what a listener that fell behind has missed."""
        view = listener.view
        if not listener.wanted or listener.live or view is None or not listener.outbox.open:
            listener.asking = False
            return
        far = slow and not listener.seed and self._is_far(view, listener.cursor)
        missed = None if listener.cursor < 0 or far else await self._read(listener.cursor)
        if missed is None:
            self._send_snapshot(listener, view)
        else:
            self._send_missed(listener, view, missed)

    def _refuse(self, listener: Listener, refusal: Refused, ref: Ref | None) -> None:
        listener.outbox.forget(listener)
        listener.outbox.refuse(refusal, ref)
        if listener.seed:
            listener.outbox.close(*BAD_VIEW)

    def _replace(self, listener: Listener, view: View) -> None:
        """Give *listener* its view, in the place of another that the same socket has of it.

        Raises TooLarge where the socket has too many views.
        """
        for other in list(listener.outbox.listeners):
            same = other.view is not None and other.view.id == view.id
            if same and other is not listener and other.store == listener.store:
                listener.outbox.forget(other)
        most = listener.outbox.subscriptions
        if sum(other.view is not None for other in listener.outbox.listeners) >= most:
            listener.outbox.limited["subscriptions"] += 1
            raise TooLarge(too_many(most))
        listener.view = view

    def _stale(self, asked: Subscribe, view: View) -> str:
        """Say why the cursor of *asked* is of no use; "" where it is, or where there is none."""
        if asked.since is None:
            return ""
        if asked.epoch != self._of(view).epoch or not 0 <= asked.since <= self._state.seq:
            return "epoch"
        if asked.since < self._journal.migrated:
            return "schema"
        return "too_old" if self._is_far(view, asked.since) else ""

    def _is_far(self, view: View, since: int) -> bool:
        """Tell whether the commits after *since* are more to send than the whole view."""
        missed = self._state.seq - since
        if missed < FAR:
            return False
        size = _HIDDEN if view.lens else self._dispatch.snapshot(view, self._state).size
        return missed * _BYTES > size

    def _welcome(self, listener: Listener, view: View, ref: Ref | None, *, resumed: bool) -> None:
        told: dict[str, object] = {} if ref is None else {"ref": ref}
        tables = view.tables.values()
        if keys := {t.name: t.primary_key for t in tables if t.primary_key != "id"}:
            told["keys"] = keys
        if decimals := {t.name: known for t in tables if (known := t.shown_decimals)}:
            told["decimals"] = decimals
        signature = self._of(view)
        listener.signature = signature
        frame = signature.tell("SUBSCRIBED", view.id, seq=self._state.seq, resumed=resumed, **told)
        listener.outbox.answer(frame)

    def _of(self, view: View) -> wire.Signature:
        """Return how this store signs what *view* shows."""
        return self._signature.through(view.lens)

    def _tell(self, listener: Listener, kind: str, **more: object) -> None:
        """Tell the listener's client something about this subscription, in its turn."""
        view = listener.view
        assert view is not None
        listener.outbox.put_missed(
            listener, [Piece(self._of(view).tell(kind, view.id, **more), listener.cursor)],
            more=False,
        )  # fmt: skip

    def _send_snapshot(self, listener: Listener, view: View) -> None:
        listener.asking = False
        snapshot = self._dispatch.snapshot(view, self._state)
        pieces = snapshot.whole() if listener.seed else snapshot.parts()
        listener.outbox.put_snapshot(listener, pieces, snapshot.seq)
        self._is_level(listener, view)

    async def _read(self, since: int) -> list[Commit] | None:
        """Return some of the commits after *since*; None where the log no longer has them."""
        now = self._state.seq
        commits = await self._journal.commits(since, min(since + STEP, now))
        begins = commits[0].seq if commits else now + 1
        return commits if begins == since + 1 else None

    def _send_missed(self, listener: Listener, view: View, missed: list[Commit]) -> None:
        """Send *missed*, which follow the listener's cursor; when that is all, it is live."""
        listener.asking = False
        as_shown = as_they_were if listener.seed or view.id == WHOLE else without_visits
        pieces: list[Piece] = []
        signature = self._of(view)
        upto, prev = listener.cursor, listener.told
        size = 0
        for step in as_shown(view, missed):
            if size > STEP_BYTES:
                break
            if frames := wire.deltas_of_some(signature, view.id, step, prev):
                pieces.append(Piece(frames, step.seq))
                prev = step.seq
                size += len(frames)
            upto = step.seq
        more = upto < self._state.seq
        listener.outbox.put_missed(listener, [*together(pieces), Piece(b"", upto)], more=more)
        if not more:
            self._is_level(listener, view)

    def _is_level(self, listener: Listener, view: View) -> None:
        """Show *listener* every commit from now on."""
        seq = self._state.seq
        if not listener.seed:
            synced = self._of(view).tell("SYNCED", view.id, seq=seq)
            listener.outbox.put_missed(listener, [Piece(synced, seq)], more=False)
        if listener.wanted and listener.outbox.open:
            self._dispatch.join(listener, view, seq)
