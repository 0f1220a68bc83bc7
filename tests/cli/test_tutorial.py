"""The tutorial, followed in an empty folder."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.server import Server

TEXT = (Path(__file__).parents[2] / "docs/tutorial.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_tutorial_can_be_followed(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "mydata"
    messages = []
    for language, code in BLOCKS:
        if language == "json":
            messages.append(json.loads(code))
            if "branches" in messages[-1]:
                _number_categories(data, code)
            elif messages[-1]["type"] == "DELTA":
                _insert_before_others(data, *messages)
            continue
        for line in code.splitlines():
            words = line.split()
            assert words.pop(0) == "mishkah-trio"
            if words[0] != "serve":
                run(*words)
    run("check", "--data", data)
    assert "category\tposition_code\tbranch" in run("sequence", "list", "--data", data).stdout


def _insert_before_others(data: Path, insert: dict[str, Any], delta: dict[str, Any]) -> None:
    server = Server(data)
    try:
        server.ready()
        store = {"branch": "sahil", "module": "cafe"}
        with server.client(**store) as till, server.client(**store) as screen:
            till.snapshot()
            screen.snapshot()
            assert till.ask(insert)["type"] == "ACK"
            seen = screen.receive()
        assert {key: seen[key] for key in delta} == delta
        assert seen["data"]["changes"]["code"] == "IT-0004"
        assert server.stop() == 0
    finally:
        server.close()


def _number_categories(data: Path, rules: str) -> None:
    path = data / "branches/sahil/modules/cafe/schema/definition.json"
    definition = json.loads(path.read_text("utf-8"))
    definition["tables"]["category"]["fields"]["position_code"] = {"type": "text"}
    path.write_text(json.dumps(definition), "utf-8")
    (data / "sequence-rules.json").write_text(rules, "utf-8")
