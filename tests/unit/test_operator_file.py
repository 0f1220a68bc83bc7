"""The file by which commands reach a server: whole, private, and gone when its server is."""

import os
from pathlib import Path

import pytest

from mishkah.identity.operator import REACH, Reach, make_private, reachable, read_reach

HERE = Reach("127.0.0.1", 8080, "mk_operator_s")


def test_it_is_there_for_the_block_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "identity"
    before = os.umask(0)
    try:
        make_private(folder)
        with reachable(folder, HERE):
            assert read_reach(folder) == HERE
            assert [file.name for file in folder.iterdir()] == [REACH]
            assert (folder / REACH).stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert read_reach(folder) is None


def test_what_others_have_put_there_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("content")
    precious.chmod(0o666)
    for name in (REACH, f"{REACH}-new"):
        (tmp_path / name).symlink_to(precious)
    with reachable(tmp_path, HERE):
        assert (tmp_path / REACH).stat(follow_symlinks=False).st_mode & 0o777 == 0o600
        assert read_reach(tmp_path) == HERE
    assert precious.read_text() == "content"
    assert [file.name for file in tmp_path.iterdir()] == ["precious"]


def test_it_goes_when_the_server_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), reachable(tmp_path, HERE):
        raise RuntimeError
    assert read_reach(tmp_path) is None


def test_a_folder_that_takes_no_file_keeps_nobody_from_being_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with reachable(tmp_path / "none", HERE):
        assert "commands won't reach this server" in caplog.text
    assert HERE.token not in caplog.text
