"""Measure the server beside a Node peer and the limit, and how its costs grow.

Run it with ``nox -s bench``, or, where the project is installed, with ``python -m
benchmarks.versus``. It writes two tables and one line of JSON to stdout, and how it gets on to
stderr. What it builds and the folders of its servers are in ``benchmarks/versus/build``.
"""

import argparse
import json
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.versus import table
from benchmarks.versus.building import BUILT, Missing, build
from benchmarks.versus.measuring import FULL, QUICK, measure
from benchmarks.versus.servers import Cores, Servers
from benchmarks.versus.workloads import BESIDE, GROWTH, Workload


def main() -> None:
    asked = _arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        tools = build()
    except Missing as lack:
        print(lack, "Nothing is measured.", file=sys.stderr)
        return
    if isinstance(tools.peer, Missing):
        print(tools.peer, file=sys.stderr)
    cores = Cores.of_this_machine()
    if cores.server is None:
        print("There is one core only: servers and load are in each other's way.", file=sys.stderr)
    pace = QUICK if asked.quick else FULL
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:
        servers = Servers(tools, Path(folder), cores)

        def told(workloads: list[Workload]) -> list[dict[str, Any]]:
            results = []
            for workload in workloads:
                if asked.only not in workload.name or (asked.quick and not workload.quick):
                    continue
                at = time.monotonic() - begun
                late = at > (asked.limit or pace.limit)
                print(f"{at:4.0f} s  {workload.name}", "left out" * late, file=sys.stderr)
                if not late:
                    results.append(table.summary(measure(workload, servers, pace)))
            return results

        compared = told(BESIDE)
        grown = [] if asked.quick else told(GROWTH)
    for made, rows in ((table.beside, compared), (table.growth, grown)):
        if rows:
            print(made(rows), end="\n\n")
    where = {"machine": platform.machine(), "python": platform.python_version()}
    print(json.dumps({**where, "beside": compared, "growth": grown}, ensure_ascii=False))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.versus", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: under 2 minutes")
    parser.add_argument("--only", default="", help="the workloads with this in their names")
    parser.add_argument("--limit", type=float, help="begin nothing after so many seconds")
    return parser.parse_args()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # so that every server is ended on the way out


if __name__ == "__main__":
    main()
