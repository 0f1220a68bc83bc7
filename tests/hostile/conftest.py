"""A house that hostile clients knock at: what it may tell, and what must be as before."""

import json
import logging
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from support.closed import NAMES, PLAIN, check_told, furnish, rows
from support.corpus import Case
from support.identity import CHEAP
from support.knocking import Raw, Tls, on_a_port, open_raw

from mishkah.asking import Ack, outcome
from mishkah.catalog import Catalog
from mishkah.core.messages import Transaction
from mishkah.house import House, open_house
from mishkah.identity.gate import ClosedGate
from mishkah.identity.hasher import Hasher
from mishkah.identity.operator import REACH, Reach, reachable
from mishkah.identity.tables import IDENTITY
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
Known = dict[str, list[Any]]
"""What the identity store has, table by table, without its audit."""
Shown = tuple[int, Any, list[str], Known]
"""What an honest client is shown, by which commit, which files there are, and who may come in."""
OWNER = f"Authorization: Bearer {NAMES['mona']}\r\n"


class Shop:
    """A house of files: what is in it, and the way in."""

    def __init__(self, folder: Path, house: House, port: int, tls: ssl.SSLContext | None) -> None:
        self._folder = folder
        self._house = house
        self._honest = OWNER if house.identity else ""
        self.port = port
        self._tls = tls

    async def shows(self) -> Shown:
        async with open_raw(self.port, self._tls) as raw:
            path = "/?branch=shop&module=m" if self._honest else "/"
            assert "101" in await raw.shake_hands(path, self._honest)
            snapshot = json.loads((await raw.frame())[1])
        assert snapshot["type"] == "SNAPSHOT"
        files = [str(path) for path in self._folder.rglob("*") if "sqlite3-" not in path.name]
        return snapshot["seq"], snapshot["data"], sorted(files), self._known()

    def _known(self) -> Known:
        keeper = self._house.keepers.get(IDENTITY)
        if keeper is None or keeper.store is None:
            return {}
        kept = keeper.store.committed
        return {table: list(kept.rows(table)) for table in ("user", "device", "token", "code")}

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
        if case.closed:
            check_told(told, gives=case.gives)
        seq, rows, files, known = seen
        now = await self.shows()
        assert now[:3] == (seq + case.writes, now[1] if case.writes else rows, files)
        assert [table for table in known if now[3][table] != known[table]] == case.changes
        return now


@pytest.fixture
def house(folders: Path, tls: Tls) -> Callable[..., Any]:
    """Return a function (over TLS? closed? limits) → a context whose value is an open `Shop`."""

    @asynccontextmanager
    async def opened(
        *, over_tls: bool = False, closed: bool = False, **limits: Any
    ) -> AsyncIterator[Shop]:
        if closed:
            furnish(folders)
        package = folders / "branches" / "shop" / "modules" / "m"
        catalog = Catalog(folders, Plugins(modules={"m": package}))
        journals = SqliteJournals(catalog.store_path, "OFF")
        hasher = Hasher(CHEAP) if closed else None
        async with (
            open_house(catalog, journals, limits=Limits(**limits), hasher=hasher) as house,
            on_a_port(house, tls.server if over_tls else None) as port,
        ):
            await house.open_listed()
            with await _settled(house, port) if closed else nullcontext():
                yield Shop(folders.parent, house, port, tls.client if over_tls else None)
        if closed:
            _keeps_no_secret(catalog.folder(IDENTITY))

    return opened


async def _settled(house: House, port: int) -> AbstractContextManager[None]:
    """Let people into *house*, and commands on its machine for the context."""
    await house.keepers[IDENTITY].settled.wait()
    store = house.keepers[IDENTITY].store
    assert store is not None
    if not any(store.committed.ids("user")):
        people = Transaction(ref="people", ops=list(rows()))
        assert isinstance(await outcome(house.inbox(IDENTITY), people), Ack)
    assert isinstance(house.gate, ClosedGate)
    reach = Reach("127.0.0.1", port, house.gate.admit_operator())
    return reachable(house.catalog.folder(IDENTITY), reach)


def _keeps_no_secret(folder: Path) -> None:
    """See that the identity store's files have nothing that lets somebody in."""
    for file in folder.iterdir():
        assert file.name == REACH or not PLAIN.search(file.read_bytes()), file


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is logged that an operator would look at, nothing that was sent, and no secret."""
    caplog.set_level(logging.DEBUG, "mishkah")
    yield
    told = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert not [record for record in told if record.levelno >= logging.WARNING]
    assert not [record for record in told if "evil" in record.getMessage()]
    check_told("\n".join(record.getMessage() for record in caplog.records).encode())
