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


class Rights:
    """Who speaks on one socket, or by one request, and its grant in each store.

    Nobody at first, who may do nothing where there is access control.
    """

    def __init__(self, gate: Gate, schema_of: SchemaOf) -> None:
        self._gate = gate
        self._schema_of = schema_of
        self._grants: dict[StoreId, Grant] = {}
        self.shown = False
        """Whether a token was shown that let somebody in."""
        self._became = self._followed = 0
        self._become(NOBODY)

    def show(self, token: str | None) -> None:
        """Be who *token* says from now on.

        Raises AuthRequired where it lets nobody in, AuthExpired where it did; nothing has changed
        then.
        """
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
        known = self._grants.get(store)
        if known is None:
            if not self.may_enter(store):
                raise UnknownModule
            known = self._gate.grant(self.who, store, self._schema_of(store))
            self._grants[store] = known
        return known

    async def change(self) -> None:
        """Wait until `check` may have something to say, or has had to somebody else since.

        A command that comes in the moment of a change meets it before who follows all changes.
        """
        while self._is_current() and self._followed == self._became:
            left = _LONGEST if self.who.expires is None else self.who.expires - self._gate.now()
            with trio.move_on_after(min(max(left, 0.0), _LONGEST)):
                await self._gate.changes.next()
        self._followed = self._became

    def _become(self, who: Who) -> None:
        self.who = who
        self._became += 1
        self._version = self._gate.changes.version
        self._grants.clear()

    def _is_current(self) -> bool:
        expires = self.who.expires
        late = expires is not None and expires <= self._gate.now()
        return self._version == self._gate.changes.version and not late
