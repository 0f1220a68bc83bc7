"""An examination: versions, disk, clock, plugins, port, and what `check` finds. Changes nothing
but a file of its own, which it removes."""

import fcntl
import os
import platform
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import apsw
import msgspec

from mishkah.belonging import check_belonging
from mishkah.catalog import Catalog
from mishkah.checking import check, mistakes, read_catalog
from mishkah.inventory import plugins
from mishkah.jsonfile import BadFile
from mishkah.lock import LOCK
from mishkah.plugins import BrokenPlugin
from mishkah.watchdog import Watchdog

OK, WARNING, PROBLEM = "ok", "warning", "problem"
LITTLE, SCARCE = 1 << 30, 100 << 20
"""Bytes of free disk that are little, and too little."""
SLOW_SYNC = 0.05
BIG_STORE = 50 << 20


class Line(msgspec.Struct, frozen=True):
    """One thing that was looked at; *todo* is empty where all is well."""

    name: str
    status: str
    said: str
    todo: str = ""


def examine(data: Path, host: str, port: int, now: datetime) -> Iterator[Line]:
    """Yield a line for each thing, the machine first."""
    yield from _versions()
    yield _clock(now)
    yield _disk(data)
    yield _sync(data)
    served = _served(data)
    yield Line("server", OK, "a server has this folder" if served else "none has this folder")
    yield _port(host, port, served)
    yield from _plugins()
    yield from _installation(data)


def _versions() -> Iterator[Line]:
    python = platform.python_version()
    old = sys.version_info < (3, 11)
    yield Line("python", PROBLEM if old else OK, python, "Python 3.11 or newer" if old else "")
    yield Line("sqlite", OK, apsw.sqlite_lib_version())
    for name in ("mishkah-trio", "trio", "trio-websocket", "apsw", "msgspec", "argon2-cffi"):
        try:
            yield Line(name, OK, version(name))
        except PackageNotFoundError:
            yield Line(name, PROBLEM, "not installed", f"pip install {name}")


def _clock(now: datetime) -> Line:
    said = now.astimezone().isoformat(timespec="seconds")
    if not 2025 <= now.year < 2100:
        return Line("clock", PROBLEM, said, "set the machine's clock: rows are stamped by it")
    return Line("clock", OK, said)


def _disk(data: Path) -> Line:
    free = shutil.disk_usage(data).free
    said = f"{free / (1 << 30):.1f} GiB free"
    if free < SCARCE:
        return Line("disk", PROBLEM, said, "make room: writes are refused when the disk is full")
    return Line(
        "disk", WARNING if free < LITTLE else OK, said, "" if free >= LITTLE else "make room"
    )


def _sync(data: Path) -> Line:
    """Time what every commit waits for."""
    took = []
    try:
        with tempfile.TemporaryFile(dir=data) as file:
            for _ in range(5):
                file.write(b"x" * 4096)
                file.flush()
                began = time.perf_counter()
                os.fsync(file.fileno())
                took.append(time.perf_counter() - began)
    except OSError as error:
        todo = "let the server's user write in the data folder"
        return Line("folder", PROBLEM, f"can't write: {error.strerror}", todo)
    middle = statistics.median(took)
    said = f"writable, a sync takes {middle * 1000:.1f} ms"
    slow = "writes wait for this: use a faster disk, not a network's" if middle > SLOW_SYNC else ""
    return Line("folder", WARNING if slow else OK, said, slow)


def _served(data: Path) -> bool:
    """Tell whether a server holds the folder's lock; the lock file is not made."""
    try:
        file = (data / LOCK).open("rb")
    except OSError:
        return False
    with closing(file):
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _port(host: str, port: int, served: bool) -> Line:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            where = f"{host}:{port}: {error.strerror}"
            if served:
                return Line("port", OK, f"{where}; by the server, as it seems")
            return Line("port", PROBLEM, where, "stop what has it, or serve --port N")
    if served:
        todo = "clients that get no updates may ask the wrong port: see the server's banner"
        return Line("port", WARNING, f"{host}:{port} is free, but a server runs", todo)
    return Line("port", OK, f"{host}:{port} is free")


def _plugins() -> Iterator[Line]:
    for plugin in plugins():
        said = f"{plugin['distribution']} {plugin['version']}"
        if plugin["problem"]:
            todo = "mend it or uninstall it: nothing is served until then"
            yield Line(f"plugin {plugin['plugin']}", PROBLEM, f"{said}: {plugin['problem']}", todo)
        else:
            yield Line(f"plugin {plugin['plugin']}", OK, said)


def _installation(data: Path) -> Iterator[Line]:
    try:
        catalog = read_catalog(data, Watchdog())
        findings = [*check(catalog), *check_belonging(catalog)]
    except BadFile as bad:
        findings = list(bad.findings)
        catalog = None
    except BrokenPlugin:
        return  # said above
    for finding in findings:
        if finding.note:
            todo = "it is served; docs/schemas.md and docs/access-setup.md say why"
            yield Line("check", WARNING, str(finding), todo)
        else:
            yield Line("check", PROBLEM, str(finding), "data does not appear until this is right")
    if not mistakes(findings):
        yield Line("check", OK, "schemas, seeds, rules, plugins and roles are right")
    if catalog is not None:
        yield from _stores(catalog)


def _stores(catalog: Catalog) -> Iterator[Line]:
    """Answer for data that does not show, and for slow starts."""
    for store in catalog.listed:
        path = catalog.store_path(store)
        size = path.stat().st_size if path.is_file() else 0
        if not size:
            yield Line(f"store {store}", OK, "not opened yet: it begins with its seeds")
        elif size > BIG_STORE:
            todo = "every client gets all of it at first: export and delete old rows"
            yield Line(f"store {store}", WARNING, f"{size >> 20} MiB", todo)
        else:
            yield Line(f"store {store}", OK, f"{size >> 10} KiB; later seeds change nothing in it")
