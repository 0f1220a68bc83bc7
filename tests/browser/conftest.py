"""A real Chromium, real servers, and the wire between them."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright
from support.browsing import Tab
from support.guarded import PASSWORD, command
from support.server import Server, copy_sample
from support.wire import Wire

from mishkah.testing import write_installation

OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--host-resolver-rules=MAP shop.lan 127.0.0.1",
]
PAGE = '<!doctype html><html lang="ar" dir="rtl"><meta charset="utf-8"><title>shop</title>'


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def executable() -> str:
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is missing")
        pytest.skip("chromium is missing")
    return found


@pytest.fixture(scope="session")
def chromium(playwright: Playwright, executable: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
    yield browser
    browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """One person's browser, with a storage of its own."""
    context = chromium.new_context(locale="ar-EG", timezone_id="Africa/Cairo")
    yield context
    context.close()


@pytest.fixture
def another(chromium: Browser) -> Iterator[BrowserContext]:
    """Another device."""
    context = chromium.new_context(locale="en-GB", timezone_id="Africa/Cairo")
    yield context
    context.close()


@pytest.fixture
def launch_browser(
    playwright: Playwright, executable: str, tmp_path: Path
) -> Iterator[Callable[[], BrowserContext]]:
    """Return a function that starts a browser whose storage stays when it is closed or killed."""
    started: list[BrowserContext] = []

    def launch() -> BrowserContext:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=executable, args=OPTIONS
        )
        started.append(context)
        return context

    yield launch
    for context in started:
        context.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire() as wire:
        yield wire


@pytest.fixture
def serve(wire: Wire) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server on a folder, at the end of the wire."""
    started: list[Server] = []

    def serve(data: Path, *options: str) -> Server:
        server = Server(data, *options)
        started.append(server)
        wire.to = server.ready().port
        return server

    yield serve
    for server in started:
        server.close()


@pytest.fixture
def restaurant(tmp_path: Path) -> Path:
    """The sample installation, with a page to begin with."""
    return with_page(copy_sample(tmp_path / "data"))


@pytest.fixture
def guarded(restaurant: Path) -> Path:
    """The restaurant with access control, and with Mona, who owns it."""
    command(restaurant, "init", "--user", "mona", "--password-stdin", told=f"{PASSWORD}\n")
    return restaurant


def with_page(data: Path) -> Path:
    (data / "static").mkdir(exist_ok=True)
    (data / "static" / "index.html").write_text(PAGE, "utf-8")
    return data


SALE = {
    "sale": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "no": {"type": "text"},
            "tab": {"type": "text", "required": True},
            "n": {"type": "integer", "required": True},
            "total": {"type": "decimal", "min": 0},
            "status": {"type": "text", "enum": ["open", "paid"], "default": "open"},
            "at": {"type": "timestamp", "readOnly": True, "default": "now"},
            "note": {"type": "text"},
        }
    },
    "line": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "sale_id": {"type": "text", "required": True, "references": {"table": "sale"}},
            "name": {"type": "json"},
            "price": {"type": "decimal", "required": True},
        }
    },
}
NUMBERS = {"sale": {"no": {"format": "S{number:05d}"}}}


@pytest.fixture
def sale_tables() -> dict[str, Any]:
    return SALE


@pytest.fixture
def kiosk(tmp_path: Path) -> Path:
    """A small shop, ``shop/m``: sales with numbers, and their lines."""
    return with_page(write_installation(tmp_path / "data", SALE, rules=NUMBERS))


@pytest.fixture
def url(wire: Wire) -> str:
    return f"http://localhost:{wire.port}/"


@pytest.fixture
def tab(context: BrowserContext, url: str) -> Callable[..., Tab]:
    """Return a function (context, url) → a new tab at the shop's first page."""
    return lambda where=context, at=url: Tab(where, at)


_figures = pytest.StashKey[list[str]]()


@pytest.fixture
def told(request: pytest.FixtureRequest, record_property: Any) -> Callable[[str], None]:
    """Return a function that says a line when the run is over."""

    def tell(line: str) -> None:
        record_property("told", f"{request.node.name}: {line}")

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, line in report.user_properties:
            if name == "told":
                terminalreporter.write_line(line)
