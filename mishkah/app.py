"""Serving on a port: sockets and signals around an open house."""

import contextlib
import errno
import gc
import re
import resource
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import trio

from mishkah.catalog import Catalog
from mishkah.house import House, open_house
from mishkah.http.guests import Guests, Network, is_loopback
from mishkah.identity.gate import ClosedGate
from mishkah.identity.hasher import Hasher
from mishkah.identity.operator import Reach, forget_reach, make_private, reachable
from mishkah.identity.tables import IDENTITY
from mishkah.limits import Limits
from mishkah.lock import CantServe, locked
from mishkah.sqlite import SqliteJournals


class Certificate(msgspec.Struct, frozen=True):
    """Two files in PEM format: the certificate with those that sign it, and its private key."""

    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Return what TLS is served with, 1.2 or later. Raises CantServe."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.chain, self.key, password=_no_password)
        except ssl.SSLError as error:
            why = "the two do not belong together" if _mismatch(error) else "not in PEM format"
            raise CantServe(f"can't serve TLS with {self.chain} and {self.key}: {why}") from error
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise CantServe(f"can't serve TLS with {self.chain} and {self.key}: {why}") from error
        return context

    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate that is shown, the first of its file, in hex."""
        first = _PEM.search(self.chain.read_text("ascii", "replace"))
        return sha256(ssl.PEM_cert_to_DER_cert(first[0])).hexdigest() if first else ""


_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def _no_password() -> str:
    raise ValueError("the key is encrypted; a server has nobody to ask")


def _mismatch(error: ssl.SSLError) -> bool:
    return error.reason == "KEY_VALUES_MISMATCH"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve: where to listen, whom to answer beyond loopback, and what a client may take.

    Without access control nobody but this machine is served, unless it is to be *insecure*.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    proxies: tuple[Network, ...] = ()
    certificate: Certificate | None = None
    limits: Limits = Limits()
    insecure: bool = False

    @property
    def guests(self) -> Guests:
        own = socket.gethostname().lower()
        names = {name.lower() for name in self.hosts} | {own, f"{own}.local", self.host.lower()}
        return Guests(frozenset(names), frozenset(self.origins), self.proxies)

    @property
    def public(self) -> bool:
        """Whether others than this machine may come: by its address, by a name, by a proxy."""
        return not is_loopback(self.host.lower()) or bool(self.hosts or self.proxies)


Listener = trio.abc.Listener[trio.abc.Stream]

STOPS = (signal.SIGTERM, signal.SIGINT)

SWITCH_SECONDS = 0.0005
"""How long a thread that commits waits for a busy loop at each of its steps. With Python's own 5 ms
the writes of all waited a quarter of a second while many asked for sums over large tables."""

Ready = Callable[[House, int], None]
"""Called once, when clients can connect, with the port."""


async def serve(catalog: Catalog, settings: Settings, ready: Ready) -> None:
    """Serve *catalog* until SIGTERM or SIGINT, then finish what was received.

    Raises CantServe where another server has the folder, the port can't be had, or everybody would
    be let in to do everything.
    """
    if settings.public and not (_closed(catalog) or settings.insecure):
        raise CantServe(_TOO_OPEN)
    alone = not (catalog.closed or settings.insecure)
    with locked(catalog.data):
        closed = _closed(catalog)
        if closed:
            _prepare(catalog.folder(IDENTITY))
        forget_reach(catalog.folder(IDENTITY))
        _raise_descriptor_limit()
        sys.setswitchinterval(SWITCH_SECONDS)
        listeners = await open_listeners(settings)
        journals = SqliteJournals(catalog.store_path)
        with trio.open_signal_receiver(*STOPS) as signals:
            async with (
                open_house(
                    catalog,
                    journals,
                    guests=msgspec.structs.replace(settings.guests, alone=alone),
                    limits=settings.limits,
                    hasher=Hasher() if closed else None,
                ) as house,
                trio.open_nursery() as doors,
            ):
                doors.start_soon(_stop_at, signals, doors.cancel_scope)
                await house.open_listed()
                _spare_what_stays()
                doors.start_soon(house.listen, listeners)
                doors.start_soon(house.watch_lag)
                with _reachable(house, settings, listeners[0]):
                    ready(house, _port_of(listeners[0]))
                    await trio.sleep_forever()
        _ignore_stops()  # the receiver has given the signals their old meaning back


def _closed(catalog: Catalog) -> bool:
    """Tell whether there is access control. Raises CantServe where another user's is not shown."""
    try:
        return catalog.closed
    except OSError as error:
        why = f"can't read {catalog.folder(IDENTITY)}: {error.strerror}"
        raise CantServe(f"{why}; run this as the user whose folder it is") from error


def _prepare(identity: Path) -> None:
    """Make the folder of the identity store, if it is not there. Raises CantServe."""
    try:
        make_private(identity)
    except OSError as error:
        raise CantServe(f"{identity} can't be used, so nobody could sign in: {error}") from error


_TOO_OPEN = """\
This would let others read and write everything: there is no access control yet. Set it up with

  mishkah-trio init

or listen on loopback only (no --host, --allow-host, --trust-proxy). On a network of which you know
every machine and every page that is opened there, --insecure serves all the same."""


@contextlib.contextmanager
def _reachable(house: House, settings: Settings, listener: Listener) -> Iterator[None]:
    """Let commands reach *house* by *listener* for the block, where there is access control."""
    gate = house.gate
    if not isinstance(gate, ClosedGate):
        yield
        return
    host, port = _address_of(listener)
    certificate = settings.certificate
    reach = Reach(
        _NEAREST.get(host, host),
        port,
        gate.admit_operator(),
        None if certificate is None else certificate.fingerprint(),
    )
    with reachable(house.catalog.folder(IDENTITY), reach):
        yield


_NEAREST = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where who listens on every address is reached without a network."""


def _spare_what_stays() -> None:
    """Keep Python's collector of cycles away from rows and schemas, which stay; let it come less.

    With its own thresholds it takes nearly half of the time of a write that a thousand screens are
    shown. What has no cycle is freed without it; connections that have gone are among its prey.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


async def _stop_at(signals: AsyncIterator[int], doors: trio.CancelScope) -> None:
    await anext(signals)
    _ignore_stops()  # an impatient second one must not cut short what the first began
    doors.cancel()


def _ignore_stops() -> None:
    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)


async def open_listeners(settings: Settings) -> list[Listener]:
    """Listen on every address of the host, on one port. Raises CantServe."""
    certificate = settings.certificate
    tls = None if certificate is None else certificate.context()
    names = ("127.0.0.1", "::1") if settings.host.lower() == "localhost" else (settings.host,)
    found: list[trio.SocketListener] = []
    try:
        for name in names:
            port = _port_of(found[0]) if found else settings.port
            found += await _sockets(name, port, needed=not found)
    except (OSError, OverflowError, UnicodeError) as error:
        for listener in found:
            await listener.aclose()
        why = getattr(error, "strerror", None) or str(error)
        raise CantServe(
            f"can't listen on {settings.host}:{settings.port}: {why}; try another --port"
        ) from error
    if tls is None:
        return [*found]
    return [trio.SSLListener(listener, tls, https_compatible=True) for listener in found]


async def _sockets(host: str, port: int, *, needed: bool) -> list[trio.SocketListener]:
    """Listen on *host*; on none where this machine has not such an address, unless it is *needed*.

    On a free port it is one address alone, since another one has another port.
    """
    try:
        found = await trio.open_tcp_listeners(port, host=host, backlog=1024)
    except OSError as error:
        if needed or error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise
        return []
    if port == 0:
        for listener in found[1:]:
            await listener.aclose()
        return found[:1]
    return found


def _address_of(listener: Listener) -> tuple[str, int]:
    if isinstance(listener, trio.SSLListener):
        listener = listener.transport_listener
    assert isinstance(listener, trio.SocketListener)
    host, port = listener.socket.getsockname()[:2]
    return host, port


def _port_of(listener: Listener) -> int:
    return _address_of(listener)[1]


def _raise_descriptor_limit() -> None:
    """Take as many descriptors as the system gives: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
