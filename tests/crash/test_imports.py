"""An import that is killed has imported all of its rows, or none."""

import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.ledger import read_store
from support.server import COMMAND

pytestmark = pytest.mark.crash

ROWS = 3000
STORE = ("--branch", "shop", "--module", "m", "--data")


def test_a_killed_import_leaves_all_or_nothing(
    install: Callable[..., Path],
    launch: Callable[..., Any],
    tmp_path: Path,
    seed: str,
    figures: Counter[str],
) -> None:
    data, rng = install(), random.Random(seed)
    launch(data).ready().stop()
    file = tmp_path / "items.ndjson"
    for turn in range(15):
        keys = {f"t{turn}-{i}" for i in range(ROWS)}
        lines = [json.dumps({"table": "item", "data": {"id": key}}) for key in keys]
        file.write_text("\n".join(lines))
        importing = subprocess.Popen(
            [COMMAND, "import", file, *STORE, data], stderr=subprocess.DEVNULL
        )
        try:
            importing.wait(rng.uniform(0.2, 0.6))
        except subprocess.TimeoutExpired:
            importing.kill()
            importing.wait()
        kept = read_store(data)
        assert kept is not None
        kept.check()
        there = keys & set(kept.tables["item"])
        assert there in (keys, set())
        assert there or importing.returncode != 0
        figures["imports of all" if there else "imports of nothing"] += 1
