"""The three servers, each a process of its own on the server's core, for as long as needed."""

import ctypes
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.versus.building import Missing, Tools
from benchmarks.versus.shop import fill, first_rows, write_shop

OURS, PEER, LIMIT = "mishkah", "node", "limit"
MISHKAH = str(Path(sys.executable).with_name("mishkah-trio"))
START = 120.0
"""Seconds for a server to be ready; ours reads 100,000 first rows in that time."""

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@dataclass(frozen=True)
class Cores:
    """The core of the server and that of the load; None where the machine has one only."""

    server: int | None
    load: int | None

    @classmethod
    def of_this_machine(cls) -> "Cores":
        free = sorted(os.sched_getaffinity(0))
        return cls(free[0], free[1]) if len(free) > 1 else cls(None, None)


def pinned(core: int | None) -> Callable[[], None]:
    """Return what a child does first: it stays on *core*, and does not outlive who started it."""
    prctl = ctypes.CDLL(None).prctl

    def pin() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if core is not None:
            os.sched_setaffinity(0, {core})

    return pin


@dataclass(frozen=True)
class Server:
    """A server that runs; *token* is what its clients show, anything where nobody asks."""

    kind: str
    pid: int
    port: int
    token: str


class Servers:
    """Starts servers in folders of their own under *folder*, which it does not remove."""

    def __init__(self, tools: Tools, folder: Path, cores: Cores) -> None:
        self.tools = tools
        self.cores = cores
        self._folder = folder
        self._numbers = itertools.count()
        self._token: str | None = None

    def has(self, kind: str) -> bool:
        return kind != PEER or not isinstance(self.tools.peer, Missing)

    @contextmanager
    def running(self, kind: str, rows: int) -> Iterator[Server]:
        """Run the server *kind*, which begins with *rows* order lines, and end it at the end."""
        folder = self._folder / f"server-{next(self._numbers)}"
        token = "none"
        if kind == OURS:
            token = self._copy_of_the_shop(folder)
            fill(folder, rows)
            command = [MISHKAH, "serve", "--json", "--port", "0", "--data", str(folder)]
        else:
            folder.mkdir()
            command = self._other(kind, folder, rows)
        log = folder.with_suffix(".log")
        with log.open("wb") as errors:
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=pinned(self.cores.server),
            )
        try:
            yield Server(kind, process.pid, _port(process, log), token)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()
            shutil.rmtree(folder)

    def _other(self, kind: str, folder: Path, rows: int) -> list[str]:
        if kind == LIMIT:
            return [str(self.tools.limit)]
        assert not isinstance(self.tools.peer, Missing), "`has` tells whether there is one"
        first = folder / "rows.json"
        first.write_text(json.dumps(list(first_rows(rows))))
        return [*self.tools.peer, str(folder / "peer.sqlite3"), str(first)]

    def _copy_of_the_shop(self, folder: Path) -> str:
        """Make an installation with access control; return the token of a program that sells."""
        shop = self._folder / "shop"
        if self._token is None:
            write_shop(shop)
            _run(shop, "init", "--user", "owner", "--password-stdin", typed="quite-a-long-secret")
            _run(shop, "user", "create", "till", "--role", "till", "--no-password")
            self._token = json.loads(_run(shop, "token", "create", "till", "--json"))["token"]
        shutil.copytree(shop, folder)
        return self._token


def _run(shop: Path, *words: str, typed: str = "") -> str:
    command = [MISHKAH, *words, "--data", str(shop)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """Return the port that *process* says in its first line. Ends all where it says nothing."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START)
    line = process.stdout.readline() if ready else b""
    if not line:
        raise SystemExit(f"a server did not start: {log.read_text(errors='replace')[-2000:]}")
    return int(json.loads(line)["port"])
