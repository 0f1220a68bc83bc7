"""Commands of the operator and a real server: one code path, whether or not it runs."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from support.server import Server
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mishkah.cli import operate
from mishkah.cli.trouble import Declined
from mishkah.identity.operator import Reach, read_reach

PASSWORD = "two words of Mona"
AMALS = "two words of Amal"


@pytest.fixture
def at(sample: Path, run: Any) -> Callable[..., Any]:
    """Return a function that runs a command on an installation of which Mona is the owner."""
    run("init", "--user", "mona", "--password-stdin", "--data", sample, stdin=PASSWORD)
    return lambda *words, **how: run(*words, "--data", sample, **how)


@pytest.fixture
def serve(sample: Path) -> Iterator[Callable[..., Server]]:
    """Return a function that serves the sample installation with these options."""
    servers: list[Server] = []

    def start(*options: str) -> Server:
        servers.append(Server(sample, *options))
        return servers[-1].ready()

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def reach_file(sample: Path) -> Path:
    return sample / "identity" / "operator.json"


def reach_of(file: Path) -> Reach:
    reach = read_reach(file.parent)
    assert reach is not None
    return reach


def desk(server: Server, token: str) -> ClientConnection:
    url = server.url(branch="gim", module="gym")
    bearer = {"Authorization": f"Bearer {token}"}
    return connect(url, additional_headers=bearer, proxy=None, max_size=None)


def closed_with(client: ClientConnection) -> int | None:
    """Read to the end; return the code that the server closed with, within seconds."""
    try:
        while True:
            client.recv(5)
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code


def test_access_control_is_set_up_while_the_server_runs(
    at: Any, serve: Any, reach_file: Path
) -> None:
    server = serve()
    at("user", "create", "amal", "--role", "manager@gim/gym", "--no-password")
    token = at("token", "create", "amal").stdout.strip()
    with desk(server, "mk_x_y") as stranger:
        assert closed_with(stranger) == 4401
    with desk(server, token) as amal:
        assert json.loads(amal.recv(5))["type"] == "SNAPSHOT"
        at("user", "disable", "amal")
        assert closed_with(amal) == 4401
    at("user", "enable", "amal")
    with desk(server, token) as amal:
        assert json.loads(amal.recv(5))["type"] == "SNAPSHOT"
    events = [line.split("\t")[1] for line in at("audit").stdout.splitlines()]
    assert events[-1] == "user-created"
    assert {"user-disabled", "user-enabled", "token-created"} <= set(events)
    assert server.stop() == 0
    assert [line.split("\t")[0] for line in at("user", "list").stdout.splitlines()] == [
        "mona", "amal",
    ]  # fmt: skip


def test_sessions_and_devices_of_a_running_server_are_listed_and_ended(at: Any, serve: Any) -> None:
    at("user", "create", "amal", "--role", "manager@gim", "--password-stdin", stdin=AMALS)
    at("user", "pin", "amal", "--pin-stdin", stdin="2580")
    server = serve()

    def post(address: str, token: str | None = None, **body: Any) -> Any:
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{server.port}/api/v1/auth/{address}"
        told = httpx.post(url, json=body, headers=bearer, trust_env=False)
        assert told.is_success, told.text
        return told.json() if told.content else None

    session = post("login", user="amal", password=AMALS, cookie=False)["token"]
    with desk(server, session) as amal:
        assert json.loads(amal.recv(5))["type"] == "SNAPSHOT"
        (line,) = at("sessions", "list", "amal").stdout.splitlines()
        assert line.split("\t")[:2] == [session.split("_")[1], "amal"]
        assert "have ended: 1" in at("sessions", "end", "amal").stderr
        assert closed_with(amal) == 4401
    assert at("sessions", "list").stdout == ""

    code = at("device", "code", "desk-1", "--role", "reception@gim").stdout.strip()
    token = post("enrol", code=code, cookie=False)["token"]
    post("pin", token, user="amal", pin="2580")
    (line,) = at("device", "list").stdout.splitlines()
    assert line.split("\t")[:4] == ["desk-1", "", "reception@gim", "amal"]
    with desk(server, token) as front:
        assert json.loads(front.recv(5))["type"] == "SNAPSHOT"
        at("device", "disable", "desk-1")
        assert closed_with(front) == 4401


def test_no_secret_is_in_a_file_for_others_in_the_log_or_in_the_list_of_processes(
    at: Any, serve: Any, reach_file: Path
) -> None:
    server = serve()
    assert reach_file.stat().st_mode & 0o777 == 0o600
    operator = reach_of(reach_file).token
    made = "another four words here"
    at("user", "create", "amal", "--role", "manager@gim", "--password-stdin", stdin=made)
    token = at("token", "create", "amal").stdout.strip()
    code = at("device", "code", "till-1").stdout.strip()
    with desk(server, token) as amal:
        amal.recv(5)
    process = Path(f"/proc/{server.pid}")
    shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    assert server.stop() == 0
    assert not reach_file.exists()
    kept = [p for p in reach_file.parent.iterdir() if p.is_file()]
    files = b"".join(path.read_bytes() for path in kept)
    for secret in (operator, PASSWORD, made, token, code, code.replace("-", "")):
        text = secret.split("_", 2)[2] if secret.startswith("mk_") else secret
        assert text.encode() not in shown
        assert text not in server.said
        assert text.encode() not in files


def test_what_a_killed_server_has_left_misleads_nobody(
    at: Any, serve: Any, reach_file: Path
) -> None:
    server = serve()
    old = reach_of(reach_file)
    server.kill()
    assert reach_file.exists()
    at("user", "create", "amal", "--no-password")
    assert not reach_file.exists()
    serve()
    assert reach_of(reach_file).token != old.token
    at("user", "disable", "amal")


def test_a_killed_servers_file_is_replaced_at_the_next_start(
    serve: Any, at: Any, reach_file: Path
) -> None:
    serve().kill()
    left = reach_file.read_bytes()
    server = serve()
    assert reach_file.read_bytes() != left
    assert server.stop() == 0
    assert not reach_file.exists()


def test_init_makes_the_owner_of_a_house_that_runs_with_roles_alone(
    sample: Path, run: Any, serve: Any
) -> None:
    (sample / "access.json").write_text('{"roles": {}}')
    serve()
    run("init", "--user", "mona", "--password-stdin", "--data", sample, stdin=PASSWORD)
    assert "mona\t" in run("user", "list", "--data", sample).stdout


def test_a_house_whose_store_of_people_is_gone_is_not_open_and_has_no_way_in_from_before(
    serve: Any, reach_file: Path
) -> None:
    reach_file.parent.mkdir()
    reach_file.write_text('{"host": "127.0.0.1", "port": 9, "token": "mk_operator_x"}')
    serve()
    assert reach_of(reach_file).token != "mk_operator_x"


def test_init_waits_for_an_open_house_to_be_stopped(
    sample: Path, run: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operate, "PATIENCE", 0.2)
    serve()
    words = ("init", "--user", "mona", "--password-stdin", "--data", sample)
    assert "stop it first" in run(*words, stdin=PASSWORD, code=1).stderr
    assert not (sample / "identity").exists()


def test_a_server_that_listens_everywhere_is_reached_without_a_network(
    at: Any, serve: Any, reach_file: Path
) -> None:
    serve("--host", "0.0.0.0")
    assert reach_of(reach_file).host == "127.0.0.1"
    at("user", "list")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, ...]:
    """Return the options of `serve` for a certificate that nobody knows, of another name."""
    issued = trustme.CA().issue_cert("till.shop.example")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    return ("--tls-cert", str(chain), "--tls-key", str(key))


def test_of_a_server_with_tls_the_certificate_that_it_shows_is_trusted_and_no_other(
    at: Any, serve: Any, reach_file: Path, certificate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(*certificate)
    assert "mona\t" in at("user", "list").stdout
    monkeypatch.setattr(operate, "PATIENCE", 0.0)
    reach = json.loads(reach_file.read_text())
    reach_file.write_text(json.dumps({**reach, "certificate": "0" * 64}))
    assert "a server already serves" in at("user", "list", code=1).stderr


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Let *answer* have the first who connects, in a thread; the value is the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: answer(listener.accept()[0]))
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def test_a_token_is_not_shown_to_who_shows_another_certificate(certificate: Any) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate[1], certificate[3])
    heard: list[bytes] = []

    def answer(client: socket.socket) -> None:
        # Who hangs up may do so in the middle of the handshake.
        with (
            contextlib.suppress(OSError),
            context.wrap_socket(client, server_side=True) as there,
        ):
            heard.append(there.recv(1000))

    with answering(answer) as port:
        reach = Reach("127.0.0.1", port, "mk_operator_s", "0" * 64)
        with pytest.raises(operate._NotThere):
            operate._ask_server(reach, "users", b"{}")
    assert b"".join(heard) == b""


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", b"HTTP/1.1 200 OK\r\n\r\nx"]
)
def test_of_a_server_that_goes_away_it_is_not_known_what_it_did(answer: bytes) -> None:
    def gone(client: socket.socket) -> None:
        with client:
            client.recv(1000)
            client.sendall(answer)

    with answering(gone) as port, pytest.raises(Declined, match="look whether it was done"):
        operate._ask_server(Reach("127.0.0.1", port, "mk_operator_s"), "users", b"{}")
