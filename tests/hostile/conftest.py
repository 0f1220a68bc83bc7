"""A house that hostile clients knock at: what it may tell, and what must be as before."""

import json
import logging
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.corpus import Case
from support.knocking import Raw, Tls, listening, open_raw

from mishkah.catalog import Catalog
from mishkah.limits import Limits
from mishkah.plugins import Plugins
from mishkah.sqlite import SqliteJournals

INSIDE = re.compile(
    rb"traceback|\.py\b|line \d+, in |sqlite|apsw|msgspec|starlette|\bh11\b|exception"
    rb"|select .* from|insert into|syntax error|/tmp/|evil",
    re.IGNORECASE,
)
"""What no answer has in it."""

Play = Callable[[Any, Raw], Awaitable[bytes]]
"""Plays one case on a connection, and returns all that it is told."""
Shown = tuple[int, Any, list[str]]
"""What an honest client is shown, by which commit, and which files there are."""


class House:
    """A house of files: what is in it, and the way in."""

    def __init__(self, folder: Path, port: int, tls: ssl.SSLContext | None) -> None:
        self._folder = folder
        self.port = port
        self._tls = tls

    async def shows(self) -> Shown:
        async with open_raw(self.port, self._tls) as raw:
            assert "101" in await raw.shake_hands()
            snapshot = json.loads((await raw.frame())[1])
        assert snapshot["type"] == "SNAPSHOT"
        files = [str(path) for path in self._folder.rglob("*") if "sqlite3-" not in path.name]
        return snapshot["seq"], snapshot["data"], sorted(files)

    async def suffer(self, cases: Sequence[Case], play: Play) -> None:
        """*play* each of *cases*: it is told nothing that it should not be, and not felt."""
        seen = await self.shows()
        for case in cases:
            try:
                seen = await self._bear(case, play, seen)
            except BaseException as error:
                error.add_note(f"in the case: {case.name}")
                raise

    async def _bear(self, case: Case, play: Play, seen: Shown) -> Shown:
        async with open_raw(self.port, self._tls) as raw:
            told = await play(case, raw)
        assert not INSIDE.search(told), told
        seq, rows, files = seen
        now = await self.shows()
        assert now == (seq + case.writes, now[1] if case.writes else rows, files)
        return now


@pytest.fixture
def house(folders: Path, tls: Tls) -> Callable[..., Any]:
    """Return a function (over TLS?, limits) → a context whose value is an open `House`."""

    @asynccontextmanager
    async def opened(*, over_tls: bool = False, **limits: Any) -> AsyncIterator[House]:
        package = folders / "branches" / "shop" / "modules" / "m"
        catalog = Catalog(folders, Plugins(modules={"m": package}))
        journals = SqliteJournals(catalog.store_path, "OFF")
        secret = tls.server if over_tls else None
        async with listening(catalog, journals, Limits(**limits), secret) as port:
            yield House(folders.parent, port, tls.client if over_tls else None)

    return opened


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is logged that an operator would look at, nor anything that a client has sent."""
    yield
    told = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert not [record for record in told if record.levelno >= logging.WARNING]
    assert not [record for record in told if "evil" in record.getMessage()]
