"""The examples of the protocol's page, sent to the sample installation in memory."""

import json
import re
from collections.abc import Iterator
from typing import Any

from support.sample import sample_plugins, shape
from support.server import SAMPLE

from mishkah.testing import open_test_house

COMMANDS = {"INSERT", "UPDATE", "DELETE", "TRANSACTION"}


def exchanges(section: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each (message, answer) of the page's part about what clients send."""
    blocks = [json.loads(code) for code in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]
    for message, answer in zip(blocks[::2], blocks[1::2], strict=True):
        assert message["type"] in COMMANDS
        assert answer["type"] in {"ACK", "ERROR"}
        yield message, answer


async def test_every_example_is_answered_as_the_page_says(
    protocol: Any, autojump_clock: object
) -> None:
    section = protocol.text.partition("## What the client sends")[2].partition("\n## ")[0]
    examples = list(exchanges(section))
    assert {message["type"] for message, _ in examples} == COMMANDS
    async with (
        open_test_house(SAMPLE, plugins=sample_plugins()) as house,
        house.client(branch="gim", module="gym", client="desk-1") as desk,
    ):
        for message, answer in examples:
            assert shape(await desk.ask(message)) == shape(answer), message


async def test_the_snapshot_and_the_delta_look_as_the_page_says(
    protocol: Any, autojump_clock: object
) -> None:
    snapshot, delta = (
        json.loads(code)
        for code in protocol.code("json")
        if json.loads(code)["type"] in {"SNAPSHOT", "DELTA"}
    )
    insert, update = (json.loads(code) for code in protocol.code("json")[0:4:2])
    async with open_test_house(SAMPLE, plugins=sample_plugins()) as house:
        async with house.client(branch="myapp", module="mymodule") as screen:
            assert shape(await screen.receive()) == shape(snapshot)
        async with (
            house.client(branch="gim", module="gym", client="desk-1") as desk,
            house.client(branch="gim", module="gym") as screen,
        ):
            await screen.receive()
            await desk.ask(insert)
            await desk.ask(update)
            await screen.expect("DELTA")
            assert shape(await screen.receive()) == shape(delta)
