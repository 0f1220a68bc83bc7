"""Commands that speak to a server that does not let everybody in."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from support.server import COMMAND, PATIENCE

from mishkah.testing import ALL, FakeGate, open_test_house, write_installation

ITEM = {"fields": {"id": {"type": "text", "primaryKey": True}}}
Run = Callable[..., Any]


class Guarded:
    """A house with a gate, on a port of its own, in another thread."""

    def __init__(self, data: Path) -> None:
        self.port = 0
        self.gate = FakeGate()
        self._data = data
        self._open = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._serve,))
        self._thread.start()
        assert self._open.wait(PATIENCE)

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._scope = trio.CancelScope()
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        async with open_test_house(self._data, gate=self.gate) as house:
            self._open.set()
            with self._scope:
                await house.house.listen(listeners)

    def do(self, change: Callable[..., Any], *args: Any) -> None:
        """Change something, in the thread of the house."""
        trio.from_thread.run_sync(change, *args, trio_token=self._token)

    def close(self) -> None:
        self.do(self._scope.cancel)
        self._thread.join(PATIENCE)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    house = Guarded(write_installation(tmp_path / "data", {"item": ITEM}))
    try:
        house.do(house.gate.role, "clerk", ALL)
        house.do(house.gate.let_in, "good", "clerk")
        yield house
    finally:
        house.close()


@pytest.fixture
def env(guarded: Guarded) -> dict[str, str]:
    return {"MISHKAH_URL": f"ws://127.0.0.1:{guarded.port}", "MISHKAH_BRANCH": "shop"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("good\n")
    return file


@pytest.mark.parametrize(
    "words",
    [("get", "item", "a"), ("list", "item"), ("insert", "item", "{}"), ("delete", "item", "a"),
     ("update", "item", "a", "{}"), ("query", "item"), ("watch", "item")],
)  # fmt: skip
@pytest.mark.parametrize("more", [[], ["--token", "s3cret"]])
def test_without_the_right_token_every_command_says_how_to_sign_in(
    run: Run, env: dict[str, str], words: tuple[str, ...], more: list[str]
) -> None:
    told = run(*words, *more, env=env, code=4)
    assert told.stdout == ""
    assert told.stderr.startswith("Sign in first (AUTH_REQUIRED)\n  sign in: --token-file FILE")
    assert "s3cret" not in told.stderr


def test_a_token_comes_from_a_file_the_environment_or_an_option(
    run: Run, env: dict[str, str], file: Path
) -> None:
    run("insert", "item", '{"id": "a"}', "--token-file", file, env=env)
    run("insert", "item", '{"id": "b"}', "--token", "good", env=env)
    known = {**env, "MISHKAH_TOKEN": "good"}
    told = run("list", "item", env=known).stdout
    assert [json.loads(line)["id"] for line in told.splitlines()] == ["a", "b"]
    wrong = {**env, "MISHKAH_TOKEN": "wrong"}
    run("list", "item", "--token-file", file, env=wrong)
    assert "No such file" in run("list", "item", "--token-file", "none", env=env, code=2).stderr


@pytest.mark.parametrize("url", ["ws://me:s3cret@localhost", "ws://localhost/?token=s3cret"])
def test_a_secret_in_a_url_is_refused_and_not_repeated(run: Run, url: str) -> None:
    told = run("list", "item", "--branch", "shop", "--url", url, code=2).stderr
    assert "URLs end up in logs" in told
    assert "s3cret" not in told


def test_help_and_complaints_do_not_show_the_token(run: Run) -> None:
    for words, code in ((("list", "--help"), 0), (("list",), 2)):
        told = run(*words, env={"MISHKAH_TOKEN": "s3cret"}, code=code)
        assert "s3cret" not in told.output


def test_watch_takes_the_next_token_from_the_file(
    run: Run, env: dict[str, str], file: Path, guarded: Guarded
) -> None:
    guarded.do(guarded.gate.let_in, "next", "clerk")
    watching = subprocess.Popen(
        [COMMAND, "watch", "item", "--token-file", file],
        env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        assert watching.stderr is not None
        assert "Stop with ^C" in watching.stderr.readline()
        file.write_text("next")
        guarded.do(guarded.gate.turn_out, "good")
        run("insert", "item", '{"id": "a"}', "--token-file", file, env=env)
        assert json.loads(watching.stdout.readline())["id"] == "a"
        guarded.do(guarded.gate.turn_out, "next")
        assert watching.wait(PATIENCE) == 4
        assert "AUTH_REQUIRED" in watching.stderr.read()
    finally:
        watching.send_signal(signal.SIGKILL)
        watching.communicate()
