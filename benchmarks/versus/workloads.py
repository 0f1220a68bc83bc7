"""What is measured: each workload as a value, and the figures made of what a load saw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.versus.servers import LIMIT, OURS, PEER
from benchmarks.versus.shop import ELSEWHERE, INSERT, STORES, SUBSCRIBE, UPDATE

ALL = (OURS, PEER, LIMIT)
Seen = Mapping[str, Any]
"""What the load generator printed."""


@dataclass(frozen=True)
class Figure:
    """One number of a run; *unit* says of what. Less is better unless *more*."""

    unit: str
    of: Callable[[Seen], float]
    more: bool = False


DELIVERY = Figure("µs a delivery", lambda s: s["cpu"] * 1e6 / s["deliveries"])
DELIVERED = Figure("deliveries/s", lambda s: s["deliveries"] / s["seconds"], more=True)
ANSWER = Figure("µs an ack", lambda s: s["cpu"] * 1e6 / s["answers"])
ANSWERED = Figure("acks/s", lambda s: s["answers"] / s["seconds"], more=True)
WAIT = Figure("ack p99, ms", lambda s: s["waits"]["p99"])
SNAPSHOT = Figure("ms a snapshot", lambda s: s["cpu"] * 1e3 / s["snapshots"])
LONGEST = Figure("longest wait of a till, ms", lambda s: s["waits"]["longest"])
ALONE = Figure("the same without snapshots, ms", lambda s: s["alone"]["longest"])
SENT = Figure("kB sent", lambda s: s["bytes"] / s["snapshots"] / 1e3)
MEMORY = Figure(
    "kB a connection",
    lambda s: (s["resident_kb"][-1] - s["resident_kb"][0]) / (s["connections"] - 1),
)
GROWN = Figure("MB more at the end", lambda s: (s["resident_kb"][-1] - s["resident_kb"][5]) / 1e3)


@dataclass(frozen=True)
class Load:
    """Options of the load generator, and the messages of its clients."""

    options: Mapping[str, float]
    subscribe: str = SUBSCRIBE
    write: str = INSERT
    resume: int = 0
    """How many commits a screen that comes back has missed; 0: it comes for the first time."""

    def but(self, **options: float) -> "Load":
        return replace(self, options={**self.options, **options})


@dataclass(frozen=True)
class Entrant:
    """A column of a workload: a server that begins with *rows* order lines, under a load."""

    label: str
    kind: str
    rows: int
    load: Load


@dataclass(frozen=True)
class Workload:
    """Entrants that are measured in turn, round by round, and in what.

    The first figure is the one that counts. *aim* is what is to be reached, in words. *fresh*: each
    run has a server that was just started.
    """

    name: str
    entrants: tuple[Entrant, ...]
    figures: tuple[Figure, ...]
    aim: str = ""
    fresh: bool = False
    quick: bool = True
    rounds: int | None = None


def _beside(
    name: str,
    load: Load,
    *figures: Figure,
    rows: int = 0,
    kinds: tuple[str, ...] = ALL,
    **more: Any,
) -> Workload:
    entrants = tuple(Entrant(kind, kind, rows, load) for kind in kinds)
    return Workload(name, entrants, figures, **more)


def _growing(name: str, figure: Figure, *entrants: tuple[str, int, Load], **more: Any) -> Workload:
    seats = tuple(Entrant(label, OURS, rows, load) for label, rows, load in entrants)
    return Workload(name, seats, (figure,), **{"rounds": 3, **more})


def _fan(screens: int, window: int) -> Load:
    return Load({"screens": screens, "tills": 1, "window": window})


INGEST = Load({"tills": 16, "flight": 16})
ALONE_AT_IT = Load({"tills": 1, "flight": 1})
MIXED = Load({"screens": 200, "tills": 20, "flight": 8})
IDLE = Load({"screens": 1000, "warm": 0.5, "seconds": 1})
NODE = (OURS, PEER)


def _snapshots(rows: int, times: int) -> Workload:
    return _beside(
        f"snapshot, {rows:,} rows", Load({"snapshots": times, "probe": 0.002}),
        SNAPSHOT, LONGEST, ALONE, SENT,
        rows=rows, kinds=NODE, aim="≥ 4 × Node; others wait ≤ 10 ms", quick=rows == 10_000,
    )  # fmt: skip


BESIDE = [
    *(
        _beside(
            f"fan-out, one at a time, {screens:,} screens", _fan(screens, 1), DELIVERY, DELIVERED,
            aim="≥ 1.2 × Node, ≤ 1.15 × limit", quick=screens == 200,
        )
        for screens in (50, 200, 1000)
    ),
    *(
        _beside(
            f"fan-out, saturated, {screens:,} screens", _fan(screens, 64), DELIVERY, DELIVERED,
            aim="≥ 1.4 × Node, ≤ 1.2 × limit", quick=screens == 200,
        )
        for screens in (50, 200, 1000)
    ),
    _beside("ingest, 16 tills × 16", INGEST, ANSWER, ANSWERED, WAIT, aim="≥ 1.2 × Node"),
    _beside("ingest, one till × 1", ALONE_AT_IT, ANSWER, ANSWERED, WAIT, aim="parity with Node"),
    _beside(
        "mixed, 20 tills × 8, 200 screens", MIXED, DELIVERY, WAIT, ANSWERED, kinds=NODE,
        aim="≥ 1.2 × Node, and its p99",
    ),
    _snapshots(10_000, 10),
    _snapshots(100_000, 4),
    _beside(
        "1,000 idle connections", IDLE, MEMORY, kinds=NODE, aim="≤ 2 × Node", fresh=True, rounds=3
    ),
    _beside(
        "ingest, 16 tills × 16, 100,000 rows there", INGEST, ANSWER, ANSWERED,
        rows=100_000, kinds=NODE, quick=False,
    ),
    *(
        _beside(
            f"coming back after 50 {what} of 20,000 rows",
            Load({"snapshots": 5}, resume=50, write=write), SENT, SNAPSHOT,
            rows=20_000, kinds=(OURS,), aim=aim, rounds=1, quick=False,
        )
        for what, write, aim in (("updates", UPDATE, "≤ 15 kB"), ("inserts", INSERT, ""))
    ),
]  # fmt: skip

_WATCHED = Load({"screens": 64, "stores": STORES, "tills": 16, "flight": 16, "busy": 1})
GROWTH = [
    _growing(
        "screens, one delta at a time", DELIVERY,
        *((f"{n:,}", 0, _fan(n, 1)) for n in (1, 10, 100, 1000)),
    ),
    _growing(
        "screens that don't care, one till waits", ANSWER,
        ("none", 0, ALONE_AT_IT),
        ("1,000", 0, Load({"tills": 1, "screens": 1000}, subscribe=ELSEWHERE)),
    ),
    _growing(
        "rows in the table, one till waits", ANSWER,
        *((f"{n:,}", n, ALONE_AT_IT) for n in (1, 1000, 100_000)),
    ),
    _growing(
        "rows in the table, 16 tills × 16", ANSWER,
        *((f"{n:,}", n, INGEST) for n in (1, 1000, 100_000)),
    ),
    _growing(
        "stores open, one busy", ANSWER,
        ("1", 0, _WATCHED.but(screens=1, stores=1)), ("64", 0, _WATCHED),
    ),
    _growing(
        "stores busy, 64 tills × 4", ANSWER,
        *((str(n), 0, Load({"tills": 64, "flight": 4, "busy": n})) for n in (1, 8, STORES)),
    ),
    _growing(
        "connections, ten of them busy × 16", ANSWER,
        *((f"{n + 10:,}", 0, Load({"tills": 10, "flight": 16, "idlers": n})) for n in (0, 90, 990)),
    ),
    _growing(
        "connections, each with one write", ANSWER,
        *((f"{n:,}", 0, Load({"tills": n})) for n in (10, 100, 1000)),
    ),
    _growing(
        "30 s of steady load: memory", GROWN,
        ("500 updates/s, 50 screens", 1000,
         Load({"tills": 10, "screens": 50, "rate": 500, "seconds": 36}, write=UPDATE)),
        rounds=1, fresh=True,
    ),
]  # fmt: skip
