"""The shop's own files: what lies in the data folder's `static/` and `projects/`, and only that.

Whatever is not a plain file below its folder is not there: 404, with no word about why.
"""

import errno
import logging
import os
import stat
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote_to_bytes

import msgspec
import trio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from mishkah.core.errors import CONTROL
from mishkah.site.conditions import Unsatisfiable, has_it, part
from mishkah.site.headers import SHOP_POLICY
from mishkah.site.media import media_type

log = logging.getLogger(__name__)

CHUNK = 256 * 1024
"""Bytes that are read, in a thread, and sent at a time."""
INDEX = "index.html"
_ABSENT = frozenset(
    {
        *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL),
        *(errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO, errno.EILSEQ),
    }
)
_NAMED = ("static", "projects")


class Absent(Exception):
    """There is nothing to serve by this name."""


class _Folder(Exception):
    """The name leads to a folder that has an index."""


class Opened(msgspec.Struct, frozen=True):
    """A plain file, open: its descriptor is the owner's to close."""

    descriptor: int
    name: str
    size: int
    modified: int
    etag: str


class Files:
    """An ASGI application: ``/projects/…``, ``/static/…``, and anything else from `static/` too.

    The guide mounts `static/` at the root and its pages import from ``/static/``: both work.
    """

    def __init__(self, data: Path) -> None:
        self._data = data

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.find(Request(scope))
        if response is None:
            raise HTTPException(404)
        await response(scope, receive, send)

    async def find(self, request: Request) -> Response | None:
        """Return what answers *request*, None where there is no such file."""
        raw = bytes(request.scope["raw_path"])
        try:
            folder, names = self._place(raw)
            opened = await trio.to_thread.run_sync(open_file, folder, names)
        except Absent:
            return None
        except _Folder:
            query = request.scope["query_string"]
            target = raw + b"/" + (b"?" + query if query else b"")
            return RedirectResponse(target.decode("ascii"))
        if request.method not in ("GET", "HEAD"):
            os.close(opened.descriptor)
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        return _FileResponse(opened)

    def _place(self, raw: bytes) -> tuple[Path, list[str]]:
        names = names_of(raw)
        if names and names[0] in _NAMED:
            return self._data / names[0], names[1:]
        return self._data / _NAMED[0], names


def names_of(raw: bytes) -> list[str]:
    """Return the names that the path *raw*, as it was sent, is made of; "" last asks for an index.

    Raises Absent for names that no file of ours has: hidden ones, empty ones, and those that hide
    a separator or a control character.
    """
    names = [_name(part) for part in raw.split(b"/")]
    if names[0] or not all(names[1:-1]):
        raise Absent
    return names[1:]


def _name(part: bytes) -> str:
    try:
        name = unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise Absent from None
    if name.startswith(".") or "/" in name or "\\" in name or CONTROL.search(name):
        raise Absent
    return name


def open_file(folder: Path, names: list[str]) -> Opened:
    """Open the file *names* below *folder*, or the index of a folder. Blocks.

    Raises Absent, and _Folder for a folder that is named without its slash.
    """
    inside = [*names[:-1], names[-1] or INDEX] if names else []
    try:
        root = os.path.realpath(folder)
        path = os.path.realpath(os.path.join(root, *inside))
        found = os.path.relpath(path, root).split(os.sep)
        if any(name.startswith(".") for name in found) and found != ["."]:
            raise Absent  # a link leads out, or to something hidden
        if stat.S_ISDIR(os.stat(path).st_mode):
            if os.path.isfile(os.path.join(path, INDEX)):
                raise _Folder
            raise Absent
        # Neither waiting for a pipe's writer, nor following a link that has come since.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in _ABSENT:
            raise Absent from error
        raise
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise Absent
    etag = f'"{about.st_ino:x}-{about.st_size:x}-{about.st_mtime_ns:x}"'
    return Opened(descriptor, inside[-1], about.st_size, int(about.st_mtime), etag)


class _FileResponse(Response):
    """The bytes that a file had when it was opened; the connection is cut where it gets shorter.

    A file that is put in the place of another, as editors and `mv` do, is sent whole, old or new.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.status_code = 200
        self.background = None
        self.init_headers(
            {
                "content-type": media_type(opened.name),
                "content-length": str(opened.size),
                "accept-ranges": "bytes",
                "etag": opened.etag,
                "last-modified": formatdate(opened.modified, usegmt=True),
                "cache-control": "no-cache",
                "content-security-policy": SHOP_POLICY,
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            wanted = self._wanted(scope["method"], Headers(scope=scope))
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            if scope["method"] == "HEAD" or not wanted:
                await send({"type": "http.response.body"})
            else:
                await self._send(wanted, send)
        finally:
            os.close(self._opened.descriptor)

    def _wanted(self, method: str, asked: Headers) -> range:
        """Return which bytes are to be sent, and say so in the head; parts are for GET alone."""
        opened, headers = self._opened, self.headers
        if has_it(asked, opened.etag, opened.modified):
            self.status_code = 304
            del headers["content-length"], headers["content-type"]
            return range(0)
        try:
            whole = method != "GET"
            wanted = None if whole else part(asked, opened.etag, opened.modified, opened.size)
        except Unsatisfiable:
            self.status_code = 416
            headers["content-range"], headers["content-length"] = f"bytes */{opened.size}", "0"
            return range(0)
        if wanted is None:
            return range(opened.size)
        self.status_code = 206
        headers["content-range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{opened.size}"
        headers["content-length"] = str(len(wanted))
        return wanted

    async def _send(self, wanted: range, send: Send) -> None:
        at, end = wanted.start, wanted.stop
        while at < end:
            size = min(CHUNK, end - at)
            data = await trio.to_thread.run_sync(os.pread, self._opened.descriptor, size, at)
            if not data:
                log.warning("a file became shorter while it was sent; the response is cut short")
                return
            at += len(data)
            await send({"type": "http.response.body", "body": data, "more_body": at < end})
