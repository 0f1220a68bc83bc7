"""TLS on a real port: as plain connections, but for who listens on the way."""

import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner
from support.answers import BIG, Answers
from support.responses import read_responses

from mishkah.cli import main

GET = b"GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def at_tls(make_door: Callable[..., Any], tls: Any) -> Callable[..., Any]:
    """Return a function (limits) → a context whose values are the app and the port of its door."""

    @asynccontextmanager
    async def doors(**limits: Any) -> AsyncIterator[tuple[Answers, int]]:
        app = Answers()
        tcp = await trio.open_tcp_listeners(0, host="127.0.0.1")
        listeners = [trio.SSLListener(one, tls.server, https_compatible=True) for one in tcp]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, make_door(app, **limits).serve, listeners)
            with trio.fail_after(20):
                yield app, tcp[0].socket.getsockname()[1]
            nursery.cancel_scope.cancel()

    return doors


async def connect(port: int, tls: Any) -> trio.SSLStream[trio.SocketStream]:
    tcp = await trio.open_tcp_stream("127.0.0.1", port)
    return trio.SSLStream(tcp, tls.client, server_hostname="localhost")


async def rest(stream: Any) -> bytes:
    return b"".join([bytes(part) async for part in stream])


async def test_requests_are_served_and_the_end_is_told(at_tls: Any, tls: Any) -> None:
    async with at_tls() as (_, port):
        client = await connect(port, tls)
        last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        await client.send_all(GET + GET + last)
        told = read_responses(await rest(client))  # raises where the end is not told
        assert [status for status, _ in told] == [200, 200, 200]
        assert all(b'"scheme": "https"' in body for _, body in told)
        await client.aclose()


async def test_a_client_that_does_not_take_leave_holds_nothing(at_tls: Any, tls: Any) -> None:
    async with at_tls() as (_, port):
        client = await connect(port, tls)
        begun = time.perf_counter()
        await client.send_all(GET.replace(b"1.1", b"1.0"))
        assert await rest(client)
        assert await client.transport_stream.receive_some() == b""
        assert time.perf_counter() - begun < 5
        await trio.aclose_forcefully(client)


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01", GET])
async def test_a_client_that_speaks_no_tls_is_ended(
    at_tls: Any, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    async with at_tls(handshake=0.3) as (app, port):
        async with await trio.open_tcp_stream("127.0.0.1", port) as client:
            await client.send_all(sent)
            try:
                data = await rest(client)
            except trio.BrokenResourceError:
                data = b""
        assert b"HTTP" not in data
        assert app.asked == 0
    assert not caplog.records


async def test_an_old_version_is_refused(at_tls: Any, tls: Any) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    async with at_tls() as (_, port):
        tcp = await trio.open_tcp_stream("127.0.0.1", port)
        client = trio.SSLStream(tcp, old)
        with pytest.raises(trio.BrokenResourceError):
            await client.do_handshake()
        await trio.aclose_forcefully(client)


async def test_a_big_response_is_whole(at_tls: Any, tls: Any) -> None:
    async with at_tls() as (_, port):
        client = await connect(port, tls)
        await client.send_all(GET.replace(b"/who", b"/big").replace(b"1.1", b"1.0"))
        ((status, body),) = read_responses(await rest(client))
        assert (status, len(body)) == (200, BIG)
        await client.aclose()


async def test_a_client_that_takes_nothing_is_given_up(at_tls: Any, tls: Any) -> None:
    async with at_tls(stall=0.3) as (app, port):
        client = await connect(port, tls)
        await client.send_all(GET.replace(b"/who", b"/big"))
        with trio.fail_after(10):
            while not app.told:
                await trio.testing.wait_all_tasks_blocked(0.05)
        assert app.told == ["the big one was not taken"]
        await trio.aclose_forcefully(client)


def serve(data: Path, *options: object) -> tuple[int, str]:
    told = CliRunner().invoke(
        main, ["serve", "--data", str(data), "--port", "0", *map(str, options)]
    )
    return told.exit_code, told.output


def test_files_that_make_no_certificate_are_named(data: Path, tls: Any, tmp_path: Path) -> None:
    chain, key, other = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "other.pem"
    for blob in tls.certificate.cert_chain_pems:
        blob.write_to_path(chain, append=True)
    tls.certificate.private_key_pem.write_to_path(key)
    other.write_bytes(type(tls)().certificate.private_key_pem.bytes())
    missing = tmp_path / "missing.pem"
    for pair, why in (
        ((chain, missing), "No such file"),
        ((key, key), "not in PEM format"),
        ((chain, chain), "not in PEM format"),
        ((chain, other), "do not belong together"),
    ):
        code, said = serve(data, "--tls-cert", pair[0], "--tls-key", pair[1])
        assert (code, why in said, str(pair[1]) in said) == (1, True, True), said
        assert "Traceback" not in said


@pytest.mark.parametrize("option", ["--tls-cert", "--tls-key"])
def test_a_certificate_and_its_key_go_together(data: Path, option: str) -> None:
    code, said = serve(data, option, "x.pem")
    assert code == 2
    assert "go together" in said


@pytest.mark.parametrize("name", ["nobody", "10.0.0.1/8", "10.0.0.0/33"])
def test_a_proxy_is_an_address_or_a_network(data: Path, name: str) -> None:
    code, said = serve(data, "--trust-proxy", name)
    assert code == 2
    assert "10.0.0.0/24" in said
