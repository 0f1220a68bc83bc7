"""The rules of numbers of every store, and how far their counters are: read, never written."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from mishkah.catalog import Catalog
from mishkah.core.ids import StoreId
from mishkah.identity.tables import IDENTITY
from mishkah.journal import JournalFailed
from mishkah.sqlite.snapshot import beside

Counter = tuple[str, str, str]
"""(table, field, period)"""


def sequences(catalog: Catalog, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield each rule of each store: the last number given in this period, and the next text.

    Raises BadFile where a rule is wrong, and JournalFailed where a store can't be read.
    """
    for store in dict.fromkeys([*catalog.listed, *catalog.on_disk()]):
        if store == IDENTITY:
            continue  # its numbers follow no rule of the installation
        rules = catalog.recipe(store).rules
        local = now.astimezone(rules.zone)
        known = counters(catalog.store_path(store)) if rules.sequences else {}
        for table, some in rules.sequences.items():
            for sequence in some:
                last = known.get((table, sequence.field, sequence.period(local)))
                number = sequence.start if last is None else max(last + 1, sequence.start)
                yield {
                    "branch": store.branch,
                    "module": store.module,
                    "table": table,
                    "field": sequence.field,
                    "from": _origin(catalog, store, table, sequence.field),
                    "reset": sequence.reset,
                    "start": sequence.start,
                    "last": last,
                    "next": sequence.write(number, local),
                }


def _origin(catalog: Catalog, store: StoreId, table: str, field: str) -> str:
    own = catalog.sequences.branches.get(store.branch, {}).get(store.module, {})
    return "branch" if field in own.get(table, {}) else "defaults"


def counters(path: Path) -> Mapping[Counter, int]:
    """Return the counters of the store in *path*, empty where there is none yet."""
    if not path.is_file():
        return {}
    try:
        with beside(path) as db:
            lines: Any = db.execute("SELECT tbl, field, period, number FROM _counters")
            return {(table, field, period): number for table, field, period, number in lines}
    except apsw.Error as error:
        raise JournalFailed(f"{path}: {error}") from error
