"""Who speaks to the house: a person, a device, a program; and where their roles count."""

import msgspec

from mishkah.core.ids import StoreId

ANY = "*"


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A role, and the branches and modules where it counts; ``*`` is all of them.

    A branch ending in ``*`` means every branch that begins with what is before it. An empty role is
    none: where it comes first, nothing may be done.
    """

    role: str
    branches: tuple[str, ...] = (ANY,)
    modules: tuple[str, ...] = (ANY,)

    def covers(self, store: StoreId) -> bool:
        """Tell whether the role counts in *store*."""
        return _names(self.branches, store.branch) and _names(self.modules, store.module)


def _names(patterns: tuple[str, ...], name: str) -> bool:
    return any(
        pattern == name or (pattern.endswith(ANY) and name.startswith(pattern[:-1]))
        for pattern in patterns
    )


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


NOBODY = Who()
"""Who speaks to a house without access control."""
