"""Promise 13, and the ways in which a server does not even start."""

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.crash

COMMAND = Path(sys.executable).with_name("mishkah-trio")
STOPS = 4
"""Stops by each signal."""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_a_stop_under_load_keeps_what_was_acknowledged_and_says_going_away(
    how: signal.Signals,
    install: Callable[..., Path],
    serve: Callable[..., Any],
    make_till: Callable[..., Any],
    gather: Callable[..., Any],
    look: Callable[..., Any],
    seed: str,
    figures: Counter[str],
) -> None:
    rng = random.Random(seed)
    data = install()
    tills = [make_till(f"till{i}", random.Random(f"{seed} {i}")) for i in range(4)]
    for _ in range(STOPS):
        server = serve(data)
        crowd = gather(server, tills)
        time.sleep(rng.uniform(0.05, 0.5))
        begun = time.monotonic()
        assert server.stop(how) == 0
        took = int(1000 * (time.monotonic() - begun))
        figures["longest stop, ms"] = max(took, figures["longest stop, ms"])
        frames = crowd.leave()
        assert {crowd.code, *(till.code for till in tills)} == {1001}
        _is_kept(tills, frames, look(data).check())
    figures["stops"] += STOPS


def _is_kept(tills: list[Any], frames: list[dict[str, Any]], ledger: Any) -> None:
    kept = {(entry.client, entry.ref): entry for entry in ledger.entries}
    for till in tills:
        assert not till.faults, till.faults
        for sent in till.sent:
            entry = kept.get((till.name, sent.ref))
            sent.kept = entry and entry.seq
            if sent.ack:
                assert entry is not None, "an acknowledged write is lost"
                assert (sent.ack["seq"], sent.ack["rows"]) == (entry.seq, entry.rows)
    assert frames[-1]["seq"] <= len(ledger.entries)


@pytest.mark.parametrize("count", [50, 3000])
def test_a_stop_answers_all_that_it_does(
    count: int,
    install: Callable[..., Path],
    serve: Callable[..., Any],
    look: Callable[..., Any],
    figures: Counter[str],
) -> None:
    """A stopping server reads on for a moment only; what it read is done, and told, in order."""
    server = serve(data := install())
    with server.client(branch="shop", module="m", client="till") as client:
        client.snapshot()
        for i in range(count):
            client.send({"type": "INSERT", "table": "bill", "data": {"total": i}, "ref": i})
        stopped: list[int] = []
        stopping = threading.Thread(target=lambda: stopped.append(server.stop()))
        stopping.start()
        answers, code = _answers_to_the_end(client)
        stopping.join(15)
    assert (stopped, code) == ([0], 1001)
    assert [answer["ref"] for answer in answers] == list(range(len(answers)))
    kept = [entry for entry in look(data).check().entries if entry.client == "till"]
    assert [entry.seq for entry in kept] == [answer["seq"] for answer in answers]
    figures[f"answered of {count} sent before a stop"] = len(answers)


def test_an_impatient_operator_does_not_cut_a_stop_short(
    install: Callable[..., Path], serve: Callable[..., Any], look: Callable[..., Any]
) -> None:
    server = serve(data := install())
    with server.client(branch="shop", module="m", client="till") as client:
        client.snapshot()
        for i in range(300):
            client.send({"type": "INSERT", "table": "bill", "data": {"total": i}, "ref": i})
        while server.process.poll() is None:
            server.process.send_signal(random.choice([signal.SIGTERM, signal.SIGINT]))
            time.sleep(0.01)
        answers, code = _answers_to_the_end(client)
    assert (server.process.returncode, code) == (0, 1001)
    assert "Traceback" not in server.said
    kept = [entry for entry in look(data).check().entries if entry.client == "till"]
    assert [entry.seq for entry in kept] == [answer["seq"] for answer in answers]


def _answers_to_the_end(client: Any) -> tuple[list[dict[str, Any]], int | None]:
    answers: list[dict[str, Any]] = []
    try:
        while True:
            answers.append(client.answer())
    except ConnectionClosed as closed:
        return answers, closed.rcvd.code if closed.rcvd else None


def test_a_client_that_reads_nothing_does_not_hold_up_a_stop(
    install: Callable[..., Path], serve: Callable[..., Any], figures: Counter[str]
) -> None:
    server = serve(install(seeds=20_000))
    with socket.create_connection(("127.0.0.1", server.port)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(
            b"GET /?branch=shop&module=m HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert deaf.recv(12) == b"HTTP/1.1 101"
        begun = time.monotonic()
        assert server.stop() == 0
    figures["a stop beside a deaf client, ms"] = int(1000 * (time.monotonic() - begun))


def _run(*arguments: object) -> tuple[int, str]:
    """Run a command that ends by itself; return its exit code and what it said to people."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=20, check=False
    )
    return done.returncode, done.stderr


def test_a_second_server_on_one_folder_is_refused(
    install: Callable[..., Path], serve: Callable[..., Any]
) -> None:
    server = serve(data := install())
    code, said = _run("serve", "--data", data, "--port", 0)
    assert code == 1
    assert f"a server already serves {data}; stop it first" in said
    assert "Traceback" not in said
    with server.client(branch="shop", module="m") as client:
        client.snapshot()
        assert client.ask({"type": "DELETE", "table": "item", "id": "seed1", "ref": 1})["seq"] == 2


def test_a_folder_is_free_again_after_a_kill(
    install: Callable[..., Path], serve: Callable[..., Any]
) -> None:
    data = install()
    serve(data).kill()
    assert serve(data).stop() == 0


def test_an_empty_folder_is_told_what_to_run(tmp_path: Path) -> None:
    code, said = _run("serve", "--data", tmp_path)
    assert code == 2
    assert f"There is no installation in {tmp_path}" in said
    assert "mishkah-trio serve --data DIR" in said
    assert not list(tmp_path.iterdir())


def test_a_taken_port_is_named(install: Callable[..., Path]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, said = _run("serve", "--data", install(), "--port", port)
    assert code == 1
    assert f"can't listen on 127.0.0.1:{port}" in said
    assert "try another --port" in said
    assert "Traceback" not in said


def test_check_reads_every_store_against_its_checksums(
    install: Callable[..., Path],
    serve: Callable[..., Any],
    make_till: Callable[..., Any],
    path_of: Callable[..., Path],
    seed: str,
) -> None:
    server = serve(data := install())
    make_till("till", random.Random(seed)).write(server.port, 80)
    code, said = _run("check", "--data", data, "--stores")
    assert (code, "a server already serves" in said) == (1, True), "a store in use is not read"
    assert server.stop() == 0
    assert _run("check", "--data", data, "--stores") == (0, "Nothing is wrong.\n")

    path = path_of(data)
    content = path.read_bytes()
    word = "بذرة 7".encode()
    assert word in content
    path.write_bytes(content.replace(word, "بذرة 8".encode()))
    code, said = _run("check", "--data", data, "--stores")
    assert code == 1
    assert "branches/shop/modules/m/live/store.sqlite3" in said
    assert "a line of item is not what was written" in said
    assert "Traceback" not in said
