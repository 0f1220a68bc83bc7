"""The page on security names tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", (ROOT / "docs/security.md").read_text("utf-8"))))


@pytest.mark.parametrize("path", NAMED)
def test_a_defence_is_tested_where_the_page_says(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_threat_has_a_defence_and_a_test() -> None:
    table = (ROOT / "docs/security.md").read_text("utf-8").partition("## Threats")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 15
    for row in rows:
        threat, defence, tests = (cell.strip() for cell in row.strip("|").split("|"))
        assert all((threat, defence, "`tests/" in tests)), row
