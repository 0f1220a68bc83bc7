"""Who is behind a request: the connection says, and proxies that are believed."""

from ipaddress import ip_network

import pytest

from mishkah.http.guests import Caller, Guests, caller_of

PROXIES = tuple(map(ip_network, ("10.0.0.1", "10.1.0.0/16", "fd00::/8")))


def address(peer: str, told: str) -> str:
    return caller_of(peer, "http", {"x-forwarded-for": told}, PROXIES).address


@pytest.mark.parametrize(
    ("peer", "told", "found"),
    [
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.1.9.9", "1.2.3.4", "1.2.3.4"),
        ("fd00::5", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4, 10.1.0.7", "1.2.3.4"),
        ("10.0.0.1", "10.1.0.7", "10.1.0.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, unknown", "10.0.0.1"),
        ("10.0.0.1", "127.0.0.1, evil:1", "10.0.0.1"),
        ("10.0.0.2", "1.2.3.4", "10.0.0.2"),
        ("127.0.0.1", "1.2.3.4", "127.0.0.1"),
        ("1.2.3.4", "127.0.0.1", "1.2.3.4"),
    ],
)
def test_the_last_address_counts_that_is_no_believed_proxy(
    peer: str, told: str, found: str
) -> None:
    assert address(peer, told) == found


def test_scheme_and_host_are_believed_of_proxies_alone() -> None:
    headers = {"host": "inner", "x-forwarded-proto": "HTTPS", "x-forwarded-host": "shop.example"}
    assert caller_of("10.0.0.1", "http", headers, PROXIES) == Caller(
        "10.0.0.1", "https", "shop.example"
    )
    assert caller_of("10.9.0.1", "http", headers, PROXIES) == Caller("10.9.0.1", "http", "inner")
    assert caller_of("10.0.0.1", "http", headers, ()) == Caller("10.0.0.1", "http", "inner")
    odd = {"host": "inner", "x-forwarded-proto": "gopher"}
    assert caller_of("10.0.0.1", "http", odd, PROXIES) == Caller("10.0.0.1", "http", "inner")


def test_a_proxy_is_trusted_in_its_own_family() -> None:
    guests = Guests(proxies=PROXIES)
    assert guests.trusts("10.1.2.3")
    assert guests.trusts("fdff::1")
    assert not guests.trusts("10.2.0.1")
    assert not guests.trusts("nobody")
