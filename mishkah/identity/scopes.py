"""Where somebody's roles count, as rows keep it, and what is left of it where two must agree."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from mishkah.core.errors import Invalid
from mishkah.core.ids import is_id
from mishkah.who import ANY, Scope

MAX_SCOPES = 16
"""Scopes of one row, and branches or modules of one scope."""
OWNER = "owner"
"""The role that holds all others."""
_ROLE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)

Scopes = tuple[Scope, ...]


def read_scopes(kept: Any, *, any_role: bool = False) -> Scopes:
    """Return the scopes of a row's field. Raises Invalid where they are not well-formed.

    With *any_role* a role may be ``*``: whichever role somebody has there.
    """
    try:
        scopes = scopes_of(kept)
    except msgspec.ValidationError:
        raise _bad("Scopes are a list of {role, branches, modules}") from None
    if len(scopes) > MAX_SCOPES:
        raise _bad(f"There are at most {MAX_SCOPES} scopes")
    for scope in scopes:
        if not _ROLE.fullmatch(scope.role) and not (any_role and scope.role == ANY):
            raise _bad("A role's name has letters, digits and _ . -, a letter first")
        for patterns in (scope.branches, scope.modules):
            if not 0 < len(patterns) <= MAX_SCOPES or not all(map(_is_pattern, patterns)):
                raise _bad("branches and modules are names, beginnings ending in *, or *")
    return scopes


def _bad(message: str) -> Invalid:
    return Invalid(message, field="scopes", ar="النطاقات غير صحيحة: دور وفروع وموديولات")


def _is_pattern(text: str) -> bool:
    return text == ANY or is_id(text.removesuffix(ANY))


def scopes_of(kept: Any) -> Scopes:
    """Return the scopes of a row's field. Raises ValidationError where they are none."""
    return msgspec.convert(kept, Scopes)


def kept_scopes(scopes: Iterable[Scope]) -> list[dict[str, Any]]:
    """Return *scopes* as a row keeps them."""
    return [
        {"role": s.role, "branches": list(s.branches), "modules": list(s.modules)} for s in scopes
    ]


@lru_cache(maxsize=1024)
def narrowed(scopes: Scopes, to: Scopes) -> Scopes:
    """Return what is left of *scopes* where only *to* counts: no more than either, in any store.

    In each store the first scope of both decides. The role stays where *to* has the same role or
    ``*``; an owner, who holds every role, gets the one that *to* names. Two other roles have
    nothing in common: there the result has an empty role, which is none.
    """
    left = [
        Scope(_common(mine.role, theirs.role), branches, modules)
        for mine in scopes
        for theirs in to
        if (branches := _both(mine.branches, theirs.branches))
        and (modules := _both(mine.modules, theirs.modules))
    ]
    while left and not left[-1].role:
        left.pop()
    return tuple(left)


def places(scopes: Scopes) -> Scopes:
    """Return where *scopes* count, whatever the role."""
    return tuple(msgspec.structs.replace(scope, role=ANY) for scope in scopes)


def _common(mine: str, theirs: str) -> str:
    if theirs in (ANY, mine):
        return mine
    return theirs if mine == OWNER else ""


def _both(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Return patterns for the names that one of *some* and one of *others* match."""
    found = (_overlap(one, other) for one in some for other in others)
    return tuple(dict.fromkeys(pattern for pattern in found if pattern))


def _overlap(one: str, other: str) -> str:
    for narrow, wide in ((one, other), (other, one)):
        if narrow == wide or (
            wide.endswith(ANY) and narrow.removesuffix(ANY).startswith(wide[:-1])
        ):
            return narrow
    return ""
