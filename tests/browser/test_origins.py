"""Pages that come from another origin than the server: who may use the client, and how."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.browsing import Tab
from support.selling import rows
from support.server import Server
from support.wire import Wire

Serve = Callable[..., Server]
OpenTab = Callable[..., Tab]
PAGE = b"<!doctype html><meta charset=utf-8><title>elsewhere</title>"


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """The port of a development server with one page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


USE = """async (client) => {
  const { createPosDb } = await import(client);
  const { db } = await createPosDb({ branchId: "shop", moduleId: "m" });
  await db.ready();
  const sale = await db.insert("sale", { id: "s", tab: "a", n: 0 });
  return [sale.no, db.status.state];
}"""


@pytest.mark.parametrize("page", ["http://localhost:{}/", "http://shop.lan:{}/"])
def test_a_page_of_an_allowed_origin_uses_the_client_of_the_server(
    serve: Serve, kiosk: Path, tab: OpenTab, wire: Wire, elsewhere: int, page: str
) -> None:
    origin = page.format(elsewhere)
    server = serve(kiosk, "--allow-origin", origin.rstrip("/"))
    client = f"http://localhost:{wire.port}/client/mishkah.js"
    assert tab(at=origin).run(USE, client) == ["S00001", "live"]
    assert list(rows(server, "sale", "shop", "m")) == ["s"]


def test_a_page_of_another_origin_can_not_even_load_it(
    serve: Serve, kiosk: Path, tab: OpenTab, wire: Wire, elsewhere: int
) -> None:
    serve(kiosk)
    stranger = tab(at=f"http://shop.lan:{elsewhere}/")
    client = f"http://localhost:{wire.port}/client/mishkah.js"
    loaded = "(client) => import(client).then(() => true, () => false)"
    assert stranger.run(loaded, client) is False
    assert tab(at=f"http://localhost:{elsewhere}/").run(loaded, client) is True
