"""The tree of tasks: stores outside, sessions inside, doors innermost; it falls in that order."""

import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import trio
from trio_websocket import WebSocketConnection

from mishkah.catalog import BRANCHES, MODULES, SEQUENCES, Catalog
from mishkah.clock import Clock, wall_clock
from mishkah.core.commands import is_name
from mishkah.core.errors import BadMessage, Refused, UnknownModule
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.feed import Outbox
from mishkah.following import Following
from mishkah.gate import Gate, OpenGate
from mishkah.http.door import Door
from mishkah.http.guard import Guard
from mishkah.http.guests import Guests
from mishkah.http.handshake import Upgrade
from mishkah.identity.configuration import Configuration
from mishkah.identity.gate import ClosedGate, Roles
from mishkah.identity.hasher import Hasher
from mishkah.identity.identity import Identity
from mishkah.identity.tables import IDENTITY
from mishkah.identity.throttle import Throttle
from mishkah.journal import OpenJournal
from mishkah.jsonfile import BadFile
from mishkah.keeper import Keeper
from mishkah.limits import Limits
from mishkah.rates import Rates
from mishkah.requests import Request
from mishkah.rights import Rights, Told
from mishkah.rolecheck import check_roles
from mishkah.roles import ACCESS
from mishkah.session import Session, turn_away
from mishkah.site.assembly import make_site
from mishkah.talk import BAD_CLIENT, Room, SeedTalk, Talk, TalkV1
from mishkah.tally import Tally
from mishkah.turns import Turns

log = logging.getLogger(__name__)

INBOX = 256
"""Requests that may wait for one store; then its sessions read no further."""
LAG_SECONDS = 0.25
"""How often the event loop's lag is looked at."""
STOP_SECONDS = 6.0
"""How long sessions have to end well when the server stops."""


class House:
    """One running installation: `open_house` makes it."""

    def __init__(
        self,
        catalog: Catalog,
        open_journal: OpenJournal,
        stores: trio.Nursery,
        sessions: trio.Nursery,
        clock: Clock,
        guests: Guests,
        limits: Limits,
        hasher: Hasher | None,
        gate: Gate | None,
    ) -> None:
        self.catalog = catalog
        self.origins = guests.origins
        self.keepers: dict[StoreId, Keeper] = {}
        self.stopping = trio.Event()
        self.tally = Tally()
        self._open: set[Session] = set()
        self._inboxes: dict[StoreId, trio.MemorySendChannel[Request]] = {}
        self._open_journal = open_journal
        self._stores = stores
        self._sessions = sessions
        self.clock = clock
        self._limits = limits
        self._turns = Turns()
        self.rates = Rates(limits, self.tally.limited)
        self.identity = None if hasher is None else self._identity(hasher)
        self._note = None if self.identity is None else self.identity.refused
        self.gate: Gate = gate or OpenGate()
        self._configuration: Configuration | None = None
        if self.identity is not None:
            closed = self.gate = ClosedGate(self.identity, self._roles, clock)
            files = (BRANCHES, MODULES, SEQUENCES, ACCESS)
            self._configuration = Configuration(closed, catalog.data, files, ACCESS, clock)
            sessions.start_soon(self._guard, self.identity, self._configuration)
        self.following = Following(self.gate)
        stores.start_soon(self.following.run)
        self._door = Door(self._answer, make_site(self), guests, limits, self.rates)
        self.serve = self._door.serve
        """Serve one connection to its end. Raises nothing but Cancelled."""

    @property
    def outboxes(self) -> set[Outbox]:
        """What waits for each client on a socket."""
        return {session.outbox for session in self._open}

    async def open_listed(self) -> None:
        """Open the stores of all listed branches, side by side, and wait until each is settled."""
        for store in self.catalog.listed:
            self.inbox(store)
        for keeper in list(self.keepers.values()):
            await keeper.settled.wait()
        if self._configuration is not None:
            await self._configuration.note()

    def inbox(self, store: StoreId) -> trio.MemorySendChannel[Request]:
        """Return the way into *store*, which is opened if it is not. Raises BadFile."""
        if store not in self._inboxes:
            recipe = self.catalog.recipe(store)
            inbox, mail = trio.open_memory_channel[Request](INBOX)
            keeper = Keeper(recipe, self._open_journal, mail, self.clock)
            self.keepers[store] = keeper
            self._inboxes[store] = inbox
            self._stores.start_soon(keeper.run, name=f"store {store}")
        return self._inboxes[store]

    async def listen(self, listeners: list[trio.abc.Listener[trio.abc.Stream]]) -> None:
        """Let clients in until cancelled."""
        await trio.serve_listeners(self.serve, listeners, handler_nursery=self._sessions)

    def _answer(
        self, ws: WebSocketConnection, guard: Guard, upgrade: Upgrade, nursery: trio.Nursery
    ) -> Awaitable[None]:
        outbox = Outbox(self._limits.outbox, self._limits.subscriptions, self.tally)
        rights = self.rights()
        if self._note is not None:
            outbox.told = Told(self._note, rights, upgrade.address)
        try:
            talk = self._talk(outbox, rights, upgrade)
        except Refused as refusal:
            return turn_away(ws, guard, outbox.refusal(refusal, None), refusal.code)
        pacing = self.rates.socket(guard.address)
        session = Session(ws, guard, talk, pacing, self._turns, self.following)
        self.tally.sessions += 1
        if self.stopping.is_set():
            session.leave()
        return session.run(nursery, self._open)

    def _identity(self, hasher: Hasher) -> Identity:
        inbox = self.inbox(IDENTITY)
        throttle = Throttle(self._limits, self.tally.limited)
        return Identity(self.keepers[IDENTITY], inbox, hasher, throttle)

    async def _guard(self, identity: Identity, configuration: Configuration) -> None:
        """Keep up what the gate stands on, until the house is stopped."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(configuration.follow)
            nursery.start_soon(identity.run)
            await self.stopping.wait()
            nursery.cancel_scope.cancel()

    def _roles(self) -> Roles:
        """Return the roles as their files say by now. Raises BadFile as a start would."""
        access, roles = self.catalog.read_roles()
        told = check_roles(self.catalog, access, roles)
        if wrong := [finding for finding in told if not finding.note]:
            raise BadFile(*wrong)
        return {**roles}, access.public if access else ()

    def rights(self) -> Rights:
        """Return the rights of a client who has shown nothing yet."""
        return Rights(self.gate, self._schema_of)

    def _schema_of(self, store: StoreId) -> Schema:
        return self.keepers[store].recipe.rules.schema

    def _talk(self, outbox: Outbox, rights: Rights, upgrade: Upgrade) -> Talk:
        if upgrade.token is not None or not upgrade.v1:
            rights.show(upgrade.token)
        if upgrade.v1:
            return TalkV1(outbox, self.clock, self._limits, rights, self.enter)
        room = self.enter(rights, upgrade.parameter("branch"), upgrade.parameter("module"))
        client = upgrade.parameter("client")
        if client is not None and not is_name(client):
            raise BadMessage(BAD_CLIENT)
        asked = upgrade.subscription
        return SeedTalk(outbox, self.clock, self._limits, client, rights, room, asked)

    def enter(
        self, rights: Rights, branch: str | None, module: str | None, *, make: bool = True
    ) -> Room:
        """Return the store that a client means, opened, and the way into it.

        A branch that is new, which a pattern allows, is there only for who may *make* it. One where
        a client may do nothing is not there for it. Raises UnknownModule.
        """
        store = self._named(branch, module)
        if store is None or not rights.may_enter(store) or not self._may_open(store, make=make):
            raise UnknownModule
        try:
            return store, self.inbox(store)
        except BadFile as bad:
            log.error("a store can't be opened: %s", bad)
            raise UnknownModule from bad

    def _named(self, branch: str | None, module: str | None) -> StoreId | None:
        if self.identity is not None and branch and module:
            return self.catalog.kept(branch, module)
        return self.catalog.resolve(branch, module)

    def _may_open(self, store: StoreId, *, make: bool) -> bool:
        """Keep patterns from making more branches than the installation allows."""
        if store in self._inboxes or store.branch in self.catalog.branches.branches:
            return True
        made = self.catalog.made_by_patterns() | {
            known.branch
            for known in self._inboxes
            if known.branch not in self.catalog.branches.branches
        }
        if store.branch in made:
            return True
        if not make:
            return False
        if len(made) < self.catalog.branches.max_pattern_branches:
            return True
        log.warning("no branch is opened: maxPatternBranches (%d) is reached", len(made))
        return False

    async def pulse(self) -> None:
        """Find out which clients are there no more, until the house is stopped."""
        await self._door.pulse()

    async def watch_lag(self) -> None:
        """Note how late the event loop wakes up, until cancelled."""
        while True:
            due = trio.current_time() + LAG_SECONDS
            await trio.sleep_until(due)
            self.tally.lag.add(trio.current_time() - due)

    def stop(self) -> None:
        """Let nobody else in, and let every session finish what it has received."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        for session in self._open:
            session.leave()
        self._door.close()

    def hang_up(self) -> None:
        """Hang up on every store, so that each ends when its sessions have."""
        self.following.close()
        for inbox in self._inboxes.values():
            inbox.close()


@asynccontextmanager
async def open_house(
    catalog: Catalog,
    open_journal: OpenJournal,
    *,
    clock: Clock = wall_clock,
    guests: Guests | None = None,
    limits: Limits | None = None,
    hasher: Hasher | None = None,
    gate: Gate | None = None,
) -> AsyncIterator[House]:
    """Keep a house open for the block; then let sessions and stores finish what they have.

    With a *hasher*, for passwords, there is access control; without one everybody may do all. A
    *gate* stands in for either in tests.

    No store is open yet: `House.open_listed` opens those that are listed, clients the others.
    """
    async with trio.open_nursery() as stores:
        async with trio.open_nursery() as sessions:
            house = House(
                catalog,
                open_journal,
                stores,
                sessions,
                clock,
                guests or Guests(),
                limits or Limits(),
                hasher,
                gate,
            )
            sessions.start_soon(house.pulse)
            try:
                yield house
            finally:
                house.stop()
                sessions.cancel_scope.deadline = trio.current_time() + STOP_SECONDS
        house.hang_up()
