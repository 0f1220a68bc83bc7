"""The guide's own client code, unchanged, in a JavaScript engine's own WebSocket."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.server import Server

SNIPPET = Path(__file__).with_name("guide_snippet.mjs")


def node_with_websocket() -> list[str] | None:
    """Return the command of a Node that has a WebSocket: its own, or the package ws."""
    node = shutil.which("node")
    if node is None:
        return None
    for flags in ([], ["--experimental-websocket"]):
        probe = [node, *flags, "-e", "globalThis.WebSocket ?? require('ws')"]
        if subprocess.run(probe, capture_output=True).returncode == 0:
            return [node, *flags]
    return None


def test_the_guides_browser_snippet_runs_verbatim(server: Server) -> None:
    node = node_with_websocket()
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Node with a WebSocket")
        pytest.skip("there is no Node with a WebSocket")
    ran = subprocess.run(
        [*node, SNIPPET, str(server.port)], capture_output=True, text=True, timeout=30
    )
    assert ran.returncode == 0, ran.stderr
    snapshot, delta = json.loads(ran.stdout)
    members = {row["id"] for row in snapshot["snapshot"]["gym_member"]}
    assert {"member_001", "member_012"} <= members
    assert "member_013" not in members
    assert delta["delta"]["operation"] == "INSERT"
    assert delta["delta"]["id"] == "member_013"
    assert delta["delta"]["changes"]["full_name"] == {"ar": "محمد", "en": "Mohamed"}
    assert set(delta["delta"]) == {"table", "operation", "id", "changes", "timestamp"}
