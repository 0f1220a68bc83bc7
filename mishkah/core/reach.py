"""Where a role counts: branches and modules by name, or by the beginning of one."""

from collections.abc import Iterable

import msgspec

from mishkah.core.ids import StoreId

ANY = "*"
HOUSE = "_house"
"""The branch of the house's own stores. No configured branch can have this name."""


def names(patterns: Iterable[str], name: str) -> bool:
    """Tell whether one of *patterns* means *name*: ``*`` is all, ``a*`` what begins with an a."""
    return any(
        pattern == name or (pattern.endswith(ANY) and name.startswith(pattern[:-1]))
        for pattern in patterns
    )


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
        return names(self.branches, store.branch) and names(self.modules, store.module)
