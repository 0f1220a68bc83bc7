"""What may enter a store's inbox, and how many of it share one transaction."""

import msgspec
import trio

from mishkah.core.errors import Refused
from mishkah.core.ids import StoreId
from mishkah.core.messages import Query, Ref, Subscribe, Write
from mishkah.core.seen import Author, author
from mishkah.feed import Outbox
from mishkah.journal import NameKey
from mishkah.listener import Listener
from mishkah.rights import Standing
from mishkah.who import NOBODY, Who

MAX_BATCH = 512
"""Requests that share one transaction."""
MAX_BATCH_BYTES = 4 * 2**20
"""Bytes of commands that do, the last of them aside."""
_OWNED = "\x1f"
"""What stands between an owner and the name of its client."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A command: its size on the wire, the how-manyth of its session it is, and who asks for it.

    *standing* tells what its user may do when its turn comes; None may do all.

    One that is *exact* is refused where its row was changed after its base at all, by anybody, in
    any field (If-Match of RFC 9110, 13.1.1); others merge what does not clash.
    """

    outbox: Outbox
    command: Write
    size: int
    number: int
    client: str | None = None
    who: Who = NOBODY
    exact: bool = False
    standing: Standing | None = None

    @property
    def key(self) -> NameKey | None:
        """The name of the write: its owner's, so that nobody else is answered with its outcome.

        No client's name has a control character (`is_name`): none can pass for an owner and a name.
        """
        ref = self.command.ref
        if self.client is None or ref is None:
            return None
        owner = self.who.owner
        return f"{owner}{_OWNED}{self.client}" if owner else self.client, str(ref)

    @property
    def author(self) -> Author | None:
        who = self.who
        return author(self.client, who.device, who.user, who.session)


class Told(msgspec.Struct, frozen=True):
    """A refusal that was clear before the store saw it; told in its turn."""

    outbox: Outbox
    refusal: Refused
    ref: Ref | None


class Join(msgspec.Struct, frozen=True):
    """Show me what I subscribe to, and then what changes."""

    outbox: Outbox
    listener: Listener
    asked: Subscribe
    standing: Standing | None = None


class Reseat(msgspec.Struct, frozen=True):
    """What I may do in *store* has changed: show me what *standing* tells by now, and no more."""

    outbox: Outbox
    store: StoreId
    standing: Standing


class Missed(msgspec.Struct, frozen=True):
    """Send me what I have missed; *slow* is who could not take it when it came."""

    outbox: Outbox
    listener: Listener
    slow: bool


class Look(msgspec.Struct, frozen=True):
    """Answer a query, of *size* bytes, with what is committed when its turn comes."""

    outbox: Outbox
    query: Query
    size: int
    standing: Standing | None = None


class Part(msgspec.Struct, frozen=True):
    """Show me the view of this name no more."""

    outbox: Outbox
    store: StoreId
    view: str


class Leave(msgspec.Struct, frozen=True):
    """When all that I asked is answered, say so to my outbox."""

    outbox: Outbox


Request = Ask | Told | Join | Reseat | Missed | Part | Look | Leave


def ref_of(request: Request) -> Ref | None:
    """Return the name by which the client knows the answer to *request*."""
    match request:
        case Ask():
            return request.command.ref
        case Told():
            return request.ref
        case Join():
            return request.asked.ref
        case Look():
            return request.query.ref
    return None


async def waiting(first: Request, inbox: trio.MemoryReceiveChannel[Request]) -> list[Request]:
    """Return *first* and everything else that is about to come, to share one transaction.

    Sockets that have received something at once are heard in one turn of the loop. While more comes
    in a turn, waiting for it costs less than a transaction, and a round of frames, of its own.
    """
    batch = [first]
    size = _size(first)
    before = 0
    while before < len(batch):
        before = len(batch)
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
