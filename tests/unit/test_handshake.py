"""Who may open a WebSocket here: decided from the head of the request alone."""

from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.http.guests import Guests, is_origin
from mishkah.http.handshake import Upgrade, read_upgrade
from mishkah.http.head import Head, head_size, read_head
from mishkah.http.turned import Turned

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEADERS = {
    "Host": "localhost:8080",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
GUESTS = Guests(frozenset({"till.shop.example"}), frozenset({"https://app.example"}))


def head(target: str = "/", method: str = "GET", version: str = "1.1", **changes: Any) -> bytes:
    """Return a request's head; a header whose value is None is left out, ``_`` is ``-``."""
    headers = HEADERS | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{method} {target} HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def read(request: bytes) -> Head:
    """Return the head of *request*, as a connection reads it."""
    size = head_size(bytearray(request), 0)
    if size == 0:
        raise Turned(408, "It would wait for more.")
    return read_head(h11.Connection(h11.SERVER), request.lstrip(b"\r\n")[:size])


def let_in(request: bytes, guests: Guests = GUESTS) -> Upgrade:
    """Return the handshake that *request* is. Raises Turned."""
    head = read(request)
    guests.check(head.headers.get("host"), head.headers.get("origin"))
    return read_upgrade(head)


def turned(request: bytes, guests: Guests = GUESTS) -> Turned:
    with pytest.raises(Turned) as no:
        let_in(request, guests)
    return no.value


def test_an_opening_handshake_is_let_in() -> None:
    assert let_in(head()) == Upgrade(())


@pytest.mark.parametrize(
    "changes",
    [
        {"Upgrade": "WebSocket"},
        {"Connection": "keep-alive, upgrade"},
        {"Sec_WebSocket_Protocol": "mishkah.v1"},
        {"Sec_WebSocket_Extensions": "permessage-deflate"},
        {"Cookie": "a=b"},
    ],
)
def test_what_browsers_add_is_no_obstacle(changes: dict[str, str]) -> None:
    assert let_in(head(**changes)).query == ()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"hello\r\n\r\n\r\n", 400),
        (b"hello\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (head(version="1.0"), 400),
        (head(Host=None), 400),
        (head(Host="bad host"), 400),
        (head(Host="user@localhost"), 400),
        (head(Host=""), 400),
        (head(method="POST"), 405),
        (head(method="OPTIONS"), 405),
        (head(version="2.0"), 505),
        (head(method="CONNECT", target="localhost:8080"), 501),
        (head("http://evil.example/"), 400),
        (head("till"), 400),
        (head(Cookie="a\r\n b"), 400),
        (head(Cookie="a\nb: c"), 400),
        (head(Cookie="a\x00"), 400),
        (head(Connection=None), 400),
        (head(Connection="close"), 400),
        (head(Connection="upgraded"), 400),
        (head(Content_Length="5"), 400),
        (head(Transfer_Encoding="chunked"), 400),
        (head(Sec_WebSocket_Version="8"), 426),
        (head(Sec_WebSocket_Version=None), 426),
        (head(Sec_WebSocket_Key=None), 400),
        (head(Sec_WebSocket_Key="c2hvcnQ="), 400),
        (head(Sec_WebSocket_Key="!" * 24), 400),
        (head(Sec_WebSocket_Key=KEY + ", " + KEY), 400),
        (head(Sec_WebSocket_Protocol="caf\xe9"), 400),
        (head(Sec_WebSocket_Extensions="\xff"), 400),
        (head("/?" + "&".join(f"a{i}=1" for i in range(51))), 400),
    ],
)
def test_every_other_request_is_answered_in_plain_http(request_head: bytes, status: int) -> None:
    no = turned(request_head)
    assert no.status == status
    first, _, rest = no.response().partition(b"\r\n")
    assert first.startswith(b"HTTP/1.1 %d " % status)
    headers, _, body = rest.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in headers
    assert b"Connection: close" in headers


def test_a_request_that_could_do_better_is_told_how() -> None:
    assert b"Allow: GET" in turned(head(method="PUT")).response()
    assert b"Sec-WebSocket-Version: 13" in turned(head(Sec_WebSocket_Version="7")).response()


def test_a_refusal_repeats_nothing_of_the_request() -> None:
    for request in (head(Host="secret.example"), head(Origin="https://secret.example")):
        assert b"secret" not in turned(request).response()


OWN = ["localhost", "localhost:1", "LOCALHOST:8080", "shop.localhost", "127.0.0.1:8080", "[::1]:80",
       "192.168.1.20:8080", "[fe80::1]", "till.shop.example", "TILL.shop.example:8080"]  # fmt: skip
FOREIGN = ["evil.example", "till.shop.example.evil.example", "shop.example",
           "localhost.evil.example", "xlocalhost", "1.2.3.4.5", "till.shop.example."]  # fmt: skip


@pytest.mark.parametrize("host", OWN)
def test_the_server_answers_to_its_own_names(host: str) -> None:
    assert let_in(head(Host=host)) == Upgrade(())


@pytest.mark.parametrize("host", FOREIGN)
def test_the_server_answers_to_no_foreign_name(host: str) -> None:
    assert turned(head(Host=host)).status == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:3000"),
        ("localhost:8080", "https://127.0.0.1"),
        ("localhost:8080", "http://[::1]:5173"),
        ("192.168.1.20:8080", "http://192.168.1.20:8080"),
        ("till.shop.example", "https://TILL.shop.example"),
        ("till.shop.example:8080", "http://till.shop.example:8080"),
        ("localhost:8080", "https://app.example"),
    ],
)
def test_pages_of_this_server_of_loopback_and_of_the_list_may_connect(
    host: str, origin: str
) -> None:
    assert let_in(head(Host=host, Origin=origin)) == Upgrade(())


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "https://evil.example"),
        ("localhost:8080", "null"),
        ("localhost:8080", ""),
        ("localhost:8080", "http://app.example"),
        ("localhost:8080", "https://app.example:444"),
        ("localhost:8080", "https://app.example.evil.example"),
        ("localhost:8080", "https://localhost@evil.example"),
        ("localhost:8080", "https://localhost.evil.example"),
        ("localhost:8080", "https://evil.example/localhost"),
        ("localhost:8080", "file://localhost"),
        ("localhost:8080", "chrome-extension://localhost"),
        ("localhost:8080", "http://localhost/path"),
        ("localhost:8080", "http://localhost?x"),
        ("localhost:8080", "http://localhost, https://evil.example"),
        ("localhost:8080", "http://[::1"),
        ("192.168.1.20:8080", "http://192.168.1.21:8080"),
        ("192.168.1.20:8080", "http://192.168.1.20:9090"),
    ],
)
def test_pages_from_elsewhere_may_not(host: str, origin: str) -> None:
    assert turned(head(Host=host, Origin=origin)).status == 403


def test_two_origins_or_hosts_are_none() -> None:
    for line in (b"Origin: http://localhost\r\nOrigin: http://localhost", b"Host: localhost"):
        request = head()[:-2] + line + b"\r\n\r\n"
        assert turned(request).status in (400, 403)


@pytest.mark.parametrize(
    ("target", "query"),
    [
        ("/?branch=dar&module=pos", [("branch", "dar"), ("module", "pos")]),
        ("/any/path?branch=gym%3A1", [("branch", "gym:1")]),
        ("/?branch=", [("branch", "")]),
        ("/?branch", [("branch", "")]),
        ("/?a=%D8%A8+c", [("a", "ب c")]),
        ("/?", []),
        ("http://localhost:8080/?a=b", [("a", "b")]),
    ],
)
def test_the_query_is_decoded_and_an_empty_value_is_a_value(
    target: str, query: list[tuple[str, str]]
) -> None:
    assert let_in(head(target)).query == tuple(query)


@pytest.mark.parametrize(
    ("offered", "v1"),
    [("mishkah.v1", True), ("x, mishkah.v1", True), ("mishkah.v2", False), ("", False)],
)
def test_the_subprotocol_is_chosen_where_it_is_offered(offered: str, v1: bool) -> None:
    assert let_in(head(Sec_WebSocket_Protocol=offered)).v1 is v1
    assert not let_in(head()).v1


def test_a_query_that_is_not_utf8_is_no_name_of_anybody() -> None:
    assert turned(head("/?client=%ff")).status == 400


@pytest.mark.parametrize(
    "origin", ["null", "https://shop.example", "http://[::1]:8080", "capacitor://localhost"]
)
def test_an_origin_that_browsers_send_may_be_allowed(origin: str) -> None:
    assert is_origin(origin)
    assert let_in(head(Origin=origin), Guests(origins=frozenset({origin})))


@pytest.mark.parametrize("text", ["", "garbage", "https://", "https://a/", "https://a b", "://a"])
def test_what_no_browser_sends_is_no_origin(text: str) -> None:
    assert not is_origin(text)


def test_a_parameter_that_is_given_twice_is_empty_and_so_no_name() -> None:
    upgrade = let_in(head("/?branch=dar&branch=remal&module=pos"))
    assert upgrade.parameter("branch") == ""
    assert upgrade.parameter("module") == "pos"
    assert upgrade.parameter("client") is None


@pytest.mark.parametrize("upgrade", [None, "h2c", "TLS/1.2", "websockets"])
def test_who_asks_for_no_websocket_is_the_sites(upgrade: str | None) -> None:
    assert not read(head(Upgrade=upgrade)).upgrades


def test_of_several_upgrades_the_websocket_is_accepted() -> None:
    several = read(head(Upgrade="h2c, WebSocket", Connection="keep-alive, Upgrade"))
    assert several.upgrades
    again = read(several.again())
    assert (again.headers["upgrade"], again.headers["connection"]) == ("websocket", "Upgrade")
    assert again.headers["sec-websocket-key"] == KEY


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 20))
def test_a_head_of_any_bytes_is_let_in_or_turned_away(junk: bytes, at: int, cut: int) -> None:
    good = head(Origin="http://localhost")
    request = good[:at] + junk + good[at + cut :]
    answer = b"HTTP/1.1 4"
    try:
        let_in(request)
    except Turned as no:
        answer = no.response()
    assert answer.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "Sec-Fetch-Site"])
def test_who_sends_a_request_is_said_once(name: str) -> None:
    twice = f"{name}: a=b\r\n{name.lower()}: a=b\r\n\r\n".encode()
    with pytest.raises(Turned) as turned:
        read(head().removesuffix(b"\r\n") + twice)
    assert turned.value.status == 400


def test_what_only_proxies_tell_can_be_left_out() -> None:
    told = {"X-Forwarded-Host": "evil", "X_Forwarded_For": "::1", "Forwarded": "host=evil"}
    given = read(head(**told, Cookie="a=b"))
    left = given.unforwarded()
    assert given.headers.keys() - left.headers.keys() == {
        "x-forwarded-host", "x-forwarded-for", "forwarded",
    }  # fmt: skip
    assert {name.decode() for name, _ in left.raw} == left.headers.keys()
    assert left.headers["cookie"] == "a=b"
