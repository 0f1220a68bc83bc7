"""The Autobahn cases against our door with an echo behind it: every frame a client may send.

Run by ``nox -s autobahn``, which installs `kosoku`, the runner. Groups 9, 12 and 13 are left out:
messages beyond our limits, and compression, which we don't offer. Both ways of reading are tried.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import trio
from trio_websocket import ConnectionClosed

from mishkah.core.frames import TEXT, frame
from mishkah.http.door import Door
from mishkah.http.guests import Guests
from mishkah.limits import Limits
from mishkah.rates import Rates

BINARY = 0x2
LEFT_OUT = ("9.*", "12.*", "13.*")
PASSED = {"OK", "INFORMATIONAL"}


async def echo(ws: Any, guard: Any, *_: Any) -> None:
    try:
        while True:
            said = await guard.message()
            kind, payload = (TEXT, said.encode()) if isinstance(said, str) else (BINARY, said)
            await guard.send_frames([frame(payload, kind)])
    except ConnectionClosed:
        pass


async def no_requests(*asked: Any) -> None:
    raise AssertionError("no request is made")


async def play(direct: bool, folder: str) -> None:
    """Serve one run of the cases; its report goes to *folder*."""
    limits = Limits(direct=direct)
    door = Door(echo, no_requests, Guests(), limits, Rates(limits, Counter()))
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    runner = Path(sys.executable).with_name("kosoku")
    without = [word for group in LEFT_OUT for word in ("--exclude", group)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, door.serve, listeners)
        command = [runner, f"127.0.0.1:{port}", *without, "--parallelism", "8", "-o", folder]
        await trio.run_process(command, check=False, capture_stdout=True)
        nursery.cancel_scope.cancel()


def fails(direct: bool) -> int:
    """Play the cases, print what became of them, and return how many failed."""
    with tempfile.TemporaryDirectory() as folder:
        trio.run(play, direct, folder)
        cases = next(iter(json.loads((Path(folder) / "index.json").read_text()).values()))
    behaviours = Counter((case["behavior"], case["behaviorClose"]) for case in cases.values())
    failed = {
        name: (case["behavior"], case["behaviorClose"])
        for name, case in cases.items()
        if not {case["behavior"], case["behaviorClose"]} <= PASSED
    }
    print(f"direct={direct}: {len(cases)} cases, {dict(behaviours)}")
    for name, behaviour in failed.items():
        print(f"  {name}: {behaviour}")
    return len(failed) if cases else 1


if __name__ == "__main__":
    sys.exit(1 if fails(direct=True) + fails(direct=False) else 0)
