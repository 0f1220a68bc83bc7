"""An installation's own roles, held against every schema that they may meet."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from mishkah.catalog import Catalog
from mishkah.core.access import Access, Role
from mishkah.core.errors import Finding
from mishkah.core.ids import StoreId
from mishkah.core.reach import ANY
from mishkah.core.rulecheck import Ground, Place, check_rules
from mishkah.jsonfile import BadFile
from mishkah.roles import ACCESS


def check_roles(
    catalog: Catalog, access: Access | None, roles: Mapping[str, Role]
) -> Iterator[Finding]:
    """Yield what is wrong in *access*, one of the *roles* that there are, and what is worth a note.

    A misspelt name in a rule that forbids would forbid nothing.
    """
    if access is None:
        return
    branches = catalog.branches
    rules = [rule for role in access.roles.values() for rule in role.rules]
    named = {branch for rule in rules for branch in rule.branches}
    others = sorted((named | catalog.made_by_patterns()).difference(branches.branches))
    stores = [*catalog.listed]
    stores += [StoreId(branch, m) for branch in others for m in branches.modules_of(branch) or ()]
    # What a pattern will open has the package's schema, as far as there is one.
    stores += [StoreId(ANY, m) for pattern in branches.patterns for m in pattern.modules]
    places: list[Place] = []
    for store in stores:
        with suppress(BadFile):
            branch = None if store.branch == ANY else store.branch
            places.append(Place(branch, catalog.schema(store)))
    ground = Ground(
        roles=roles,
        is_branch=lambda branch: branches.modules_of(branch) is not None,
        modules=frozenset(catalog.named_modules),
        places=places,
    )
    for problem, note in check_rules(access, ground):
        yield Finding(ACCESS, problem.path, problem.message, note=note)
