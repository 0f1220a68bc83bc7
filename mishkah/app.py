"""Serving on a port: sockets and signals around an open house."""

import contextlib
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable

import msgspec
import trio

from mishkah.catalog import Catalog
from mishkah.house import House, open_house
from mishkah.http.guests import Guests, is_loopback
from mishkah.limits import Limits
from mishkah.lock import CantServe, locked
from mishkah.sqlite import SqliteJournals


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve: where to listen, whom to answer beyond loopback, and what a client may take."""

    host: str = "127.0.0.1"
    port: int = 8080
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    limits: Limits = Limits()

    @property
    def guests(self) -> Guests:
        own = socket.gethostname().lower()
        names = {name.lower() for name in self.hosts} | {own, f"{own}.local", self.host.lower()}
        return Guests(frozenset(names), frozenset(self.origins))

    @property
    def public(self) -> bool:
        return not is_loopback(self.host.lower())


STOPS = (signal.SIGTERM, signal.SIGINT)

Ready = Callable[[House, int], None]
"""Called once, when clients can connect, with the port."""


async def serve(catalog: Catalog, settings: Settings, ready: Ready) -> None:
    """Serve *catalog* until SIGTERM or SIGINT, then finish what was received.

    Raises CantServe where another server has the folder, or the port can't be had.
    """
    with locked(catalog.data):
        _raise_descriptor_limit()
        listeners = await _listen(settings)
        journals = SqliteJournals(catalog.store_path)
        with trio.open_signal_receiver(*STOPS) as signals:
            async with (
                open_house(
                    catalog, journals, guests=settings.guests, limits=settings.limits
                ) as house,
                trio.open_nursery() as doors,
            ):
                doors.start_soon(_stop_at, signals, doors.cancel_scope)
                await house.open_listed()
                doors.start_soon(house.listen, listeners)
                doors.start_soon(house.watch_lag)
                ready(house, listeners[0].socket.getsockname()[1])
        _ignore_stops()  # the receiver has given the signals their old meaning back


async def _stop_at(signals: AsyncIterator[int], doors: trio.CancelScope) -> None:
    await anext(signals)
    _ignore_stops()  # an impatient second one must not cut short what the first began
    doors.cancel()


def _ignore_stops() -> None:
    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)


async def _listen(settings: Settings) -> list[trio.SocketListener]:
    try:
        found = await trio.open_tcp_listeners(settings.port, host=settings.host, backlog=1024)
    except (OSError, OverflowError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise CantServe(
            f"can't listen on {settings.host}:{settings.port}: {why}; try another --port"
        ) from error
    if settings.port == 0:  # a free port is another one for each address of the host
        for listener in found[1:]:
            await listener.aclose()
        return found[:1]
    return found


def _raise_descriptor_limit() -> None:
    """Take as many descriptors as the system gives: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
