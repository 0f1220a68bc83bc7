"""Asking a store by its inbox, as sockets do, and waiting for what it says."""

import msgspec
import trio

from mishkah.core.errors import Busy, StoreFailed, Text
from mishkah.core.frames import payloads
from mishkah.core.messages import Write
from mishkah.feed import Outbox
from mishkah.letters import Mail
from mishkah.requests import Ask, Request
from mishkah.rights import Standing
from mishkah.talk import Inbox
from mishkah.who import NOBODY, Who

PATIENCE = 5.0
"""Seconds that a request waits for room in a store's inbox."""


class Ack(msgspec.Struct, tag="ACK", tag_field="type"):
    """What a store says of a write that is done; *rows* are there as long as its log has them."""

    seq: int
    rows: list[msgspec.Raw] = []
    numbers: list[str] = []
    dup: bool = False


class Detail(msgspec.Struct):
    path: str
    rule: str
    message: str
    text: dict[str, str]


class Error(msgspec.Struct, tag="ERROR", tag_field="type"):
    """An ERROR of the socket, as a store has told it."""

    code: str
    text: dict[str, str]
    details: list[Detail] = []
    more: int = 0
    current: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    retry_ms: int = 0


_answer: msgspec.json.Decoder[Ack | Error] = msgspec.json.Decoder(Ack | Error)


async def outcome(
    inbox: Inbox,
    command: Write,
    *,
    size: int = 0,
    client: str | None = None,
    exact: bool = False,
    standing: Standing | None = None,
    who: Who = NOBODY,
    otherwise: Text = StoreFailed.text,
) -> Ack | Error:
    """Let a store do *command*, which has a ref; return what it says of it, when it is durable.

    *size* is that of the command where it came by a wire; its name counts where it has a *client*.
    Raises Busy and StoreFailed; the latter says *otherwise* where the outcome is not known.
    """
    outbox = Outbox()
    ask = Ask(
        outbox=outbox,
        command=command,
        size=size,
        number=outbox.ask(size),
        client=client,
        exact=exact,
        standing=standing,
        who=who,
    )
    await send(inbox, ask)
    mail = await answer_of(outbox, otherwise)
    (payload,) = payloads(b"".join(mail.pieces))
    return _answer.decode(payload)


async def send(inbox: Inbox, asked: Request) -> None:
    """Put *asked* into a store's inbox. Raises Busy, StoreFailed: then it is not there."""
    try:
        with trio.move_on_after(PATIENCE) as waiting:
            await inbox.send(asked)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        raise StoreFailed from None
    if waiting.cancelled_caught:
        raise Busy


async def answer_of(outbox: Outbox, otherwise: Text = StoreFailed.text) -> Mail:
    """Return the first mail in *outbox*. Raises StoreFailed, saying *otherwise*, if none comes."""
    mail = await outbox.take()
    if mail is None:
        raise StoreFailed(otherwise)
    return mail
