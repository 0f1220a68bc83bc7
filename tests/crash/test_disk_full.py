"""Promise 8: a full disk refuses writes with a clear code, loses nothing, and hurts nobody else."""

import contextlib
import resource
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.crash

TILLS = 3
PER_TILL = 60


class LimitedFiles:
    """A disk that is full for one process: no file of its may grow past a size."""

    def __init__(self, wal: Path, pid: int) -> None:
        self._wal = wal
        self._pid = pid

    def fill(self, room: int = 40_000) -> None:
        """Leave *room* bytes behind the end of the write-ahead log."""
        limit = self._wal.stat().st_size + room
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def free(self) -> None:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, unlimited)


class SmallDisk:
    """A file system that a big file fills."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        block = bytes(4096)
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while file.write(block) == len(block):
                pass

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 16 MB, where mounting is permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, timeout=10, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], timeout=10, check=True)


def _write(server: Any, name: str, told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Send a till's inserts in one go; keep each with what it was told."""
    with server.client(branch="shop", module="m", client=name) as client:
        client.snapshot()
        asked = [
            {
                "type": "INSERT",
                "table": "bill",
                "data": {"item": f"{name} {i} " + "x" * 500, "total": i},
                "ref": f"{name}/{i}",
            }
            for i in range(PER_TILL)
        ]
        for message in asked:
            client.send(message)
        told.extend([(message, client.answer()) for message in asked])


def _crowd(server: Any, round_: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Let several tills write at once; return every command with its answer."""
    told: list[tuple[dict[str, Any], dict[str, Any]]] = []
    threads = [
        threading.Thread(target=_write, args=(server, f"{round_}{i}", told)) for i in range(TILLS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert len(told) == TILLS * PER_TILL
    return told


def _again(server: Any, message: dict[str, Any]) -> dict[str, Any]:
    """Send a command once more, under the same name."""
    with server.client(branch="shop", module="m", client=message["ref"].split("/")[0]) as client:
        client.snapshot()
        answer = client.ask(message)
        assert isinstance(answer, dict)
        return answer


def _shown(server: Any, rows_of: Callable[..., Any]) -> Any:
    with server.client(branch="shop", module="m") as client:
        return rows_of(client.snapshot())


def _wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _fill_up(server: Any, figures: Counter[str]) -> tuple[list[Any], list[Any]]:
    """Write until the disk is full; return what was acknowledged and what was refused."""
    done, refused = [], []
    for round_ in "abcdefgh":
        for message, answer in _crowd(server, round_):
            if answer["type"] == "ACK":
                done.append((message, answer))
            else:
                assert answer["code"] == "STORAGE_FULL", answer
                assert answer["ref"] == message["ref"]
                assert answer["error"]
                assert answer["text"]["ar"]
                refused.append(message)
        if refused:
            break
    assert refused, "the disk was never full"
    figures["acknowledged before it was full"] += len(done)
    figures["STORAGE_FULL"] += len(refused)
    return done, refused


def _holds(rows: Any, done: list[Any], refused: list[Any]) -> None:
    """All of what was acknowledged is in *rows*, and nothing of what was refused."""
    bills = rows["bill"]
    for _, answer in done:
        (row,) = answer["rows"]
        assert bills[row["id"]] == row
    said = {row["item"] for row in bills.values()}
    assert not said & {message["data"]["item"] for message in refused}
    assert len(bills) == len(done)


def _comes_back(server: Any, done: list[Any], refused: list[Any]) -> None:
    """Refused writes go in under their names, once; acknowledged ones are known."""
    for message in refused:
        answer = _again(server, message)
        assert answer["type"] == "ACK", answer
        assert "dup" not in answer
        done.append((message, answer))
    for message, first in done[:: max(1, len(done) // 20)]:
        again = _again(server, message)
        assert (again["dup"], again["seq"], again["rows"]) == (True, first["seq"], first["rows"])


def _watched_while(disk: Any, server: Any, figures: Counter[str], rows_of: Any) -> Any:
    """Fill the disk under load while somebody listens; return (acknowledged, refused)."""
    with server.client(branch="shop", module="m") as listener:
        listener.snapshot()
        first = _crowd(server, "z")
        disk.fill()
        done, refused = _fill_up(server, figures)
        done = [*first, *done]
        _holds(_shown(server, rows_of), done, refused)
        while len(listener.frames) <= len(done):
            listener.receive()
        deltas = listener.frames[1:]
        assert {d["seq"] for d in deltas} == {answer["seq"] for _, answer in done}
    return done, refused


def _story(
    disk: Any,
    server: Any,
    data: Path,
    look: Callable[..., Any],
    rows_of: Callable[..., Any],
    serve: Callable[..., Any],
    figures: Counter[str],
) -> None:
    done, refused = _watched_while(disk, server, figures, rows_of)
    answer = _again(server, refused[-1])
    if answer["type"] == "ACK":  # one write alone may fit where many together did not
        done.append((refused.pop(), answer))
    else:
        assert answer["code"] == "STORAGE_FULL"
    message, first = done[0]
    assert _again(server, message)["seq"] == first["seq"], "what is known needs no room"

    server.kill()
    ledger = look(data).check()
    _holds(ledger.tables, done, refused)
    disk.free()
    server = serve(data)
    _holds(_shown(server, rows_of), done, refused)

    _comes_back(server, done, refused)
    assert server.stop() == 0
    _holds(look(data).check().tables, done, [])


def test_a_file_that_may_not_grow_refuses_writes_and_the_refused_are_gone_after_a_kill(
    install: Callable[..., Path],
    serve: Callable[..., Any],
    path_of: Callable[..., Path],
    look: Callable[..., Any],
    rows_of: Callable[..., Any],
    figures: Counter[str],
) -> None:
    data = install()
    server = serve(data)

    class UntilItEnds(LimitedFiles):
        def free(self) -> None:
            """Nothing: the limit died with the process."""

    disk = UntilItEnds(_wal_of(path_of(data)), server.pid)
    _story(disk, server, data, look, rows_of, serve, figures)


def test_service_returns_without_a_restart_whenever_files_may_grow_again(
    install: Callable[..., Path],
    serve: Callable[..., Any],
    path_of: Callable[..., Path],
    look: Callable[..., Any],
    rows_of: Callable[..., Any],
    figures: Counter[str],
) -> None:
    data = install()
    server = serve(data)
    disk = LimitedFiles(_wal_of(path_of(data)), server.pid)
    done, refused = _watched_while(disk, server, figures, rows_of)
    disk.free()
    _comes_back(server, done, refused)
    for round_, room in enumerate((0, 5_000, 70_000, 300_000)):
        disk.fill(room)
        told = _crowd(server, f"{round_}-")
        disk.free()
        refused = [message for message, answer in told if answer["type"] == "ERROR"]
        figures["STORAGE_FULL"] += len(refused)
        done += [(message, answer) for message, answer in told if answer["type"] == "ACK"]
        _holds(_shown(server, rows_of), done, refused)
        _comes_back(server, done, refused)
    assert server.stop() == 0
    _holds(look(data).check().tables, done, [])


def test_a_commit_larger_than_the_page_cache_is_refused_whole_where_there_is_no_room(
    install: Callable[..., Path],
    serve: Callable[..., Any],
    path_of: Callable[..., Path],
    look: Callable[..., Any],
) -> None:
    data = install()
    server = serve(data)
    disk = LimitedFiles(_wal_of(path_of(data)), server.pid)
    with server.client(branch="shop", module="m", client="big") as client:
        client.snapshot()
        disk.fill(2_000_000)  # SQLite spills into its log what is more than 2 MB, before the COMMIT
        messages = [
            {
                "type": "INSERT",
                "table": "item",
                "data": {"id": f"b{i}", "name": "ب" * 150_000},
                "ref": f"r{i}",
            }
            for i in range(12)
        ]
        for message in messages:
            client.send(message)
        answers = [client.answer() for _ in messages]
        full = [a for a in answers if a.get("code") == "STORAGE_FULL"]
        done = [a for a in answers if a["type"] == "ACK"]
        assert full
        assert len(full) + len(done) == len(answers)
        assert len(client.frames) == 1 + len(done), "a refused write was shown"
        disk.free()
        assert client.ask({**messages[-1], "ref": "late"})["type"] == "ACK"
    server.kill()
    ledger = look(data).check()
    assert len([i for i in ledger.tables["item"] if i.startswith("b")]) == len(done) + 1


def test_a_full_file_system_refuses_writes_and_serves_reads_until_there_is_room(
    small_disk: Path,
    install: Callable[..., Path],
    serve: Callable[..., Any],
    look: Callable[..., Any],
    rows_of: Callable[..., Any],
    figures: Counter[str],
) -> None:
    data = install(small_disk / "data")
    server = serve(data)
    disk = SmallDisk(small_disk)
    _story(disk, server, data, look, rows_of, serve, figures)


def test_a_server_started_on_a_full_file_system_serves_when_there_is_room(
    small_disk: Path,
    install: Callable[..., Path],
    serve: Callable[..., Any],
    look: Callable[..., Any],
    rows_of: Callable[..., Any],
    figures: Counter[str],
) -> None:
    data = install(small_disk / "data")
    server = serve(data)
    told = _crowd(server, "a")
    server.kill()
    disk = SmallDisk(small_disk)
    disk.fill()
    server = serve(data)
    with server.client(branch="shop", module="m") as client:
        first = client.receive()
    figures[f"first word of a server started without room: {first['type']}"] += 1
    if first["type"] == "ERROR":  # opening may need room; then it says so and tries again
        assert first["code"] == "STORE_FAILED"
    disk.free()
    _holds(_shown_in_time(server, rows_of), told, [])
    server.kill()
    look(data).check()


def _shown_in_time(server: Any, rows_of: Callable[..., Any]) -> Any:
    """Come back, as a client does, until the store is served."""
    give_up = time.monotonic() + 15
    while True:
        with server.client(branch="shop", module="m") as client:
            first = client.receive()
        if first["type"] == "SNAPSHOT":
            return rows_of(first)
        assert time.monotonic() < give_up, first
        time.sleep(0.1)
