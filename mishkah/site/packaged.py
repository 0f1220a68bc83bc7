"""The web files that ship in the wheel: read once, served from memory under their content's hash.

A URL with the hash never changes its content, so that browsers keep it for good. The hash is of all
files together: a module that imports its neighbour by a relative path gets the one it was made for.

The browser client has names of its own that last, since the shop's pages import it by them.
"""

from collections.abc import Iterator
from gzip import compress
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mishkah.site.conditions import has_it
from mishkah.site.media import media_type
from mishkah.site.packing import pack
from mishkah.site.preferences import takes_gzip

_FOR_GOOD = "public, max-age=31536000, immutable"
_CLIENT = "client/"
_ENTRY = "mishkah.js"
_CODE = (".js", ".d.ts")
_FOR_ALL = {"access-control-allow-origin": "*"}
"""Pages of other origins load a module only where this is said (Fetch, 3.2). Which pages may speak
to this server its door has judged already, and nothing is secret in what everybody can install.
"""


class _Kept(msgspec.Struct, frozen=True):
    """A file, and the same compressed; each has an ETag of its own (RFC 9110, 8.8.3.3)."""

    content: bytes
    gzip: bytes
    etag: str

    @staticmethod
    def of(content: bytes) -> "_Kept":
        tag = f'"{sha256(content).hexdigest()[:32]}"'
        return _Kept(content, compress(content, 9, mtime=0), tag)


class Packaged:
    """The files of ``mishkah/web``. *folder* stands in for it in tests."""

    def __init__(self, folder: Traversable | None = None) -> None:
        folder = folder or files("mishkah").joinpath("web")
        self._kept = {
            name: _Kept.of(content)
            for name, content in sorted(_packed(dict(_read(folder))).items())
        }
        whole = sha256()
        for name, kept in self._kept.items():
            whole.update(f"{name}\n{kept.etag}\n".encode())
        self.hash = whole.hexdigest()[:16]

    def url(self, name: str) -> str:
        """Return where *name* is served, for good. Raises KeyError where there is no such file."""
        self._kept[name]
        return f"/web/{self.hash}/{name}"

    def routes(self) -> list[Route]:
        """Return ``/web/HASH/NAME``, ``/web/NAME`` for whoever does not know the hash, and
        ``/client/NAME`` for the client and its types.
        """
        client = [name for name in self._kept if name.startswith(_CLIENT)]
        return [
            Route("/web/{path:path}", self._serve),
            *(Route(f"/{name}", self._serve_client) for name in client if name.endswith(_CODE)),
        ]

    async def _serve(self, request: Request) -> Response:
        path = request.path_params["path"]
        name = path.removeprefix(f"{self.hash}/")
        return self._answer(
            request, name, {"cache-control": "no-cache" if name == path else _FOR_GOOD}
        )

    async def _serve_client(self, request: Request) -> Response:
        headers = {"cache-control": "no-cache", **_FOR_ALL}
        return self._answer(request, request.url.path.removeprefix("/"), headers)

    def _answer(self, request: Request, name: str, headers: dict[str, str]) -> Response:
        kept = self._kept.get(name)
        if kept is None:
            raise HTTPException(404)
        content, etag = kept.content, kept.etag
        headers = {**headers, "vary": "Accept-Encoding"}
        if takes_gzip(request.headers.get("accept-encoding", "")):
            content, etag = kept.gzip, f'{etag[:-1]}-gzip"'
        headers["etag"] = etag
        if has_it(request.headers, etag):
            return Response(status_code=304, headers=headers)
        if content is kept.gzip:
            headers["content-encoding"] = "gzip"
        return Response(content, headers={**headers, "content-type": media_type(name)})


def _packed(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return *files* with one module in place of those of the client."""
    modules = {
        name.removeprefix(_CLIENT): content.decode()
        for name, content in files.items()
        if name.startswith(_CLIENT) and name.endswith(".js")
    }
    if _ENTRY not in modules:
        return files
    others = {name: content for name, content in files.items()
              if name.removeprefix(_CLIENT) not in modules}  # fmt: skip
    return {**others, _CLIENT + _ENTRY: pack(modules, _ENTRY).encode()}


def _read(folder: Traversable, above: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            yield from _read(entry, f"{above}{entry.name}/")
        else:
            yield above + entry.name, entry.read_bytes()
