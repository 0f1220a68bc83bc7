"""Starting in folders that nobody expects."""

import os
from pathlib import Path

import pytest
from trio.testing import MockClock

from mishkah.app import Settings
from mishkah.cli.serve import _banner
from mishkah.lock import LOCK, CantServe, locked
from mishkah.testing import open_test_house, write_installation


def test_one_server_to_a_folder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(CantServe, match="already serves"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_nobody_else_can_take_the_lock(tmp_path: Path) -> None:
    """Who could hold it would pass for a server that runs, and be sent what operators type."""
    (tmp_path / LOCK).touch(0o644)
    with locked(tmp_path):
        assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o600


def test_a_pipe_in_the_locks_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / LOCK)
    with locked(tmp_path):
        pass


def test_a_link_in_the_locks_place_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("content")
    (tmp_path / LOCK).symlink_to(precious)
    with pytest.raises(CantServe), locked(tmp_path):
        pass
    assert precious.read_text() == "content"


async def test_an_installation_of_patterns_alone_has_a_banner(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    patterns = [{"match": "^p:", "modules": ["m"]}]
    only = {"branches": {}, "patterns": patterns}
    data = write_installation(tmp_path / "data", {}, branches=only)
    async with open_test_house(data) as house:
        assert "^p: open on first use" in _banner(house.house, Settings(), 80)
