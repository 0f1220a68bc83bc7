"""The client's side of `mishkah.v1` without a socket: messages in, messages out, rows to read."""

from collections import deque
from collections.abc import Iterator

import msgspec

from mishkah.client.belongs import belongs
from mishkah.client.errors import Denied, Lost, Refusal
from mishkah.client.greeting import Greeting, Token
from mishkah.client.heard import (
    Ack,
    Delta,
    Error,
    Goaway,
    Heard,
    Result,
    Resync,
    Snapshot,
    Subscribed,
    Synced,
    Welcome,
    hear,
)
from mishkah.client.outbox import Errand, Outbox, read_back, written
from mishkah.client.replica import Cursor
from mishkah.client.screen import Screen
from mishkah.core.commands import ops_of
from mishkah.core.errors import AuthExpired, AuthRequired, TooLarge
from mishkah.core.messages import (
    WHOLE,
    Based,
    Message,
    Op,
    Ping,
    Query,
    Ref,
    Subscribe,
    Transaction,
)
from mishkah.core.messages import Write as Command

UNAVAILABLE = frozenset({"STORE_FAILED", "BUSY", "RATE_LIMITED", "GOING_AWAY"})
"""Codes that speak of the moment, not of the command: it is sent again later."""
UNAUTHORISED = frozenset({AuthRequired.code, AuthExpired.code})
"""Codes that speak of who asks, not of the command."""


class Machine:
    """A replica of one view, with unconfirmed writes on top, and what is said to keep it so.

    *asked* names the store and the view; no tables (an empty list) are no view at all. *refs* gives
    names that no other write of *client* has. *token* says who we are. `outgoing` is to be
    sent in order; `settled` is to be taken by whoever called.
    """

    def __init__(
        self,
        asked: Subscribe,
        client: str,
        refs: Iterator[str],
        *,
        lang: str = "",
        token: Token | None = None,
    ) -> None:
        self.client = client
        read = read_back(written(asked))
        assert isinstance(read, Subscribe)
        self._asked = read
        self.screen = Screen((lambda row: True) if read.where is None else belongs(read.where))
        self.replica = self.screen.replica
        self.outbox = Outbox()
        self.outgoing: deque[str] = deque()
        self.settled: list[Errand] = []
        self.status = "waiting"
        self.failure: Refusal | None = None
        self.retry_ms: int | None = None
        self.user: str | None = None
        self._greeting = Greeting(client, lang, token)
        self._refs = refs
        self._greeted = False
        self._level = False
        self._limit: int | None = None
        self._subscribing: str | None = None
        self._view = WHOLE

    # --- what the user wants

    def write(
        self, command: Command, *, base: Cursor | None = None, ref: str | None = None
    ) -> Errand:
        """Take *command* to be done once. Raises Refusal, OutboxFull, ValueError, TypeError."""
        if base is not None and isinstance(command, Based):
            command = msgspec.structs.replace(command, base=base.seq, epoch=base.epoch)
        errand = self._errand(command, ref or next(self._refs))
        self.outbox.put(errand)
        self.screen.draw(errand.ref, _ops(errand.command))
        self._send(errand)
        return errand

    def ask(self, question: Query) -> Errand:
        """Take *question*, whose answer shows all writes before it. Raises as `write`."""
        errand = self._errand(question, next(self._refs))
        self.outbox.put(errand)
        self._send(errand)
        return errand

    def forget(self, errand: Errand) -> None:
        """Expect no answer to a question any more."""
        self.outbox.settle(errand.ref, None)

    def show(self, token: Token) -> None:
        """Be who *token* says, on this connection and on those to come. Raises Refusal."""
        if self.failure is not None:
            raise self.failure
        self._greeting.show(token)
        if self.status != "waiting":
            self.outgoing.append(self._greeting.hello())

    @property
    def is_known(self) -> bool:
        """Whether the server has taken the token that was shown last."""
        return self._greeted and self._greeting.answered

    # --- the connection

    def connected(self) -> None:
        """Begin to speak on a new connection. Raises what asking for the token does."""
        self.retry_ms = None
        self.outgoing.append(self._greeting.hello())
        self.status = "connecting"

    def cut(self) -> None:
        """Note that the connection is gone. All without an answer will be sent again."""
        self.status = "waiting" if self.failure is None else "refused"
        self._greeted = self._level = False
        self._subscribing = None
        self._greeting.cut()
        self.outgoing.clear()
        self.replica.drop_halves()

    def deny(self, refusal: Refusal) -> Denied | Refusal:
        """Note that we are not let in by this token; return how the connection ends by that.

        It is Denied where another may do better, and Refusal, now `failure`, for good.
        """
        if self.failure is None:
            if self._greeting.may_repeat():
                return Denied(refusal.code)
            self._end(refusal)
        return self.failure or refusal

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.outgoing.append(written(Ping()))

    def hear(self, message: str | bytes) -> None:
        """Take in what the server says.

        Raises Lost where the connection is of no use any more, and Refusal, which is `failure` from
        then on, where the server will never serve what was asked.
        """
        said = hear(message)
        match said:
            case Welcome():
                self._welcomed(said)
            case Subscribed():
                self._subscribed(said)
            case Snapshot() | Delta() | Synced() | Resync():
                if self._subscribing is None and said.view == self._view:
                    self._show(said)
            case Ack() | Result():
                self._answered(said)
            case Error():
                self._refused(said)
            case Goaway():
                self.retry_ms = said.retry_ms

    # --- inside

    def _errand(self, command: Message, ref: str) -> Errand:
        if self.failure is not None:
            raise self.failure
        where = {"branch": self._asked.branch, "module": self._asked.module}
        frame = written(msgspec.structs.replace(command, ref=ref, **where))
        return Errand(ref, read_back(frame), frame)

    def _send(self, errand: Errand) -> None:
        if not self._greeted:
            return
        if self._limit is not None and len(errand.frame.encode()) > self._limit:
            self._refuse(errand.ref, Refusal.of(TooLarge()))
        else:
            self.outgoing.append(errand.frame)

    def _welcomed(self, welcome: Welcome) -> None:
        self._greeting.welcomed()
        self.user = welcome.user
        if not self._greeted:
            self._begin(welcome)

    def _begin(self, welcome: Welcome) -> None:
        """Send what has no answer, then subscribe.

        In this order: so no snapshot holds a write of ours of which we do not know yet.
        """
        limit = welcome.limits.get("message")
        self._limit = limit if isinstance(limit, int) else None
        self._greeted = True
        for errand in self.outbox:
            self._send(errand)
        if self._asked.tables == []:
            self._level, self.status = True, "live"
        else:
            self._subscribe()

    def _fall_behind(self) -> None:
        self._level, self.status = False, "catching up"
        self.replica.drop_halves()

    def _subscribe(self) -> None:
        self._fall_behind()
        self._subscribing = next(self._refs)
        asked = msgspec.structs.replace(self._asked, ref=self._subscribing)
        if (cursor := self.replica.cursor) is not None:
            asked = msgspec.structs.replace(asked, since=cursor.seq, epoch=cursor.epoch)
        self.outgoing.append(written(asked))

    def _subscribed(self, told: Subscribed) -> None:
        """Take the view that *told* names: the one that was asked for, or what is left of it.

        Without a ref, the server shows something else from now on, by other rights.
        """
        if told.ref == self._subscribing:
            self._subscribing = None
            self._view = told.view
            self._fall_behind()
            self.replica.describe(told)

    def _show(self, said: Heard) -> None:
        match said:
            case Snapshot():
                picture = self.replica.build(said)
                if picture is not None:
                    self.screen.show(picture, Cursor(said.epoch, said.seq))
            case Delta():
                self._delta(said)
            case Resync():
                self._fall_behind()
            case Synced():
                self._level, self.status = True, "live"
                self.screen.complete(Cursor(said.epoch, said.seq))

    def _delta(self, delta: Delta) -> None:
        cursor = self.replica.cursor
        if cursor is None or cursor.epoch != delta.epoch or delta.prev > cursor.seq:
            self._subscribe()
            return
        if delta.seq <= cursor.seq:
            return
        commit = self.replica.gather(delta)
        if not commit:
            return
        own = delta.by.ref if delta.by.client == self.client else None
        self.screen.apply(commit, own if isinstance(own, str) else None)

    def _answered(self, answer: Ack | Result) -> None:
        errand = self._settle(answer.ref, answer)
        if errand is None or not isinstance(answer, Ack):
            return
        self._restore(errand.command, answer)
        if self._level:
            self.screen.take_off(errand.ref)
        else:
            self.screen.owe(errand.ref, answer.seq)

    def _restore(self, command: Message, ack: Ack) -> None:
        """Make whole decimals in the rows of *ack* `Decimal` again, where their table is known."""
        ops = _ops(command)
        if len(ops) == len(ack.rows) or not isinstance(command, Transaction):
            for op, row in zip(ops, ack.rows, strict=False):
                if row is not None:
                    self.replica.restored(op.table, row)

    def _refused(self, error: Error) -> None:
        if error.retry_ms is not None:
            self.retry_ms = error.retry_ms
        if error.code in UNAVAILABLE:
            raise Lost(error.code)
        refusal = Refusal(
            error.code,
            error.error,
            text=error.text,
            details=error.details,
            more=error.more,
            current=error.current,
        )
        if error.code in UNAUTHORISED:
            raise self.deny(refusal)
        if not self._greeted or (error.ref is not None and error.ref == self._subscribing):
            self._end(refusal)
            raise refusal
        self._refuse(error.ref, refusal)

    def _end(self, refusal: Refusal) -> None:
        self.failure = refusal
        self.status = "refused"

    def _refuse(self, ref: Ref | None, refusal: Refusal) -> None:
        """Settle the errand *ref* with a no, and show its rows without it."""
        errand = self._settle(ref, refusal)
        if errand is not None:
            self.screen.take_off(errand.ref)

    def _settle(self, ref: Ref | None, answer: Ack | Result | Refusal) -> Errand | None:
        errand = self.outbox.settle(ref, answer)
        if errand is not None:
            self.settled.append(errand)
        return errand


def _ops(command: Message) -> list[Op]:
    return ops_of(command) if isinstance(command, Transaction | Op) else []
