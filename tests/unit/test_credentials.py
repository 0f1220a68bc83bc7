"""What a request shows to be let in, read from its headers alone."""

import pytest

from mishkah.http.credentials import is_own, token_of

COOKIES = {
    "mishkah_session=mk_a_b": "mk_a_b",
    "theme=dark; mishkah_session=mk_a_b ;lang=ar": "mk_a_b",
    'a[b]={"c":[1,2]}; mishkah_session=mk_a_b': "mk_a_b",
    "mishkah_session=mk_a_b; mishkah_session=mk_a_b": "mk_a_b",
    "mishkah_session=mk_a_b; mishkah_session=mk_c_d": None,
    "mishkah_session=; mishkah_session=mk_c_d": None,
    "a=b, mishkah_session=mk_a_b": None,
    'a="; mishkah_session2=mk_a_b': None,
    "MISHKAH_SESSION=mk_a_b": None,
    "mishkah_session": None,
    "mishkah_session=mk a b": None,
    "": None,
}
"""Cookie header → the token in it."""


@pytest.mark.parametrize(("cookie", "token"), COOKIES.items())
def test_a_cookie_has_one_token_whatever_stands_beside_it(cookie: str, token: str | None) -> None:
    assert token_of("GET", {"host": "localhost", "cookie": cookie}, "http", frozenset()) == token


@pytest.mark.parametrize(
    ("origin", "scheme", "own"),
    [
        ("https://shop.example", "https", True),
        ("https://shop.example", "http", True),  # behind a proxy that has the certificate
        ("http://shop.example", "http", True),
        ("http://shop.example", "https", False),
        ("https://shop.example:8443", "https", False),
        ("https://shop.example.evil", "https", False),
        ("null", "https", False),
    ],
)
def test_a_page_that_came_without_tls_is_not_ours_where_there_is_tls(
    origin: str, scheme: str, own: bool
) -> None:
    headers = {"host": "shop.example", "origin": origin}
    assert is_own(headers, scheme, frozenset()) is own
