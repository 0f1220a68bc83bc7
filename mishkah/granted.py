"""What roles come to, store by store and table by table, as plain values to be shown."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mishkah.catalog import Catalog
from mishkah.core.access import Role, grant_of
from mishkah.core.grants import DEEDS, READ, UPDATE, Permit, TableGrant
from mishkah.core.ids import StoreId

Line = dict[str, Any]


def granted(
    catalog: Catalog, role: str, stores: Sequence[StoreId], user: str | None
) -> Iterator[Line]:
    """Yield a line for each table of *stores* of which *role* leaves something to *user*.

    Each deed has None, or what it may be done with: `fields` (None: all) and `where`.
    Raises LookupError where there is no such role, BadFile where a store's schema is none.
    """
    found: Role | None = catalog.roles.get(role)
    if found is None:
        raise LookupError(f"There is no role {role}; there are {', '.join(catalog.roles)}.")
    for store in stores:
        grant = grant_of(found, store, catalog.recipe(store).rules.schema, user)
        for name, table in grant.tables.items():
            leaves = {deed: _leave(table, deed) for deed in DEEDS}
            if any(leaves.values()):
                place = {"branch": store.branch, "module": store.module, "table": name}
                yield {"role": role, **place, **leaves}


def _leave(table: TableGrant, deed: str) -> Line | None:
    permit = table.permits.get(deed)
    if deed == READ and table.shown is not None:
        permit = Permit(frozenset(table.shown.fields), table.held)
    if permit is None:
        return None
    kept = permit.fields
    if kept is not None and deed == UPDATE:
        kept = kept - {table.table.primary_key}  # which can't be changed
    fields = None if kept is None else [name for name in table.table.fields if name in kept]
    where = None if permit.where is None else msgspec.json.decode(permit.where.canonical)
    return {"fields": fields, "where": where}
