"""The file of roles is read again while a house is open, and changes of files are noted."""

from pathlib import Path
from typing import Any

import trio
from support.identity import CountingHasher, after
from trio.testing import MockClock

from mishkah.core.errors import UnknownModule
from mishkah.identity.register import OPERATOR
from mishkah.journal import MemoryJournals
from mishkah.testing import TestHouse, open_test_house, write_json
from mishkah.who import Scope

READER = {"rules": [{"do": ["read"], "modules": ["m"]}]}
NOBODY: dict[str, Any] = {"rules": []}
SCOPES = (Scope("reader", ("shop",), ("m",)),)
PASSWORD = "a long enough word"


async def amal(house: TestHouse) -> str:
    """Return a token of Amal, who is made."""
    await house.house.open_listed()
    identity = house.house.identity
    assert identity is not None
    register = identity.register
    for name, scopes in (("mona", (Scope("owner"),)), ("amal", SCOPES)):
        await register.create_user(OPERATOR, name, after(), password=PASSWORD, scopes=scopes)
    return await identity.sessions.login("amal", PASSWORD, None, after())


def noted(house: TestHouse) -> list[str]:
    """Return the files whose changes are noted, the first first."""
    identity = house.house.identity
    assert identity is not None
    rows = reversed(identity.register.audit(OPERATOR, 100))
    return [row["detail"].partition(" ")[0] for row in rows if row["event"] == "configuration"]


async def test_changes_of_files_are_noted_once(autojump_clock: MockClock, data: Path) -> None:
    journals = MemoryJournals()
    write_json(data / "access.json", {"roles": {"reader": READER}})
    every = ["branches.config.json", "modules.json", "sequence-rules.json", "access.json"]
    async with open_test_house(data, journals=journals, hasher=CountingHasher()) as house:
        await house.house.open_listed()
        assert noted(house) == every
    async with open_test_house(data, journals=journals, hasher=CountingHasher()) as house:
        await house.house.open_listed()
        assert noted(house) == every
        write_json(data / "access.json", {"roles": {"reader": NOBODY}})
        await trio.sleep(5)
        assert noted(house) == [*every, "access.json"]


async def test_open_sessions_follow_a_changed_file_and_no_broken_one(
    autojump_clock: MockClock, data: Path
) -> None:
    file = data / "access.json"
    write_json(file, {"roles": {"reader": READER}})
    async with open_test_house(data, hasher=CountingHasher()) as house:
        token = await amal(house)
        async with house.v1("till", token=token) as till:
            await till.send({"type": "SUBSCRIBE", "branch": "shop", "module": "m", "ref": 1})
            assert (await till.receive())["type"] == "SUBSCRIBED"
            for wrong in ("{", '{"roles": {"reader": {"rules": [{"do": ["fly"]}]}}}', ""):
                file.write_text(wrong)
                await trio.sleep(3)
                asked = {"type": "QUERY", "table": "note", "ref": wrong[:5] or "none"}
                assert (await till.ask(asked))["type"] == "RESULT", "the roles stay as they were"
            write_json(file, {"roles": {"reader": NOBODY}})
            assert await till.close_code() == 1012, (
                "to come back, and be told that nothing is there"
            )
        async with house.v1("till", token=token) as till:
            asked = {"type": "SUBSCRIBE", "branch": "shop", "module": "m", "ref": 1}
            assert (await till.ask(asked))["code"] == UnknownModule.code
