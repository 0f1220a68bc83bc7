"""What a client is shown follows what it may see, at once; who may be here no more is sent away."""

from collections.abc import Callable
from contextlib import suppress

import trio

from mishkah.core.errors import AuthExpired, AuthRequired, Refused
from mishkah.core.frames import SERVICE_RESTART, UNAUTHORISED
from mishkah.core.grants import Grant
from mishkah.core.ids import StoreId
from mishkah.core.views import read_view
from mishkah.feed import Outbox
from mishkah.gate import Gate
from mishkah.listener import Listener
from mishkah.requests import Request, Reseat
from mishkah.rights import Rights
from mishkah.who import Who

InboxOf = Callable[[StoreId], trio.MemorySendChannel[Request]]
_LONGEST = 3600.0
"""Seconds after which the clock is looked at again: it may have been set."""


class Following:
    """One task for all who are there for long: it has those look again whose rights may be others.

    That is when *gate* says that something has changed, and at the moment when somebody's time is
    over.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._looks: dict[Rights, Callable[[], None]] = {}
        self._sleeping = trio.CancelScope()
        self._over = trio.CancelScope()
        self._on_become = self._look_in_time

    def add(self, rights: Rights, look: Callable[[], None]) -> None:
        """Call *look*, which is to have `catch_up` run, whenever that may have something to do."""
        self._looks[rights] = look
        rights.on_become = self._on_become
        rights.take_note()
        self._look_in_time(rights.who)
        if rights.changed:
            look()

    def remove(self, rights: Rights) -> None:
        del self._looks[rights]
        rights.on_become = None

    async def run(self) -> None:
        """Look after them until `close`."""
        with self._over:
            while True:
                with trio.move_on_after(_LONGEST) as self._sleeping:
                    for rights, look in list(self._looks.items()):
                        if not rights.changed:
                            self._look_in_time(rights.who)
                        elif not rights.looking:
                            look()
                    await self._gate.changes.next()

    def close(self) -> None:
        self._over.cancel()

    def _look_in_time(self, who: Who) -> None:
        """See to it that somebody who is *who* by now is looked at when that is over."""
        if who.expires is not None:
            ends = trio.current_time() + max(who.expires - self._gate.now(), 0.0)
            self._sleeping.deadline = min(self._sleeping.deadline, ends)


async def catch_up(rights: Rights, outbox: Outbox, inbox_of: InboxOf) -> None:
    """Have the views of *outbox* be what *rights* allow by now; without any, send who listens away.

    Of two at a time the second returns at once, since the first looks again.
    """
    if rights.looking:
        return
    rights.looking = True
    try:
        while rights.changed:
            rights.check()
            rights.take_note()
            await reseat(rights, outbox, inbox_of)
    except Refused as refusal:
        send_away(outbox, refusal)
    else:
        rights.looking = False  # of who is sent away there is nothing more to see


def send_away(outbox: Outbox, refusal: Refused) -> None:
    """Show nothing more in *outbox*, and close it, since who listens may be there no more."""
    for listener in list(outbox.listeners):
        outbox.forget(listener)
    outbox.refuse(refusal, None)
    out = isinstance(refusal, AuthRequired | AuthExpired)
    outbox.close(UNAUTHORISED if out else SERVICE_RESTART, refusal.code)


async def reseat(rights: Rights, outbox: Outbox, inbox_of: InboxOf) -> None:
    """Have each view of *outbox* show what *rights* allow by now. Raises UnknownModule for nothing.

    What shows something else shows nothing more, until its store has looked; what can't be told so
    is closed, to come back.
    """
    grants = {one.store: rights.grant(one.store) for one in outbox.listeners}
    for listener in list(outbox.listeners):
        if not shows_the_same(listener, grants[listener.store]):
            outbox.hold(listener)
            if listener.seed:
                outbox.close(*OTHER_RIGHTS)
    for store in grants:
        standing = rights.standing(store)  # of who was shown last, perhaps while another waited
        # a store that has stopped shows nothing, and a client that has left is shown nothing
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await inbox_of(store).send(Reseat(outbox, store, standing))


def shows_the_same(listener: Listener, grant: Grant) -> bool:
    """Tell whether *listener* shows what it would show by *grant*; what shows nothing yet does."""
    if listener.asked is None or listener.view is None:
        return True
    try:
        view = read_view(grant, listener.asked.tables, listener.asked.where)
    except Refused:
        return False
    return view.id == listener.view.id


OTHER_RIGHTS = (SERVICE_RESTART, "what you may see has changed")
