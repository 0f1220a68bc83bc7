"""What 2,000 different views of one table cost a change that concerns one of them.

Run it with ``python benchmarks/dispatch.py``; it writes one line of JSON for each kind of filter.
*ratio* is the time of a change with 2,000 views, over its time with the one that it concerns; the
median of interleaved rounds.
"""

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import trio

from mishkah.core import wire
from mishkah.core.commit import Change, Commit
from mishkah.core.grants import everything
from mishkah.core.ids import StoreId
from mishkah.core.soundness import read_schema
from mishkah.core.views import read_view
from mishkah.dispatch import Dispatch
from mishkah.feed import Outbox
from mishkah.listener import Listener

VIEWS = 2000
ROUNDS = 9
CHANGES = 2000
STORE = StoreId("dar", "pos")
FIELDS = {
    "id": {"type": "text", "primaryKey": True},
    "status": {"type": "text"},
    "table_no": {"type": "integer"},
    "total": {"type": "integer"},
}
SCHEMA, _ = read_schema("pos", {"tables": {"order": {"fields": FIELDS}}})
assert SCHEMA is not None
TABLE = SCHEMA.tables["order"]
OPEN = ["status", "=", "open"]
KINDS: dict[str, Callable[[int], Any]] = {
    "=": lambda n: ["table_no", "=", n],
    "= and a shared =": lambda n: {"and": [OPEN, ["table_no", "=", n]]},
    "in": lambda n: ["table_no", "in", [n, n + VIEWS, n + 2 * VIEWS]],
    "or": lambda n: {"or": [["table_no", "=", n], ["table_no", "=", n + VIEWS]]},
}


def opened(wheres: list[Any]) -> tuple[Dispatch, list[Outbox]]:
    """Return a dispatch with a client at each of *wheres*."""
    assert SCHEMA is not None
    dispatch, outboxes = Dispatch(wire.Signature(STORE, "e"), SCHEMA), []
    for where in wheres:
        outboxes.append(Outbox())
        view = read_view(everything(SCHEMA), ["order"], where)
        dispatch.join(Listener(outboxes[-1], STORE, seed=False), view, 0)
    return dispatch, outboxes


def commit(seq: int) -> Commit:
    """Return an update of an order at table 7."""
    row = {"id": "o", "status": "open", "table_no": 7, "total": seq}
    old = {"total": seq - 1}
    change = Change(table="order", id="o", was=seq - 1, new=row, old=old, json=TABLE.encode(row))
    return Commit(seq=seq, at="2025-10-29T12:00:00.000Z", changes=(change,))


async def seconds(dispatch: Dispatch, outboxes: list[Outbox], commits: list[Commit]) -> float:
    begun = time.perf_counter()
    for one in commits:
        dispatch.note(one)
        await dispatch.publish()
    spent = time.perf_counter() - begun
    heard = [outbox for outbox in outboxes if outbox._letters]
    assert len(heard) == 1, "one view is concerned"
    assert len(heard[0]._letters) == len(commits)
    heard[0]._letters.clear()
    return spent


async def main() -> None:
    commits = [commit(seq) for seq in range(1, CHANGES + 1)]
    for kind, where in KINDS.items():
        alone = opened([where(7)])
        among = opened([where(n) for n in range(VIEWS)])
        times = [
            (await seconds(*alone, commits), await seconds(*among, commits)) for _ in range(ROUNDS)
        ]
        told = {
            "filter": kind,
            "one view, µs": round(median(one for one, _ in times) / CHANGES * 1e6, 2),
            f"{VIEWS} views, µs": round(median(many for _, many in times) / CHANGES * 1e6, 2),
            "ratio": round(median(many / one for one, many in times), 2),
        }
        print(json.dumps(told, ensure_ascii=False))


if __name__ == "__main__":
    trio.run(main)
