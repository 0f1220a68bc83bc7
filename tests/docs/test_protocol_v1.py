"""The transcripts of the page on `mishkah.v1`, played again; every message has its place there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import trio
from support.sample import sample_plugins, shape
from support.server import SAMPLE

from mishkah.core import commands
from mishkah.testing import open_test_house

LOOSE = {"view", "next", "rows", "numbers", "limits"}
"""Keys whose values depend on the sample's rows: only that they are there counts."""


@pytest.fixture
def page() -> str:
    return (Path(__file__).parents[2] / "docs" / "protocol-v1.md").read_text("utf-8")


def told(message: dict[str, Any]) -> Any:
    return shape({key: ... if key in LOOSE else value for key, value in message.items()})


async def test_the_transcripts_play_as_they_are_written(page: str, autojump_clock: object) -> None:
    lines = [line for block in re.findall(r"```wire\n(.*?)```", page, re.DOTALL)
             for line in block.splitlines()]  # fmt: skip
    assert len(lines) > 30
    async with (
        open_test_house(SAMPLE, plugins=sample_plugins()) as house,
        house._connected("/", "mishkah.v1") as client,
    ):
        for line in lines:
            message = json.loads(line[2:])
            if line.startswith("> "):
                await client.send(message)
                continue
            with trio.move_on_after(5):
                answer = await client.expect(message["type"])  # the page may leave others out
                assert told(answer) == told(message), line
                continue
            pytest.fail(f"no such answer: {line}")


def test_every_message_has_its_place_in_the_pages(page: str, protocol: Any) -> None:
    both = page + protocol.text
    for kind in commands.TYPES | SERVER_TYPES:
        assert re.search(rf"\b{kind}\b", both), kind


def test_the_server_says_nothing_else() -> None:
    source = Path(commands.__file__).parents[1]
    said = {
        kind
        for path in source.rglob("*.py")
        for kind in re.findall(r'"type":"([A-Z]+)"|_?tell\([^"]*"([A-Z]+)"|tag="([A-Z]+)"',
                               path.read_text("utf-8"))
        for kind in kind
        if kind
    }  # fmt: skip
    assert said == commands.TYPES | SERVER_TYPES - {"NOTICE"}


SERVER_TYPES = {
    "WELCOME", "SUBSCRIBED", "SNAPSHOT", "DELTA", "SYNCED", "ACK", "RESULT", "RESYNC", "NOTICE",
    "PONG", "GOAWAY", "ERROR",
}  # fmt: skip
