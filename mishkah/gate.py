"""The gate: who comes in, and what each may do; the one place that every path asks."""

from typing import Protocol

import trio

from mishkah.core.grants import Grant, everything
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.who import NOBODY, Who


class Changes:
    """Counts when somebody may be let in or left out, or may do other things than before."""

    def __init__(self) -> None:
        self.version = 0
        self._lot = trio.lowlevel.ParkingLot()

    def note(self) -> None:
        """Count one more, and wake who waits."""
        self.version += 1
        self._lot.unpark_all()

    async def next(self) -> None:
        """Wait until there is one more."""
        await self._lot.park()


class Gate(Protocol):
    """Decides at once and without I/O, by what is committed."""

    @property
    def changes(self) -> Changes: ...

    def now(self) -> float:
        """Return the time, in seconds since the epoch, by which what expires has expired."""

    def identify(self, token: str | None) -> Who:
        """Return who shows *token*. Raises AuthRequired, AuthExpired."""

    def again(self, who: Who) -> Who:
        """Return *who*, let in before, as of now. Raises AuthRequired, AuthExpired."""

    def may_enter(self, who: Who, store: StoreId) -> bool:
        """Tell whether *who* has any role in *store*."""

    def grant(self, who: Who, store: StoreId, schema: Schema) -> Grant:
        """Return what *who*, who may enter, may do in *store*."""


class OpenGate:
    """Lets everybody in to do everything: for development, on a machine of one's own."""

    def __init__(self) -> None:
        self.changes = Changes()
        self._grants: dict[StoreId, Grant] = {}

    def now(self) -> float:
        return 0.0

    def identify(self, token: str | None) -> Who:
        return NOBODY

    def again(self, who: Who) -> Who:
        return who

    def may_enter(self, who: Who, store: StoreId) -> bool:
        return True

    def grant(self, who: Who, store: StoreId, schema: Schema) -> Grant:
        known = self._grants.get(store)
        if known is None or known.whole is not schema:
            known = self._grants[store] = everything(schema)
        return known
