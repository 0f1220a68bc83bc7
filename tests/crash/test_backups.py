"""Backups taken while tills write and servers are killed; restored, they are a true prefix."""

import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.ledger import read_file, read_store, store_path
from support.server import COMMAND
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from mishkah.testing import write_json

pytestmark = pytest.mark.crash


def run(*words: object, code: int = 0) -> str:
    """Run `mishkah-trio` and return what it said on stdout; it must end with *code*."""
    done = subprocess.run(
        [COMMAND, *map(str, words)], capture_output=True, text=True, timeout=60, input=""
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_a_backup_under_load_is_a_prefix_and_can_be_restored(
    install: Callable[..., Path],
    launch: Callable[..., Any],
    make_till: Callable[..., Any],
    gather: Callable[..., Any],
    tmp_path: Path,
    seed: str,
    figures: Counter[str],
) -> None:
    data, copies = install(), tmp_path / "نسخ احتياطية"
    rng = random.Random(seed)
    tills = [make_till(f"till{i}", random.Random(f"{seed} {i}")) for i in range(2)]
    for _ in range(4):
        server = launch(data).ready()
        crowd = gather(server, tills)
        told = json.loads(run("backup", "--data", data, "--to", copies, "--json"))
        if rng.random() < 0.5:
            server.kill()
        else:
            server.stop()
        crowd.leave()
        ledger, copy = read_store(data), read_file(Path(told[0]["file"]))
        assert ledger is not None
        assert copy is not None
        copy.check()
        assert copy.entries == ledger.entries[: len(copy.entries)]
        assert told[0]["seq"] == len(copy.entries)
        figures["backups under load"] += 1
        figures["commits in the last backup"] = len(copy.entries)
    epoch = read_store(data).epoch  # type: ignore[union-attr]
    run("restore", told[0]["file"], "--branch", "shop", "--module", "m", "--data", data)
    restored = read_store(data)
    assert restored is not None
    assert restored.entries == copy.entries
    assert restored.epoch != epoch
    (aside,) = data.glob("branches/shop/modules/m/history/replaced-*.sqlite3")
    kept = read_file(aside)
    assert kept is not None
    assert kept.entries == ledger.entries
    server = launch(data).ready()
    cursor = {"epoch": epoch, "since": str(told[0]["seq"])}
    with server.client(**cursor) as client:
        snapshot = client.snapshot()
    assert (snapshot["seq"], snapshot["epoch"]) == (told[0]["seq"], restored.epoch)
    assert resubscribed(server.url(), **cursor) == ["SUBSCRIBED", "RESYNC epoch", "SNAPSHOT"]
    assert resubscribed(server.url(), **{**cursor, "epoch": restored.epoch}) == [
        "SUBSCRIBED", "SYNCED"
    ]  # fmt: skip
    assert server.stop() == 0


def resubscribed(url: str, epoch: str, since: str) -> list[str]:
    """Come back by `mishkah.v1` with a cursor; return what is said, with the reason of a RESYNC."""
    said: list[str] = []
    subscribe = {"type": "SUBSCRIBE", "branch": "shop", "module": "m"}
    with connect(url, subprotocols=[Subprotocol("mishkah.v1")], max_size=None, proxy=None) as ws:
        ws.send(json.dumps({"type": "HELLO", "v": 1, "client": "screen"}))
        assert json.loads(ws.recv(30))["type"] == "WELCOME"
        ws.send(json.dumps({**subscribe, "epoch": epoch, "since": int(since)}))
        while said[-1:] not in (["SNAPSHOT"], ["SYNCED"]):
            message = json.loads(ws.recv(30))
            said.append(" ".join(filter(None, (message["type"], message.get("reason")))))
    return said


def test_a_restore_that_is_killed_leaves_the_one_store_or_the_other(
    install: Callable[..., Path],
    launch: Callable[..., Any],
    tmp_path: Path,
    seed: str,
    figures: Counter[str],
) -> None:
    data, rng = install(), random.Random(seed)
    server = launch(data).ready()
    files = [backed_up(data, tmp_path / "first")]
    with server.client() as till:
        till.snapshot()
        late = {"id": "late", "name": "متأخر", "email": "late@shop.example"}
        answer = till.ask({"type": "INSERT", "table": "item", "data": late, "ref": "w-1"})
        assert answer["type"] == "ACK", answer
    server.kill()
    files.append(backed_up(data, tmp_path / "second"))
    ends = [read_file(file) for file in files]
    assert ends[0] is not None
    assert ends[1] is not None
    assert len(ends[0].entries) < len(ends[1].entries)
    where = ("--branch", "shop", "--module", "m", "--data", data)
    for turn in range(20):
        restoring = subprocess.Popen(
            [COMMAND, "restore", files[turn % 2], *map(str, where)], stderr=subprocess.DEVNULL
        )
        try:
            restoring.wait(rng.uniform(0.1, 0.4))
        except subprocess.TimeoutExpired:
            restoring.kill()
            restoring.wait()
        found = read_store(data)
        assert found is not None
        assert found.entries in [end.entries for end in ends if end is not None]
        figures["restores ended" if restoring.returncode == 0 else "restores killed"] += 1
    run("restore", files[0], *where)
    run("check", "--stores", "--data", data)


def backed_up(data: Path, folder: Path) -> Path:
    (told,) = json.loads(run("backup", "--data", data, "--to", folder, "--json"))
    return Path(told["file"])


def test_a_store_that_is_served_is_not_restored_nor_migrated(
    install: Callable[..., Path], serve: Callable[..., Any], tmp_path: Path
) -> None:
    data = install()
    server = serve(data)
    told = json.loads(run("backup", "--data", data, "--to", tmp_path / "copies", "--json"))
    where = ("--branch", "shop", "--module", "m", "--data", data)
    run("restore", told[0]["file"], *where, code=1)
    run("migrate", "plan", *where, code=1)
    run("migrate", "apply", "--yes", *where, code=1)
    assert server.stop() == 0


def test_a_damaged_backup_is_not_restored(
    install: Callable[..., Path], serve: Callable[..., Any], tmp_path: Path
) -> None:
    data = install()
    serve(data).stop()
    bad = tmp_path / "bad.sqlite3"
    kept = bytearray(store_path(data).read_bytes())
    at = kept.index(b"seed7@shop.example")
    kept[at] ^= 1
    bad.write_bytes(kept)
    before = store_path(data).read_bytes()
    run("restore", bad, "--branch", "shop", "--module", "m", "--data", data, code=1)
    assert store_path(data).read_bytes() == before
    assert [path.name for path in store_path(data).parent.iterdir()] == ["store.sqlite3"]


def test_a_schema_that_loses_something_waits_for_the_operators_word(
    install: Callable[..., Path], launch: Callable[..., Any]
) -> None:
    data = install()
    launch(data).ready().stop()
    definition = data / "branches/shop/modules/m/schema/definition.json"
    schema = json.loads(definition.read_text())
    fields = schema["tables"]["item"]["fields"]
    fields["colour"] = {"type": "text"}
    write_json(definition, schema)
    server = launch(data).ready()  # nothing is lost: it is simply done
    assert server.stores == {"shop": "serving"}
    server.stop()

    del fields["colour"], fields["qty"]
    write_json(definition, schema)
    server = launch(data).ready()
    assert server.stores == {"shop": "failed"}
    assert "item.qty: the field is gone" in server.said
    server.stop()
    where = ("--data", data)
    assert json.loads(run("migrate", "plan", "--json", *where, code=1))["shop/m"]["steps"]
    run("migrate", "apply", *where, code=1)  # nobody says yes
    run("migrate", "apply", "--yes", *where)
    run("migrate", "plan", *where)
    assert list(data.glob("branches/shop/modules/m/history/before-migration-*.sqlite3"))
    server = launch(data).ready()
    with server.client() as client:
        snapshot = client.snapshot()
    assert "qty" not in snapshot["data"]["item"][0]
    assert len(snapshot["data"]["item"]) == 50
    assert server.stop() == 0
