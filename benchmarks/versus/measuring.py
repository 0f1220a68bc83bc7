"""Take a workload's rounds: every entrant in turn, again and again, so that noise hits all."""

import json
import random
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.versus.servers import Server, Servers, pinned
from benchmarks.versus.shop import HELLO, SUBSCRIBE
from benchmarks.versus.workloads import Entrant, Load, Seen, Workload

LATE = 120.0
"""Seconds that a load may take beyond those for which it was asked."""


@dataclass(frozen=True)
class Pace:
    """How long is measured: *rounds*, and *warm* and *seconds* of each.

    No workload is begun after *limit*, in seconds from the start.
    """

    rounds: int
    warm: float
    seconds: float
    limit: float


QUICK = Pace(rounds=3, warm=0.2, seconds=0.5, limit=90)
FULL = Pace(rounds=5, warm=0.3, seconds=0.8, limit=780)


@dataclass(frozen=True)
class Result:
    """What each entrant's rounds saw; entrants that this machine can't have are left out."""

    workload: Workload
    seen: dict[str, list[Seen]]


def measure(workload: Workload, servers: Servers, pace: Pace) -> Result:
    """Run *workload*. Ends all with a sentence where a server or a load fails."""
    entrants = [one for one in workload.entrants if servers.has(one.kind)]
    seen: dict[str, list[Seen]] = {one.label: [] for one in entrants}
    rounds = min(workload.rounds or pace.rounds, pace.rounds)
    with ExitStack() as running:
        if not workload.fresh:
            up = {
                one.label: running.enter_context(servers.running(one.kind, one.rows))
                for one in entrants
            }
        for number in range(rounds):
            for one in entrants if number % 2 else entrants[::-1]:
                with ExitStack() as this_run:
                    server = (
                        this_run.enter_context(servers.running(one.kind, one.rows))
                        if workload.fresh
                        else up[one.label]
                    )
                    seen[one.label].append(_run(one, server, servers, pace))
    return Result(workload, seen)


def _run(entrant: Entrant, server: Server, servers: Servers, pace: Pace) -> Seen:
    load = entrant.load
    if load.resume:
        _put(load.but(tills=1, snapshots=0, seconds=0.3), server, servers, pace)
        at = _put(load.but(snapshots=1), server, servers, pace)
        since = f',"since":{at["seq"] - load.resume},"epoch":"{at["epoch"]}"}}'
        return _put(replace(load, subscribe=SUBSCRIBE[:-1] + since), server, servers, pace)
    return _put(load, server, servers, pace)


def _put(load: Load, server: Server, servers: Servers, pace: Pace) -> Seen:
    """Put *load* on *server* once, by clients that were never there, and return what it saw."""
    run = f"{random.getrandbits(32):08x}"
    options: dict[str, Any] = {
        "port": server.port,
        "pid": server.pid,
        "warm": pace.warm,
        "seconds": pace.seconds,
        **load.options,
        "hello": HELLO.replace("TOKEN", server.token),
        "subscribe": load.subscribe,
        "write": load.write,
    }
    command = [str(servers.tools.load)]
    for name, value in options.items():
        command += [f"--{name}", str(value).replace("RUN", run)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=options["seconds"] + LATE,
        preexec_fn=pinned(servers.cores.load),
    )
    if done.returncode:
        raise SystemExit(f"{server.kind}: {done.stderr or f'the load ended, {done.returncode}'}")
    seen: Seen = json.loads(done.stdout)
    return seen
