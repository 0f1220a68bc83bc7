"""What a request shows to be let in: a bearer token, or a cookie that our own page has sent.

A token is never read from a URL: URLs end up in logs, histories and Referer headers.
"""

import re
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

COOKIE = "mishkah_session"
_BEARER = re.compile(r"Bearer +([!-~]{1,512})", re.ASCII | re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]{1,512}", re.ASCII)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def token_of(method: str, headers: Mapping[str, str], origins: frozenset[str]) -> str | None:
    """Return the token of a request, None where it brings none. Names of *headers* are lower.

    An Authorization header wins over a cookie, as RFC 6750, 2.1 has it. A cookie, which browsers
    send by themselves, counts for what changes something, and for a WebSocket, only where a page
    of this server, or of *origins*, has asked: see `is_own`.
    """
    if (header := headers.get("authorization")) is not None:
        found = _BEARER.fullmatch(header.strip())
        return found[1] if found else ""
    token = _cookie(headers.get("cookie", ""))
    asks = method in _SAFE and "upgrade" not in headers
    return token if token and (asks or is_own(headers, origins)) else None


def is_own(headers: Mapping[str, str], origins: frozenset[str]) -> bool:
    """Tell whether a page of this server, or of *origins*, sent a request (Fetch, Sec-Fetch-Site).

    SameSite does not tell ports and subdomains apart; Origin and Sec-Fetch-Site do, and no page can
    forge them. A request without either is no browser's, and has no business with a cookie.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    host = headers.get("x-forwarded-host", headers.get("host", ""))
    return origin in origins or origin.lower() in (
        f"http://{host}".lower(),
        f"https://{host}".lower(),
    )


def _cookie(header: str) -> str | None:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return found.value if found is not None and _TOKEN.fullmatch(found.value) else None
