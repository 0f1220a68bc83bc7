"""What a request shows to be let in: a bearer token, or a cookie that our own page has sent.

A token is never read from a URL: URLs end up in logs, histories and Referer headers.
"""

import re
from collections.abc import Mapping

COOKIE = "mishkah_session"
_BEARER = re.compile(r"Bearer +([!-~]{1,512})", re.ASCII | re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]{1,512}", re.ASCII)
FOR_GOOD = 400 * 86_400
"""Seconds that browsers keep a cookie at most."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def token_of(
    method: str, headers: Mapping[str, str], scheme: str, origins: frozenset[str]
) -> str | None:
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
    return token if token and (asks or is_own(headers, scheme, origins)) else None


def is_by_cookie(headers: Mapping[str, str]) -> bool:
    """Tell whether the token of a request, if it has one, is that of its cookie."""
    return "authorization" not in headers


def set_cookie(token: str, seconds: int, *, secure: bool) -> str:
    """Return the Set-Cookie by which our own pages show *token*, for so many seconds (RFC 6265).

    No script can read it, and no page of another site can have it sent. With *secure* it is sent
    by https alone. An empty token for 0 seconds takes it away.
    """
    end = "; Secure" if secure else ""
    return f"{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{end}"


def challenge(headers: Mapping[str, str]) -> str:
    """Return the WWW-Authenticate of a 401 (RFC 6750, 3): a token that was shown was no good."""
    shown = "authorization" in headers or _cookie(headers.get("cookie", "")) is not None
    return 'Bearer realm="mishkah"' + (', error="invalid_token"' if shown else "")


def is_foreign(headers: Mapping[str, str], scheme: str, origins: frozenset[str]) -> bool:
    """Tell whether a page sent a request that is not this server's, nor one of *origins*."""
    from_page = "origin" in headers or "sec-fetch-site" in headers
    return from_page and not is_own(headers, scheme, origins)


def is_own(headers: Mapping[str, str], scheme: str, origins: frozenset[str]) -> bool:
    """Tell whether a page of this server, or of *origins*, sent a request (Fetch, Sec-Fetch-Site).

    Where it comes by https, a page that came by http may be anybody's who is in between.

    SameSite does not tell ports and subdomains apart; Origin and Sec-Fetch-Site do, and no page can
    forge them. A request without either is no browser's, and has no business with a cookie.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    host = headers.get("x-forwarded-host", headers.get("host", ""))
    own = (f"https://{host}", f"{scheme}://{host}")
    return origin in origins or origin.lower() in (page.lower() for page in own)


def _cookie(header: str) -> str | None:
    """Return the token in a Cookie header (RFC 6265, 4.2.1), whatever else other pages keep there.

    Of two that differ a site of a neighbouring name has set one: nobody knows which.
    """
    pairs = [pair.partition("=") for pair in header.split(";")]
    values = {value.strip() for name, _, value in pairs if name.strip() == COOKIE}
    token = values.pop() if len(values) == 1 else ""
    return token if _TOKEN.fullmatch(token) else None
