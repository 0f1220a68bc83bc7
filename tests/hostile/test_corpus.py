"""Every case of this folder's files, played to a real house on a real port.

After each, an honest client is served as before, nothing else was written, and no file made; no
answer tells of the house's inside or repeats the word ``evil``, which is the attacker's; and
nothing is logged that an operator would have to look at.
"""

import contextlib
import json
import socket
import struct
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain, groupby
from typing import Any

import pytest
import trio
from support.corpus import Asked, Said, handshake, read
from support.frames import sent as frame
from support.knocking import Raw
from support.responses import read_responses

from mishkah.core.frames import UNAUTHORISED

TOGETHER = 12
"""Cases that share a house."""
ASKED = {
    file: read(file, Asked)
    for file in (
        *("requests", "files", "rest", "handshakes"),
        *("tokens", "doors", "signing", "identity"),
    )
}
ALONE = {file: read(file, Asked) for file in ("floods",)}
"""What shuts out others who come from the same address, for a while."""
SAID = {file: read(file, Said) for file in ("frames", "messages", "roles")}
WAYS = ("alone", "behind a request", "TLS", "with the handshake")
"""How the frames of a case may come: each ends in the same way."""

HONEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
V1 = "Sec-WebSocket-Protocol: mishkah.v1\r\n"
SHOP = b'"branch":"shop","module":"m"'
GOODBYE = frame(b"", 0x88)
SUBSCRIBE = frame(b'{"type":"SUBSCRIBE",%b}' % SHOP)
QUESTION = frame(b'{"type":"QUERY","table":"note","fields":["id"],"ref":"honest",%b}' % SHOP)


def together(files: Mapping[str, Sequence[Any]], most: int = TOGETHER) -> list[Any]:
    """Return the cases of *files*, those that share a house as one parameter of a test."""
    return [
        pytest.param(cases[at : at + most], id=f"{file} from {at}")
        for file, cases in files.items()
        for at in range(0, len(cases), most)
    ]


@pytest.mark.parametrize("cases", together(ASKED) + together(ALONE, 1))
async def test_a_request_has_its_answers_and_no_more(
    house: Any, quiet: None, cases: list[Asked]
) -> None:
    async with house(closed=cases[0].closed) as shop:
        await shop.suffer(cases, _asked)


async def _asked(case: Asked, raw: Raw) -> bytes:
    if 101 in case.answers:
        return await _opened(case, raw)
    return await (_begun if case.then == "streams" else _answered)(case, raw)


async def _answered(case: Asked, raw: Raw) -> bytes:
    """Play *case* and an honest request behind it; return what the case is answered."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send, raw, case.sent + HONEST, True)
        data = bytes(await raw.rest())
    told = read_responses(data, [case.sent.split(b" ")[0].decode("latin-1")] * case.times)
    kept = case.then == "kept"
    assert [status for status, _ in told] == case.answers + [200] * kept, data
    if kept:
        assert told.pop()[1] == b"ok\n"
        data = data[: data.rindex(b"HTTP/1.1 200")]
    elif case.answers[-1] not in (200, 405):
        assert b"\r\nconnection: close\r\n" in data.lower()
    if case.code:
        assert b"\r\ncontent-type: application/problem+json\r\n" in data
        problem = json.loads(told[-1][1])
        assert (problem["code"], problem["status"]) == (case.code, case.answers[-1])
        assert problem.keys() >= {"type", "title", "detail", "errors"}
        assert problem["type"] == f"/docs#{case.code}"
        assert len(told[-1][1]) < 4000
    assert all(part.lower().encode() in data.lower() for part in case.says), data
    return data


async def _begun(case: Asked, raw: Raw) -> bytes:
    """Return what has come of a response without end, when it has all that it must say."""
    await _send(raw, case.sent)
    while not all(part.lower().encode() in raw.heard.lower() for part in case.says):
        await raw.hear()
    assert raw.heard.startswith(b"HTTP/1.1 %d " % case.answers[0])
    return raw.heard


async def _opened(case: Asked, raw: Raw) -> bytes:
    """Return what a WebSocket is told that is let in: its first message, or all to its close."""
    await _send(raw, case.sent)
    head = await raw.head()
    assert head.startswith("HTTP/1.1 101 "), head
    if case.then == "kept":
        said = [(await raw.frame())[1]]
    else:
        said, code = await raw.to_the_close()
        assert code == case.close
    data = head.encode() + b"\n" + b"\n".join(said)
    if case.code:
        assert json.loads(said[0])["code"] == case.code
    assert all(part.lower().encode() in data.lower() for part in case.says), data
    return data


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "by trio-websocket"])
@pytest.mark.parametrize("cases", together(SAID))
async def test_a_socket_is_told_what_is_wrong_and_kept_or_closed(
    house: Any, quiet: None, cases: list[Said], direct: bool
) -> None:
    closed = cases[0].closed
    async with house(closed=closed, direct=direct) as shop:
        await shop.suffer([case for case in cases if case.close is None], _told)
    ended = [case for case in cases if case.close is not None]
    for way in WAYS if ended else ():
        async with house(over_tls=way == "TLS", closed=closed, direct=direct) as shop:
            await shop.suffer(ended, partial(_closed, way))


async def _closed(way: str, case: Said, raw: Raw) -> bytes:
    """Play *case* on a socket that is opened in this *way*; return all that is said to the end."""
    if way == "behind a request":
        assert await raw.ask("/healthz") == b"ok\n"
    offer = case.bearer if case.mode == "seed" else V1
    sent = case.greeting * (case.mode == "v1") + case.sent
    async with trio.open_nursery() as nursery:
        if way == "with the handshake":
            nursery.start_soon(_send, raw, handshake(offer) + sent)
            assert "101" in await raw.head()
        else:
            assert "101" in await raw.shake_hands(headers=offer)
            nursery.start_soon(_send, raw, sent)
        said, code = await raw.to_the_close()
        assert code == case.close
        if code == UNAUTHORISED:  # which is said to clients that keep to the protocol
            await _send(raw, GOODBYE)
        assert await raw.rest() == b"", "nothing follows a close frame"
        nursery.cancel_scope.cancel()
    return b"\n".join(said)


async def _told(case: Said, raw: Raw) -> bytes:
    """Play *case* and an honest question behind it; return all that the case is told."""
    path = "/?branch=shop&module=m" if case.closed else "/"
    offer = case.bearer if case.mode == "seed" else V1
    assert "101" in await raw.shake_hands(path, offer)
    last = QUESTION
    if case.mode == "before HELLO":
        last = case.greeting
    elif case.mode == "seed":
        await raw.frame()
    else:
        await raw.stream.send_all(case.greeting + SUBSCRIBE)
        while b'"SYNCED"' not in (await raw.frame())[1]:
            pass
    told: list[str] = []
    refusal: dict[str, Any] = {}
    heard = b""
    answered = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send, raw, case.sent + last)
        while not answered or refusal.get("ref") != case.ref:  # which another store may answer
            opcode, payload = await raw.frame()
            assert opcode != 8, payload
            message = json.loads(payload) if opcode == 1 else {"type": "pong"}
            if message.get("ref") == "honest" or message["type"] == "WELCOME":
                answered = True
                continue
            told.append(message.get("code", message["type"]))
            refusal = message
            heard += payload
    runs = [(what, len(list(run))) for what, run in groupby(told)]
    assert [what if n == 1 else f"{n} {what}" for what, n in runs] == case.told, heard
    if case.path is not None:
        assert refusal["details"][0]["path"] == case.path
    assert refusal.get("ref") == case.ref
    return heard


async def _send(raw: Raw, data: bytes, end: bool = False) -> None:
    with contextlib.suppress(trio.BrokenResourceError, OSError):  # it has heard enough
        await raw.stream.send_all(data)
        if end:
            await raw.stream.send_eof()


async def test_a_reset_behind_it_is_not_felt(house: Any, quiet: None) -> None:
    """A bad handshake and a reset behind it take a plain trio-websocket listener down."""
    hello = handshake("")
    asked, said = chain(*ASKED.values()), chain(*SAID.values())
    harmless = [case for case in asked if not (case.closed or case.writes)]
    ended = [case for case in said if not case.closed and case.close and len(case.sent) < 10_000]
    sent = [hello, *(case.sent for case in harmless), *(hello + case.sent for case in ended)]
    async with house() as shop:
        before = await shop.shows()
        for data in sent:
            await trio.to_thread.run_sync(_reset, shop.port, data)
        assert await shop.shows() == before


def _reset(port: int, sent: bytes) -> None:
    """Send *sent* and then a TCP reset in place of the end."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(sent)


def test_the_names_say_different_dangers() -> None:
    names = [case.name for case in chain(*ASKED.values(), *ALONE.values(), *SAID.values())]
    assert len(set(names)) == len(names) >= 1200
