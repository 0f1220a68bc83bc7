"""What a client's messages mean on each kind of socket, and which store each is for."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import ClassVar

import trio

from mishkah.clock import Clock
from mishkah.core import wire
from mishkah.core.commands import MAX_OPS, decode, is_name, salvage_ref
from mishkah.core.errors import (
    AuthExpired,
    AuthRequired,
    BadMessage,
    Forbidden,
    Refused,
    Text,
    TooLarge,
    UnknownAction,
    UnsupportedVersion,
    too_many,
)
from mishkah.core.frames import POLICY_VIOLATION, UNAUTHORISED
from mishkah.core.ids import StoreId
from mishkah.core.messages import Call, Hello, Message, Ping, Query, Subscribe, Unsubscribe
from mishkah.core.values import stamp
from mishkah.feed import Outbox
from mishkah.following import catch_up, reseat, send_away
from mishkah.limits import Limits
from mishkah.listener import Listener
from mishkah.requests import Ask, Join, Leave, Look, Missed, Part, Request, Told
from mishkah.rights import Rights

VERSION = version("mishkah-trio")
RETRY_MS = 1000
"""When clients may come back after the server has stopped."""

Inbox = trio.MemorySendChannel[Request]
Room = tuple[StoreId, Inbox]
Open = Callable[[Rights, str | None, str | None], Room]
"""(who asks, branch, module) → the store and the way into it, opened if it is not.

Raises UnknownModule.
"""
Receive = Callable[[], Awaitable[str | bytes]]


class Talk(ABC):
    """One socket's side of the conversation; it owns its way into each store that it uses."""

    __slots__ = ("_clock", "client", "inboxes", "limits", "outbox", "rights")
    goodbye: ClassVar[bytes] = b""
    """What is said before a stopping server closes."""

    def __init__(
        self, outbox: Outbox, clock: Clock, limits: Limits, client: str | None, rights: Rights
    ) -> None:
        self.outbox = outbox
        self.rights = rights
        self.limits = limits
        self._clock = clock
        self.client = client
        self.inboxes: dict[StoreId, Inbox] = {}

    def _now(self) -> str:
        return stamp(self._clock())

    @abstractmethod
    async def begin(self, receive: Receive) -> None:
        """Do what comes before the first message that is heard."""

    @abstractmethod
    async def hear(self, message: str | bytes) -> None:
        """Do what *message* asks, or see to it that its refusal is told."""

    async def catch_up(self, listener: Listener, *, slow: bool) -> None:
        """Ask for what *listener* has missed."""
        if not listener.gone:
            listener.asking = True
            await self.inboxes[listener.store].send(Missed(self.outbox, listener, slow))

    async def follow(self) -> None:
        """Have what the client is shown be what it may see by now."""
        await catch_up(self.rights, self.outbox, self.inboxes.__getitem__)

    async def leave(self) -> None:
        """Wait until every store has answered all that was asked."""
        for inbox in self.inboxes.values():
            try:
                await inbox.send(Leave(self.outbox))
            except (trio.BrokenResourceError, trio.ClosedResourceError):  # by it, or by `hang_up`
                self.outbox.depart()
        await self.outbox.departed(len(self.inboxes))

    def hang_up(self) -> None:
        for inbox in self.inboxes.values():
            inbox.close()

    def _enter(self, room: Room) -> Room:
        """Keep an own way into a store, so that it stays open while this socket uses it."""
        store, inbox = room
        if store not in self.inboxes:
            if len(self.inboxes) >= self.limits.subscriptions:
                self.outbox.limited["subscriptions"] += 1
                raise TooLarge(too_many(self.limits.subscriptions))
            self.inboxes[store] = inbox.clone()
        return store, self.inboxes[store]

    async def _do(self, room: Room, command: Message, size: int) -> None:
        """Send what the store of *room* is to answer, in its turn."""
        outbox = self.outbox
        store, inbox = room
        match command:
            case Query():
                outbox.ask(size)
                await inbox.send(Look(outbox, command, size, self.rights.standing(store)))
            case Call():
                await inbox.send(Told(outbox, UnknownAction(), command.ref))
            case Ping():
                outbox.answer(wire.pong(self._now()))
            case Hello() | Subscribe() | Unsubscribe():
                raise BadMessage(_NOT_HERE)
            case _:
                ask = Ask(
                    outbox=outbox,
                    command=command,
                    size=size,
                    number=outbox.ask(size),
                    client=self.client,
                    standing=self.rights.standing(store),
                    who=self.rights.who,
                )
                await _put(inbox, ask)


async def _put(inbox: Inbox, ask: Ask) -> None:
    """Put *ask* into *inbox*; where that has room, without a turn of the loop for each.

    What was counted as received gets there, though the server stops meanwhile: a store that ends
    closes its inbox.
    """
    try:
        inbox.send_nowait(ask)
    except trio.WouldBlock:
        with trio.CancelScope(shield=True):
            await inbox.send(ask)


class SeedTalk(Talk):
    """A socket that is subscribed from the start to the one store that its URL names.

    *asked* is what the URL says of the subscription.
    """

    __slots__ = ("_asked", "_inbox", "_store")

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        limits: Limits,
        client: str | None,
        rights: Rights,
        room: Room,
        asked: Subscribe,
    ) -> None:
        super().__init__(outbox, clock, limits, client, rights)
        self._store, self._inbox = self._enter(room)
        self._asked = asked

    async def begin(self, receive: Receive) -> None:
        listener = Listener(self.outbox, self._store, seed=True)
        standing = self.rights.standing(self._store)
        await self._inbox.send(Join(self.outbox, listener, self._asked, standing))

    async def hear(self, message: str | bytes) -> None:
        try:
            self.rights.check()
            command = decode(message, self.limits.depth)
            if command.branch not in (None, self._store.branch):
                raise Forbidden(_OTHER_STORE)
            if command.module not in (None, self._store.module):
                raise Forbidden(_OTHER_STORE)
            await self._do((self._store, self._inbox), command, len(message))
        except Refused as refusal:
            await self._inbox.send(Told(self.outbox, refusal, salvage_ref(message)))


class TalkV1(Talk):
    """A socket of the subprotocol `mishkah.v1`: HELLO first, then any stores and views."""

    __slots__ = ("_open", "_rooms")
    goodbye = wire.goaway(RETRY_MS)

    def __init__(
        self, outbox: Outbox, clock: Clock, limits: Limits, rights: Rights, open_room: Open
    ) -> None:
        super().__init__(outbox, clock, limits, None, rights)
        outbox.several = True
        self._open = open_room
        self._rooms: dict[tuple[str | None, str | None], Room] = {}

    async def begin(self, receive: Receive) -> None:
        with trio.move_on_after(self.limits.handshake) as waiting:
            while self.outbox.open and not await self._is_greeted(await receive()):
                pass
        if waiting.cancelled_caught:
            self.outbox.limited["handshake"] += 1
            self.outbox.close(POLICY_VIOLATION, "no HELLO")

    async def _is_greeted(self, message: str | bytes) -> bool:
        try:
            hello = decode(message, self.limits.depth)
            if not isinstance(hello, Hello):
                raise BadMessage(_HELLO_FIRST)
            if hello.client is not None and not is_name(hello.client):
                raise BadMessage(BAD_CLIENT)
            self._greet(hello)
        except Refused as refusal:
            self._refuse(refusal, message)
            return False
        self.client = hello.client
        return True

    def _greet(self, hello: Hello) -> None:
        """Be who *hello* says, and answer it; without a token, who the handshake has shown."""
        if hello.v != 1:
            raise UnsupportedVersion
        if hello.lang:
            self.outbox.arabic = hello.lang.startswith("ar")
        if hello.token is not None or not self.rights.shown:
            self.rights.show(hello.token)
        limits = {
            "ops": MAX_OPS,
            "subscriptions": self.limits.subscriptions,
            "message": self.limits.message,
        }
        user = self.rights.who.user
        self.outbox.answer(wire.welcome(VERSION, self._now(), limits, user))

    async def hear(self, message: str | bytes) -> None:
        try:
            command = decode(message, self.limits.depth)
            if isinstance(command, Ping):
                self.outbox.answer(wire.pong(self._now()))
            elif isinstance(command, Hello):
                await self._hello_again(command)
            elif not isinstance(command, Unsubscribe) or self._uses(command):
                self.rights.check()
                store, inbox = self._room(command)
                await self._ask(store, inbox, command, len(message))
        except Refused as refusal:
            self._refuse(refusal, message)

    async def _hello_again(self, hello: Hello) -> None:
        """Take another token for the one that was shown, and cut nothing.

        Who has a store open that the other token does not let into is sent away.
        """
        if hello.client not in (None, self.client):
            raise BadMessage(_ANOTHER_CLIENT)
        self._greet(hello)
        try:
            await reseat(self.rights, self.outbox, self.inboxes.__getitem__)
        except Refused as refusal:
            send_away(self.outbox, refusal)

    async def _ask(self, store: StoreId, inbox: Inbox, command: Message, size: int) -> None:
        match command:
            case Subscribe():
                listener = Listener(self.outbox, store, seed=False)
                await inbox.send(Join(self.outbox, listener, command, self.rights.standing(store)))
            case Unsubscribe():
                await inbox.send(Part(self.outbox, store, command.view))
            case _:
                await self._do((store, inbox), command, size)

    def _uses(self, command: Message) -> bool:
        """Tell whether this socket has a store that *command* may mean."""
        return any(
            command.branch in (None, store.branch) and command.module in (None, store.module)
            for store in self.inboxes
        )

    def _room(self, command: Message) -> Room:
        """Return the store that *command* names, or the only one that this socket uses.

        Whether its client may still be there, the store asks when the command's turn comes.
        """
        if command.branch is None and command.module is None:
            if len(self.inboxes) == 1:
                return next(iter(self.inboxes.items()))
            if not isinstance(command, Subscribe):
                raise BadMessage(_WHICH_STORE)
        named = command.branch, command.module
        known = self._rooms.get(named)
        if known is None:
            known = self._rooms[named] = self._enter(self._open(self.rights, *named))
        return known

    def _refuse(self, refusal: Refused, message: str | bytes) -> None:
        self.outbox.refuse(refusal, salvage_ref(message))
        if isinstance(refusal, AuthRequired | AuthExpired):
            self.outbox.close(UNAUTHORISED, refusal.code)


BAD_CLIENT = Text(
    "client is a name of 1-128 bytes without control characters",
    "اسم الجهاز client من 1 إلى 128 بايت دون أحرف تحكم",
)
_NOT_HERE = Text(
    "This message belongs to the subprotocol mishkah.v1, and HELLO is its first",
    "هذه الرسالة تخص البروتوكول mishkah.v1، وأولها HELLO",
)
_OTHER_STORE = Text(
    "This connection belongs to another branch or module",
    "هذا الاتصال يخص فرعًا أو مودولًا آخر",
)
_HELLO_FIRST = Text("The first message is HELLO", "أول رسالة هي HELLO")
_ANOTHER_CLIENT = Text(
    "This socket belongs to another client", "هذا الاتصال يخص جهازًا آخر باسم client"
)
_WHICH_STORE = Text(
    "Name the branch and the module: this socket has not one store only",
    "حدد branch و module: هذا الاتصال لا يخص مخزنًا واحدًا",
)
