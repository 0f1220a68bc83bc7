"""Promise 16: whatever is broken in the files of an installation, `check` names it or takes it."""

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.oldshop import write_old_shop
from support.server import copy_sample

from mishkah.cli import main

pytestmark = pytest.mark.crash

MUTATIONS = int(os.environ.get("MISHKAH_MUTATIONS", "500"))
STRANGE: list[Any] = [
    None, True, 0, -1, 1.5, "", [], {}, "x" * 300, "\ud800", "../..", [[]], {"a": {}}, 10**400,
    "{number}", "(",
]  # fmt: skip
RUBBISH = [b"", b"\xff\xfe{}", b"null", b"[]", b"1", b"{}", b'"x"', b"[" * 5000, b'{"a":NaN}']


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything in *value*."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [at, *(path for key, item in inner for path in places(item, (*at, key)))]


def swapped(content: bytes, rng: random.Random) -> bytes:
    """Return JSON in which one thing is something else, gone, doubled or under another name."""
    value = json.loads(content)
    *way, last = rng.choice(places(value)[1:])
    node = value
    for step in way:
        node = node[step]
    what = rng.random()
    if what < 0.5:
        node[last] = rng.choice(STRANGE)
    elif what < 0.7:
        del node[last]
    elif isinstance(node, dict):
        node[rng.choice(["x", "__proto__", "$ref", "Type", " "])] = node.pop(last)
    else:
        node.append(node[last])
    return json.dumps(value).encode()


def mutated(content: bytes, rng: random.Random) -> bytes:
    what = rng.random()
    if what < 0.2:
        return content[: rng.randrange(len(content))]
    if what < 0.35:
        flipped = bytearray(content)
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        return bytes(flipped)
    return rng.choice(RUBBISH) if what < 0.4 else swapped(content, rng)


@pytest.mark.parametrize("install", [copy_sample, write_old_shop])
def test_each_broken_file_is_named_and_nothing_is_touched(
    tmp_path: Path, seed: str, figures: Counter[str], install: Callable[[Path], Path]
) -> None:
    rng, runner = random.Random(seed), CliRunner()
    data = install(tmp_path / "data")
    files = sorted(path for path in data.rglob("*.json") if path.parent.name != "schemas")
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    for _ in range(MUTATIONS):
        file = rng.choice(files)
        broken = mutated(before[file], rng)
        file.write_bytes(broken)
        result = runner.invoke(main, ["check", "--json", "--data", str(data)])
        assert result.exception is None or isinstance(result.exception, SystemExit), broken
        assert result.exit_code in (0, 1), broken
        figures["named" if result.exit_code else "as good as before"] += 1
        if result.exit_code:
            # Which file is named may differ: one may be found wrong by what another says of it.
            found = json.loads(result.stdout)["findings"]
            assert any(not finding.get("note") for finding in found), broken
            for finding in found:
                assert finding["file"], (broken, finding)
                assert finding["path"], (broken, finding)
                assert finding["message"], (broken, finding)
        file.write_bytes(before[file])
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
