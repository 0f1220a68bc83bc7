"""Whose names this server has, whose pages may speak to it, and which proxies it believes."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import msgspec

from mishkah.http.turned import Turned

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?", re.ASCII)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Guests(msgspec.Struct, frozen=True):
    """Loopback names and bare addresses are always among the server's names: neither can be
    rebound by DNS. What the *proxies* say of a request's origin is believed. A house that is to be
    *alone* on its machine has no guests that a proxy passes on.
    """

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    proxies: tuple[Network, ...] = ()
    alone: bool = False

    def check(self, host: str | None, origin: str | None) -> None:
        """Raise `Turned` for a foreign Host (DNS rebinding) or Origin (cross-site hijacking).

        Without a *host*, as HTTP/1.0 may come, no browser has sent it.
        """
        if host is not None:
            name = host_name(host)
            if name is None:
                raise Turned(400, "The Host header is not a host.")
            if not (is_loopback(name) or _address(name) or name in self.hosts):
                foreign = "This server does not answer to this Host; see serve --allow-host."
                raise Turned(403, foreign)
        if origin is None or origin in self.origins:
            return
        page = _origin_host(origin) or ""
        own = host is not None and page.lower() == host.lower()
        if not page or not (own or is_loopback(host_name(page) or "")):
            raise Turned(403, "Pages of this Origin may not connect; see serve --allow-origin.")

    def trusts(self, address: str) -> bool:
        """Return whether *address* is a proxy that is believed."""
        return _is_in(_address(address), self.proxies)


class Caller(msgspec.Struct, frozen=True):
    """Who sends a request, as far as the connection and believed proxies tell."""

    address: str
    scheme: str
    host: str | None


def caller_of(
    address: str, scheme: str, headers: Mapping[str, str], proxies: tuple[Network, ...]
) -> Caller:
    """Return who is behind the connection of *address*.

    X-Forwarded-For, -Proto and -Host are read only where *address* is a believed proxy; of a list
    of addresses the last one counts that is not such a proxy itself.
    """
    host = headers.get("host")
    if not _is_in(_address(address), proxies):
        return Caller(address, scheme, host)
    for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
        known = _address(hop.strip())
        if known is None:
            break
        address = str(known)
        if not _is_in(known, proxies):
            break
    told = headers.get("x-forwarded-proto", "").strip().lower()
    scheme = told if told in ("http", "https") else scheme
    return Caller(address, scheme, headers.get("x-forwarded-host", host))


def _is_in(address: Address | None, networks: tuple[Network, ...]) -> bool:
    return address is not None and any(
        address in network for network in networks if address.version == network.version
    )


def host_name(host: str) -> str | None:
    """Return the name in ``name[:port]``, in lower case, or None where it is no such thing."""
    found = _HOST.fullmatch(host)
    return found[1].lower() if found else None


def is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def _address(name: str) -> Address | None:
    try:
        return ip_address(name.strip("[]"))
    except ValueError:
        return None


def is_origin(text: str) -> bool:
    """Tell whether browsers may send *text* as an origin (RFC 6454, 6.1); apps have own schemes."""
    scheme, mark, host = text.partition("://")
    return text == "null" or bool(mark and _SCHEME.fullmatch(scheme) and _HOST.fullmatch(host))


def _origin_host(origin: str) -> str | None:
    """Return ``host[:port]`` of an origin (RFC 6454, 7), or None where it has none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    plain = parts.scheme in ("http", "https") and not (parts.path or parts.query or parts.fragment)
    return parts.netloc if plain and "@" not in parts.netloc else None
