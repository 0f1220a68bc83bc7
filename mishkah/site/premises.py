"""What requests may know of the house that answers them."""

from collections.abc import Mapping, Set
from typing import Protocol

import trio

from mishkah.catalog import Catalog
from mishkah.clock import Clock
from mishkah.core.ids import StoreId
from mishkah.feed import Outbox
from mishkah.following import Following
from mishkah.gate import Gate
from mishkah.identity.identity import Identity
from mishkah.keeper import Keeper
from mishkah.rates import Rates
from mishkah.rights import Rights
from mishkah.talk import Room
from mishkah.tally import Tally


class Premises(Protocol):
    """A house, as its site and REST see it."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def keepers(self) -> Mapping[StoreId, Keeper]: ...
    @property
    def stopping(self) -> trio.Event: ...
    @property
    def tally(self) -> Tally: ...
    @property
    def following(self) -> Following: ...
    @property
    def outboxes(self) -> Set[Outbox]: ...
    @property
    def rates(self) -> Rates: ...

    @property
    def gate(self) -> Gate: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def identity(self) -> Identity | None:
        """Who may come in; None where everybody may."""

    @property
    def origins(self) -> frozenset[str]:
        """Of which pages, beside the house's own, cookies count."""

    def rights(self) -> Rights:
        """Return the rights of a client who has shown nothing yet."""

    def enter(
        self, rights: Rights, branch: str | None, module: str | None, *, make: bool = True
    ) -> Room:
        """Return a store, opened if need be, and the way into it. Raises UnknownModule.

        A branch that is new is there only for who may *make* it.
        """
