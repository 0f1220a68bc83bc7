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
from mishkah.listener import Listener
from mishkah.requests import Request, Reseat
from mishkah.rights import Rights

InboxOf = Callable[[StoreId], trio.MemorySendChannel[Request]]


async def follow(rights: Rights, outbox: Outbox, inbox_of: InboxOf) -> None:
    """Keep the views of *outbox* to what *rights* allow, until cancelled, or they are no more."""
    try:
        while True:
            await rights.change()
            rights.check()
            await reseat(rights, outbox, inbox_of)
    except Refused as refusal:
        send_away(outbox, refusal)


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
    standings = {one.store: rights.standing(one.store) for one in outbox.listeners}
    grants = {store: standing() for store, standing in standings.items()}
    for listener in list(outbox.listeners):
        if not shows_the_same(listener, grants[listener.store]):
            outbox.hold(listener)
            if listener.seed:
                outbox.close(*OTHER_RIGHTS)
    for store, standing in standings.items():
        with suppress(trio.BrokenResourceError):  # a store that has stopped shows nothing
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
