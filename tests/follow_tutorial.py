"""Follow a tutorial, block by block, in an empty folder.

Run as a script, away from the checkout, with the commands of this environment:
``python follow_tutorial.py PAGE...``.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serve_and_connect import receive, start
from websockets.sync.client import connect

SETUP = {"python3 -m venv .venv", ". .venv/bin/activate", "pip install ."}
"""What makes the environment that we are in."""


def follow(page: Path, folder: Path, run: Callable[[str], object]) -> None:
    """Do in *folder* what *page* says; *run* takes a line of a shell."""
    data, insert = folder / "mydata", {}
    text = page.read_text("utf-8")
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if language == "sh":
            for line in code.splitlines():
                if line not in SETUP and not line.startswith("mishkah-trio serve"):
                    run(line)
            continue
        content = json.loads(code)
        if "branches" in content:
            _number_categories(data, code)
        elif content["type"] == "INSERT":
            insert = content
        else:
            _insert_before_others(data, insert, content)


def _insert_before_others(data: Path, insert: dict[str, Any], delta: dict[str, Any]) -> None:
    server, url = start(data, "sahil", "cafe")
    try:
        with connect(url) as till, connect(url) as screen:
            assert receive(till)["type"] == receive(screen)["type"] == "SNAPSHOT"
            till.send(json.dumps(insert))
            seen = receive(screen)
            assert holds(seen, delta), seen
            assert [receive(till)["type"] for _ in range(2)] == ["DELTA", "ACK"]
        server.terminate()
        assert server.wait(10) == 0
    finally:
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


def holds(whole: Any, part: Any) -> bool:
    """Tell whether *whole* has all that *part* has."""
    if isinstance(part, dict):
        return all(key in whole and holds(whole[key], value) for key, value in part.items())
    return bool(whole == part)


def _number_categories(data: Path, rules: str) -> None:
    path = data / "branches/sahil/modules/cafe/schema/definition.json"
    definition = json.loads(path.read_text("utf-8"))
    definition["tables"]["category"]["fields"]["position_code"] = {"type": "text"}
    path.write_text(json.dumps(definition), "utf-8")
    (data / "sequence-rules.json").write_text(rules, "utf-8")


def main(*pages: str) -> None:
    here = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    for page in pages:
        with tempfile.TemporaryDirectory() as box:

            def run(line: str, box: str = box) -> None:
                print(f"$ {line}", flush=True)
                subprocess.run(line, shell=True, cwd=box, env=env, check=True)

            follow(Path(page), Path(box), run)
            config = Path(box) / "mydata" / "branches.config.json"
            config.write_text(
                config.read_text("utf-8").replace('"cafe"', '"cafe", "bakery"'), "utf-8"
            )
            run("mishkah-trio check --data mydata")
            served, url = start(Path(box) / "mydata", "sahil", "bakery")
            with connect(url) as till:
                assert receive(till)["module"] == "bakery"
            served.terminate()
            assert served.wait(10) == 0
        print(f"{page} was followed to its end")


if __name__ == "__main__":
    main(*sys.argv[1:])
