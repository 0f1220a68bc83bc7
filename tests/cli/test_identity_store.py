"""The identity store in its file: private, backed up, restored and checked like the others."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from support.identity import CHEAP, MONA, OWNER

from mishkah.catalog import Catalog
from mishkah.clock import wall_clock
from mishkah.core.errors import AuthRequired
from mishkah.identity.hasher import Hasher
from mishkah.identity.identity import Identity, open_identity
from mishkah.identity.register import OPERATOR
from mishkah.identity.tables import IDENTITY
from mishkah.identity.throttle import Throttle
from mishkah.limits import Limits
from mishkah.plugins import Plugins
from mishkah.sqlite import SqliteJournals


def with_identity(data: Path, do: Callable[[Identity], Any]) -> Any:
    """Return what *do* returns of the identity store in *data*, with nothing else open."""

    async def main() -> Any:
        journals = SqliteJournals(Catalog(data, Plugins()).store_path)
        throttle = Throttle(Limits(), Counter())
        async with open_identity(journals, wall_clock, Hasher(CHEAP), throttle) as identity:
            return await do(identity)

    return trio.run(main)


async def furnish(identity: Identity) -> str:
    now = wall_clock()
    await identity.register.create_user(OPERATOR, "mona", now, scopes=OWNER, password=MONA)
    return await identity.sessions.login("mona", MONA, "10.0.0.1", now)


def test_what_was_written_is_known_when_it_is_opened_again(sample: Path) -> None:
    token = with_identity(sample, furnish)

    async def look(identity: Identity) -> list[str]:
        assert identity.identify(token, wall_clock()).user == "mona"
        return [row["event"] for row in identity.register.audit(OPERATOR)]

    assert with_identity(sample, look) == ["login", "user-created"]


def test_a_backup_and_a_restore_bring_the_people_of_then(
    sample: Path, tmp_path: Path, run: Any, said: Any
) -> None:
    with_identity(sample, furnish)
    house = ["--branch", IDENTITY.branch, "--module", IDENTITY.module]
    (done,) = said("backup", "--data", sample, *house, "--to", tmp_path / "copies")
    copy = Path(done["file"])

    async def disable(identity: Identity) -> None:
        await identity.register.create_user(
            OPERATOR, "late", wall_clock(), scopes=OWNER, password=MONA
        )

    with_identity(sample, disable)
    run("restore", copy, "--data", sample, *house)

    async def look(identity: Identity) -> None:
        await identity.sessions.login("mona", MONA, None, wall_clock())
        with pytest.raises(AuthRequired):
            await identity.sessions.login("late", MONA, None, wall_clock())

    with_identity(sample, look)
    kept = list((sample / "identity" / "history").iterdir())
    assert len(kept) == 1
    for file in (copy, *kept, sample / "identity" / "store.sqlite3"):
        assert file.stat().st_mode & 0o077 == 0, f"{file} is for its owner alone"


def test_check_reads_the_file_and_numbers_are_those_of_the_installation(
    sample: Path, run: Any, said: Any
) -> None:
    with_identity(sample, furnish)
    run("check", "--data", sample, "--stores")
    assert not any(
        line["module"] == "identity" for line in said("sequence", "list", "--data", sample)
    )
    file = sample / "identity" / "store.sqlite3"
    content = bytearray(file.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    file.write_bytes(content)
    assert "identity/store.sqlite3" in run("check", "--data", sample, "--stores", code=1).output


@pytest.mark.parametrize("words", [("export",), ("openapi",)])
def test_no_command_reads_the_rows_of_the_house(sample: Path, run: Any, words: Any) -> None:
    with_identity(sample, furnish)
    house = ["--branch", IDENTITY.branch, "--module", IDENTITY.module]
    assert "no such branch" in run(*words, "--data", sample, *house, code=1).output
