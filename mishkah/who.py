"""Who speaks to the house: a person, a device, a program; and where their roles count."""

import msgspec

from mishkah.core.ids import StoreId
from mishkah.core.reach import ANY, Scope

__all__ = ["ANY", "NOBODY", "PUBLIC", "Scope", "Who"]

PUBLIC = "public"
"""Whose the names of writes are that come without a token."""


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Someone whom the gate has let in.

    *user* is the person, *device* the enrolled device, *session* the id of the token that was
    shown. Names of writes belong to *owner*: nobody else is answered with their outcome. Of
    *scopes* the first that covers a store decides. *expires* is in seconds since the epoch; None
    is never.
    """

    user: str | None = None
    device: str | None = None
    session: str | None = None
    owner: str = ""
    scopes: tuple[Scope, ...] = ()
    expires: float | None = None

    def role_in(self, store: StoreId) -> str | None:
        """Return the role that counts in *store*; None where there is none."""
        return next((scope.role for scope in self.scopes if scope.covers(store)), None) or None

    @property
    def in_person(self) -> bool:
        """Whether a password or a token of one's own let them in: no till, no PIN, no open door.

        The house's own stores are for nobody else.
        """
        return self.device is None and self.owner != PUBLIC


NOBODY = Who()
"""Who speaks to a house without access control."""
