"""Servers of the shop, their files, and what happened to them."""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import ledger, tills
from support.server import Server
from support.shop import RULES, TABLES

from mishkah.testing import write_installation


@pytest.fixture
def launch() -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server on a folder and does not wait for it."""
    started: list[Server] = []

    def launch(data: Path, *options: str) -> Server:
        server = Server(data, *options)
        started.append(server)
        return server

    yield launch
    for server in started:
        server.close()


@pytest.fixture
def serve(launch: Callable[..., Server]) -> Callable[..., Server]:
    """Return a function that starts a server on a folder and waits until clients can connect."""
    return lambda data, *options: launch(data, *options).ready()


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an installation: the branch ``shop``, its module ``m``."""

    def install(folder: Path | None = None, seeds: int = 50, **keys: Any) -> Path:
        rows = [
            {"id": f"seed{i}", "name": f"بذرة {i}", "email": f"seed{i}@shop.example"}
            for i in range(seeds)
        ]
        where = tmp_path / "data" if folder is None else folder
        return write_installation(where, TABLES, rules=RULES, seeds={"item": rows}, **keys)

    return install


@pytest.fixture
def make_till() -> type[tills.Till]:
    return tills.Till


@pytest.fixture
def gather() -> type[tills.Crowd]:
    return tills.Crowd


@pytest.fixture
def look() -> Callable[..., Any]:
    return ledger.read_store


@pytest.fixture
def path_of() -> Callable[..., Path]:
    return ledger.store_path


@pytest.fixture
def replay() -> Callable[..., Any]:
    return ledger.replayed


@pytest.fixture
def rows_of() -> Callable[..., Any]:
    return ledger.rows_in


_figures = pytest.StashKey[dict[str, Counter[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_figures] = {}


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Counter[str]:
    """Counts that are shown when the run is over, one line for each file."""
    kept = request.config.stash.setdefault(_figures, {})
    return kept.setdefault(request.path.stem, Counter())


@pytest.fixture
def seed(request: pytest.FixtureRequest, record_property: Callable[..., None]) -> str:
    """A new seed for each test of each run, or MISHKAH_SEED; said where the test fails."""
    value = os.environ.get("MISHKAH_SEED") or f"{random.randrange(2**32):08x}"
    record_property("seed", value)
    print(f"MISHKAH_SEED={value}")
    return f"{value} {request.node.name}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for name, counts in config.stash.get(_figures, {}).items():
        said = ", ".join(f"{what} {count}" for what, count in counts.items())
        terminalreporter.write_line(f"{name}: {said}")
