"""The examples of the client's page, run with the sample installation in memory."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
import trio
from support.sample import sample_plugins
from support.server import SAMPLE, Server, copy_sample

from mishkah import client
from mishkah.client import Database, connect
from mishkah.testing import ALL, FakeGate, TestHouse, open_test_house, write_installation


@pytest.fixture
def page() -> str:
    return (Path(__file__).parents[2] / "docs" / "client.md").read_text("utf-8")


def named(page: str) -> dict[str, Any]:
    """Return what the examples define, but for the first, which runs by itself."""
    scope: dict[str, Any] = {"connect": connect}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL)[1:]:
        exec(compile(code, "client.md", "exec"), scope)
    return scope


def desk(house: TestHouse, name: str) -> Any:
    chance = random.Random(name)
    return connect("ws://localhost", "gim", "gym", client=name, dial=house.dial, rng=chance)


ALONE = ["read", "write", "write_and_go_on", "rename_and_add", "be_refused", "extend", "watch",
         "ask", "pay"]  # fmt: skip


@pytest.mark.parametrize("example", ALONE)
async def test_an_example_does_what_it_says(
    page: str, example: str, autojump_clock: object
) -> None:
    async with (
        open_test_house(SAMPLE, plugins=sample_plugins()) as house,
        desk(house, "desk-1") as db,
    ):
        with trio.fail_after(60):
            await named(page)[example](db)


async def test_the_example_of_two_does_too(page: str, autojump_clock: object) -> None:
    async with (
        open_test_house(SAMPLE, plugins=sample_plugins()) as house,
        desk(house, "desk-1") as db,
        desk(house, "desk-2") as other,
    ):
        await named(page)["edit"](db, other)


TESTS = ["test_a_row_is_seen", "test_a_cook_sees_no_prices"]


@pytest.mark.parametrize("example", TESTS)
async def test_the_examples_of_a_test_pass(
    page: str, tmp_path: Path, autojump_clock: object, example: str
) -> None:
    fields = {"id": {"type": "text", "primaryKey": True}, "price": {"type": "decimal"}}
    seeds = {"item": [{"id": "cup", "price": 2}]}
    data = write_installation(tmp_path / "data", {"item": {"fields": fields}}, seeds=seeds)
    await named(page)[example](data)


async def test_the_example_of_signing_in_says_who_it_is(
    page: str, tmp_path: Path, autojump_clock: object
) -> None:
    (tmp_path / "token").write_text("right\n")
    gate = FakeGate()
    gate.role("all", ALL)
    gate.let_in("right", "all", user="amal")
    scope = named(page.replace("/run/secrets/mishkah", str(tmp_path / "token")))
    async with open_test_house(SAMPLE, plugins=sample_plugins(), gate=gate) as house:
        assert await scope["desk"](house.dial) == "amal"


def test_every_example_is_run(page: str) -> None:
    functions = set(re.findall(r"^async def (\w+)", page, re.MULTILINE))
    assert functions == {*ALONE, "main", "edit", "desk", *TESTS}


def test_the_first_example_prints_the_members(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    server = Server(copy_sample(tmp_path / "data"))
    try:
        code = code.replace(":8080", f":{server.ready().port}")
        exec(compile(code, "client.md", "exec"), {})
        assert server.stop() == 0
    finally:
        server.close()
    assert "GYM001 Ahmed" in capsys.readouterr().out


def test_every_name_argument_and_status_is_documented(page: str) -> None:
    for name in set(client.__all__) - {"Cursor", "Feed", "Page", "Change", "Delete"}:
        assert re.search(rf"\b{name}\b", page), name
    for name in {name for name in vars(Database) if name[0] != "_"} - {"ready", "linger", "close"}:
        assert re.search(rf"\b{name}\b", page), name
    for name in connect.__kwdefaults__:
        assert f"`{name}`" in page, name
    for status in ("waiting", "connecting", "catching up", "live", "refused"):
        assert f"| `{status}` |" in page
