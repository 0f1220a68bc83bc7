"""A write as its author sees it: on its way, done, or refused."""

from collections.abc import Callable, Generator
from typing import Any

import trio

from mishkah.client.errors import Refusal, Undone
from mishkah.client.heard import Ack
from mishkah.client.outbox import Errand
from mishkah.core.messages import Next, Transaction


class Write:
    """A write that is on its way. Await it for what the server made of it, or let it go.

    Awaiting gives the stored row of an insert or update (None where nothing changed), None of a
    delete, the list of rows of a transaction, the numbers of `Database.next`. It raises `Refusal`,
    and `Undone` where the client was closed before there was an answer.
    """

    def __init__(self, errand: Errand, failure: Callable[[], Refusal | None]) -> None:
        self.errand = errand
        self.seen = False
        self._failure = failure
        self._settled = trio.Event()

    def __await__(self) -> Generator[Any, None, Any]:
        return self.outcome().__await__()

    async def outcome(self) -> Any:
        """Wait for the server's answer and return what it made of the write."""
        self.seen = True
        await self._settled.wait()
        answer = self.errand.answer or self._failure()
        if isinstance(answer, Refusal):
            raise answer
        if not isinstance(answer, Ack):
            raise Undone([self])
        match self.errand.command:
            case Transaction():
                return list(answer.rows)
            case Next():
                return list(answer.numbers)
        return next(iter(answer.rows), None)

    @property
    def done(self) -> bool:
        """Whether the server has said yes."""
        return isinstance(self.errand.answer, Ack)

    @property
    def seq(self) -> int | None:
        """The commit that did it; None while that is not known."""
        return self.errand.answer.seq if isinstance(self.errand.answer, Ack) else None

    @property
    def dup(self) -> bool:
        """Whether it had been done before: it was sent again, or its ref was used before."""
        return isinstance(self.errand.answer, Ack) and self.errand.answer.dup

    @property
    def refusal(self) -> Refusal | None:
        """The server's no, if it said no; who reads it knows."""
        if isinstance(self.errand.answer, Refusal):
            self.seen = True
            return self.errand.answer
        return None

    def settle(self) -> None:
        """Let go who waits: there is an answer, or there will be none."""
        self._settled.set()
