"""Plugins that can't be used, and one that hangs, in a real server."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.plugin import write_plugin
from support.server import Server
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mishkah.testing import write_installation

pytestmark = pytest.mark.crash

TABLES = {"note": {"fields": {"id": {"type": "text", "primaryKey": True}}}}
HANGS = """
import time
import mishkah

def never_returns(new, old, view):
    while new["id"] == "hang":
        time.sleep(0.01)

@mishkah.hookimpl
def register_validators(module):
    return {"note": [never_returns]}
"""
BROKEN = {
    "import of nothing_there": "import nothing_there",
    "unknown hook 'register_modulez'": (
        "import mishkah\n@mishkah.hookimpl\ndef register_modulez(): return {}"
    ),
    "register_modules raised": (
        "import mishkah\n@mishkah.hookimpl\ndef register_modules(): return 1 / 0"
    ),
    "must return a mapping": "import mishkah\n@mishkah.hookimpl\ndef register_modules(): return 7",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_installation(tmp_path / "data", TABLES)


@pytest.fixture
def serve(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Return a function that starts a server which has one more plugin."""
    started: list[Server] = []

    def start(code: str, *options: str) -> Server:
        monkeypatch.setenv("PYTHONPATH", str(write_plugin(tmp_path / "site", "trouble", code)))
        started.append(Server(data, *options))
        return started[-1]

    yield start
    for server in started:
        server.close()


def test_a_validator_that_hangs_is_named_and_ends_the_process(serve: object, data: Path) -> None:
    server = serve(HANGS, "--hang-limit", "3").ready()  # type: ignore[operator]
    with connect(server.url()) as till:
        till.recv()
        till.send(json.dumps({"type": "INSERT", "table": "note", "data": {"id": "a"}, "ref": "1"}))
        till.recv()
        assert json.loads(till.recv())["type"] == "ACK"
        till.send(json.dumps({"type": "INSERT", "table": "note", "data": {"id": "hang"}}))
        begun = time.monotonic()
        with pytest.raises(ConnectionClosed):
            till.recv(timeout=20)
    said_before_close = server.said
    assert server.wait() == 70
    assert 2.5 < time.monotonic() - begun < 6
    assert "plugin trouble: never_returns has not returned" in said_before_close
    assert "time.sleep(0.01)" in said_before_close
    again = Server(data)
    try:
        with connect(again.ready().url()) as till:
            assert json.loads(till.recv())["data"]["note"] == [{"id": "a"}]
        assert again.stop() == 0
    finally:
        again.close()


@pytest.mark.parametrize("why", BROKEN)
def test_a_broken_plugin_stops_the_start_and_is_named(serve: object, why: str) -> None:
    server = serve(BROKEN[why])  # type: ignore[operator]
    assert server.process.wait(20) == 1
    said = server.said
    assert "plugin trouble" in said
    assert why.replace("import of ", "") in said
    assert "Traceback" not in said
