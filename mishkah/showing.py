"""What one store shows to whom: snapshots, the log to those who come back, commits to all."""

from mishkah.core import wire
from mishkah.core.commit import Commit
from mishkah.core.errors import Refused
from mishkah.core.frames import POLICY_VIOLATION
from mishkah.core.messages import Ref, Subscribe
from mishkah.core.schema import Schema
from mishkah.core.state import State
from mishkah.core.views import View, read_view
from mishkah.dispatch import Dispatch, together
from mishkah.feed import Listener, Piece
from mishkah.journal import Journal

STEP = 500
"""Commits of the log that are read at a time, while the others wait."""
STEP_BYTES = 2**20
"""Bytes of them that are sent at a time, about."""
BAD_VIEW = (POLICY_VIOLATION, "there are no such tables")
FAR = 1000
"""So many missed commits may be more to send than a snapshot; it is looked at."""
_BYTES = 250
"""What a commit takes on the wire, about."""


class Showing:
    """The subscriptions of one store. Only the store's task uses it."""

    def __init__(
        self, signature: wire.Signature, schema: Schema, state: State, journal: Journal
    ) -> None:
        self._signature = signature
        self._schema = schema
        self._state = state
        self._journal = journal
        self._dispatch = Dispatch(signature, schema)

    @property
    def listeners(self) -> list[Listener]:
        return self._dispatch.listeners

    def note(self, commit: Commit) -> None:
        """Write down what *commit*, which was just applied, looks like in each view."""
        self._dispatch.note(commit)

    def publish(self) -> None:
        """Send what was noted."""
        self._dispatch.publish()

    async def subscribe(self, listener: Listener, asked: Subscribe) -> None:
        """Begin a subscription: say so, then send what *listener* has not seen."""
        try:
            view = read_view(self._schema, asked.tables, asked.where)
        except Refused as refusal:
            self._refuse(listener, refusal, asked.ref)
            return
        self._replace(listener, view)
        stale = self._stale(asked)
        since = asked.since if not stale else None
        if since is not None and self._is_far(view, since):
            stale, since = "too_old", None
        if not listener.seed:
            listener.resync = self._signature.tell("RESYNC", view.id, reason="slow")
            self._welcome(listener, view, asked.ref, resumed=since is not None)
            if stale:
                self._tell(listener, "RESYNC", reason=stale)
        if since is None:
            self._send_snapshot(listener, view)
        else:
            listener.cursor = listener.told = since
            await self._send_missed(listener, view)

    async def catch_up(self, listener: Listener, *, slow: bool) -> None:
        """Send what a listener that fell behind has missed."""
        view = listener.view
        listener.asking = False
        if listener.gone or listener.live or view is None or not listener.outbox.open:
            return
        far = not listener.seed and self._is_far(view, listener.cursor)
        if listener.cursor < 0 or (slow and far):
            self._send_snapshot(listener, view)
        else:
            await self._send_missed(listener, view)

    def _refuse(self, listener: Listener, refusal: Refused, ref: Ref | None) -> None:
        listener.outbox.forget(listener)
        listener.outbox.answer(wire.error(refusal, ref))
        if listener.seed:
            listener.outbox.close(*BAD_VIEW)

    def _replace(self, listener: Listener, view: View) -> None:
        """Give *listener* its view, in the place of another that the same client has of it."""
        for other in list(listener.outbox.listeners):
            same = other.view is not None and other.view.id == view.id
            if same and other is not listener and other.store == listener.store:
                listener.outbox.forget(other)
        listener.view = view

    def _stale(self, asked: Subscribe) -> str:
        """Say why the cursor of *asked* is of no use; "" where it is, or where there is none."""
        if asked.since is None:
            return ""
        if asked.epoch != self._signature.epoch or not 0 <= asked.since <= self._state.seq:
            return "epoch"
        return "schema" if asked.since < self._journal.migrated else ""

    def _is_far(self, view: View, since: int) -> bool:
        """Tell whether the commits after *since* are more to send than the whole view."""
        missed = self._state.seq - since
        if missed < FAR:
            return False
        return missed * _BYTES > self._dispatch.snapshot(view, self._state).size

    def _welcome(self, listener: Listener, view: View, ref: Ref | None, *, resumed: bool) -> None:
        told: dict[str, object] = {} if ref is None else {"ref": ref}
        tables = view.tables.values()
        if keys := {t.name: t.primary_key for t in tables if t.primary_key != "id"}:
            told["keys"] = keys
        if decimals := {t.name: t.decimals for t in tables if t.decimals}:
            told["decimals"] = decimals
        frame = self._signature.tell(
            "SUBSCRIBED", view.id, seq=self._state.seq, resumed=resumed, **told
        )
        listener.outbox.answer(frame)

    def _tell(self, listener: Listener, kind: str, **more: object) -> None:
        """Tell the listener's client something about this subscription, in its turn."""
        view = listener.view
        assert view is not None
        listener.outbox.put_missed(
            listener, [Piece(self._signature.tell(kind, view.id, **more), listener.cursor)],
            more=False,
        )  # fmt: skip

    def _send_snapshot(self, listener: Listener, view: View) -> None:
        snapshot = self._dispatch.snapshot(view, self._state)
        pieces = snapshot.whole() if listener.seed else snapshot.parts()
        listener.outbox.put_snapshot(listener, pieces, snapshot.seq)
        self._is_level(listener, view)

    async def _send_missed(self, listener: Listener, view: View) -> None:
        """Send some of the log from the listener's cursor on; all of it, and it is live."""
        since, now = listener.cursor, self._state.seq
        commits = await self._journal.commits(since, min(since + STEP, now))
        pieces: list[Piece] = []
        upto, prev = since, listener.told
        size = 0
        for commit in commits:
            if size > STEP_BYTES:
                break
            if shown := view.shows(commit.changes):
                frames = wire.deltas(self._signature, view.id, commit, shown, prev)
                pieces.append(Piece(frames, commit.seq))
                prev = commit.seq
                size += len(frames)
            upto = commit.seq
        listener.outbox.put_missed(listener, [*together(pieces), Piece(b"", upto)], more=upto < now)
        if upto == now:
            self._is_level(listener, view)

    def _is_level(self, listener: Listener, view: View) -> None:
        """Show *listener* every commit from now on."""
        seq = self._state.seq
        if not listener.seed:
            synced = self._signature.tell("SYNCED", view.id, seq=seq)
            listener.outbox.put_missed(listener, [Piece(synced, seq)], more=False)
        if not listener.gone and listener.outbox.open:
            self._dispatch.join(listener, view, seq)
