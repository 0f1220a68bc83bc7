"""What one client may do, as of now: it follows when its token, its role or a rule changes."""

from collections.abc import Callable

import trio

from mishkah.core.errors import UnknownModule
from mishkah.core.grants import Grant
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.gate import Gate
from mishkah.who import NOBODY, Who

SchemaOf = Callable[[StoreId], Schema]
_LONGEST = 3600.0
"""Seconds after which the clock is looked at again: it may have been set."""


class Standing:
    """What *who* may do in *store*, whenever it is asked: what waits goes by what is so then."""

    def __init__(self, gate: Gate, who: Who, store: StoreId, schema: Schema) -> None:
        self._gate = gate
        self._who = who
        self._store = store
        self._schema = schema
        self._version = -1

    def __call__(self) -> Grant:
        """Return what may be done. Raises AuthExpired, AuthRequired, UnknownModule for nothing."""
        if not is_current(self._gate, self._who, self._version):
            version = self._gate.changes.version
            who = self._gate.again(self._who) if self._version >= 0 else self._who
            if not self._gate.may_enter(who, self._store):
                raise UnknownModule
            self._grant = self._gate.grant(who, self._store, self._schema)
            self._who, self._version = who, version
        return self._grant


def is_current(gate: Gate, who: Who, version: int) -> bool:
    """Tell whether nothing has changed since *version* of what *gate* says of *who*."""
    return version == gate.changes.version and not (
        who.expires is not None and who.expires <= gate.now()
    )


class Rights:
    """Who speaks on one socket, or by one request, and its grant in each store.

    Nobody at first, who may do nothing where there is access control.
    """

    def __init__(self, gate: Gate, schema_of: SchemaOf) -> None:
        self._gate = gate
        self._schema_of = schema_of
        self._standings: dict[StoreId, Standing] = {}
        self.shown = False
        """Whether a token was shown that let somebody in."""
        self.tried = False
        """Whether any token was shown."""
        self._became = self._followed = 0
        self._become(NOBODY)

    def show(self, token: str | None) -> None:
        """Be who *token* says from now on.

        Raises AuthRequired where it lets nobody in, AuthExpired where it did; nothing has changed
        then.
        """
        self.tried = self.tried or token is not None
        self._become(self._gate.identify(token))
        self.shown = token is not None

    def check(self) -> None:
        """See whether who was let in still may be here. Raises AuthRequired, AuthExpired."""
        if not self._is_current():
            self._become(self._gate.again(self.who))

    def may_enter(self, store: StoreId) -> bool:
        return self._gate.may_enter(self.who, store)

    def grant(self, store: StoreId) -> Grant:
        """Return what may be done in *store*, which is open. Raises UnknownModule for nothing."""
        return self.standing(store)()

    def standing(self, store: StoreId) -> Standing:
        """Return what tells what who speaks now may do in *store*, then and later."""
        known = self._standings.get(store)
        if known is None:
            known = Standing(self._gate, self.who, store, self._schema_of(store))
            self._standings[store] = known
        return known

    async def change(self) -> None:
        """Wait until `check` may have something to say; who checks meanwhile takes nothing away."""
        while self._followed == self._became and self._is_current():
            left = _LONGEST if self.who.expires is None else self.who.expires - self._gate.now()
            with trio.move_on_after(min(max(left, 0.0), _LONGEST)):
                await self._gate.changes.next()
        self._followed = self._became

    def _become(self, who: Who) -> None:
        self.who = who
        self._became += 1
        self._version = self._gate.changes.version
        self._standings.clear()

    def _is_current(self) -> bool:
        return is_current(self._gate, self.who, self._version)
