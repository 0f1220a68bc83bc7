"""The sample installation, served by a real process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.server import Server, copy_sample


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(copy_sample(tmp_path / "data"))
    try:
        yield server.ready()
    finally:
        server.close()
