"""What a client is shown follows what it may see, at once; who may be here no more is sent away."""

from collections.abc import Callable
from contextlib import suppress

import trio

from mishkah.core.errors import AuthExpired, AuthRequired, Refused
from mishkah.core.frames import SERVICE_RESTART, UNAUTHORISED
from mishkah.core.ids import StoreId
from mishkah.feed import Outbox
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
    """Show *outbox* nothing more, not even what waits of its views, and close it: *refusal*."""
    for listener in list(outbox.listeners):
        outbox.forget(listener)
    outbox.refuse(refusal, None)
    out = isinstance(refusal, AuthRequired | AuthExpired)
    outbox.close(UNAUTHORISED if out else SERVICE_RESTART, refusal.code)


async def reseat(rights: Rights, outbox: Outbox, inbox_of: InboxOf) -> None:
    """Have each view of *outbox* show what *rights* allow by now. Raises UnknownModule."""
    for listener in list(outbox.listeners):
        grant = rights.grant(listener.store)
        with suppress(trio.BrokenResourceError):  # a store that has stopped shows nothing
            await inbox_of(listener.store).send(Reseat(outbox, listener, grant))
