"""Without access control nobody but this machine is served, whatever the way in."""

from pathlib import Path
from typing import Any

import pytest
from support.server import SAMPLE

WAYS = [
    ("--host", "0.0.0.0"),
    ("--host", "::"),
    ("--allow-host", "till.shop.lan"),
    ("--trust-proxy", "127.0.0.1"),
]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_an_open_house_lets_nobody_in_from_outside(run: Any, way: tuple[str, str]) -> None:
    said = run("serve", "--data", SAMPLE, "--port", 0, *way, code=1).stderr
    assert "mishkah-trio init" in said
    assert "--insecure" in said


def test_a_file_of_roles_alone_shuts_the_door(run: Any, tmp_path: Path) -> None:
    """Nobody may come in then; but the port can be had, so it is the address that is refused."""
    for name in ("branches.config.json", "modules.json"):
        (tmp_path / name).write_bytes((SAMPLE / name).read_bytes())
    (tmp_path / "branches.config.json").write_text('{"branches": {}}')
    (tmp_path / "modules.json").write_text('{"modules": {}}')
    (tmp_path / "access.json").write_text('{"roles": {}}')
    said = run("serve", "--data", tmp_path, "--port", 0, "--host", "a..b", code=1).stderr
    assert "can't listen" in said


def test_people_who_are_on_a_disk_that_is_not_there_leave_the_door_shut(
    run: Any, tmp_path: Path
) -> None:
    (tmp_path / "branches.config.json").write_text('{"branches": {}}')
    (tmp_path / "identity").symlink_to(tmp_path / "a disk that is not there")
    said = run("serve", "--data", tmp_path, "--port", 0, code=1).stderr
    assert "nobody could sign in" in said
