"""Promises 1, 3, 4 and 6: what was said survives kill -9 at any instant, once, and in order."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.crash

KILLS = int(os.environ.get("MISHKAH_KILLS", "30"))
KILLS_OF_A_STORE = 15
"""Then a new store is begun: so that a thousand kills are no dearer, each, than thirty."""
LIVES = -(-KILLS // KILLS_OF_A_STORE)
TILLS = 4
BEGINNING = 1.0
"""Seconds, more or less, that a start takes; kills at start-up fall anywhere in it."""


@pytest.mark.parametrize("life", range(LIVES))
def test_what_was_acknowledged_survives_every_kill_once_and_in_order(
    life: int,
    install: Callable[..., Path],
    launch: Callable[..., Any],
    make_till: Callable[..., Any],
    gather: Callable[..., Any],
    look: Callable[..., Any],
    rows_of: Callable[..., Any],
    replay: Callable[..., Any],
    seed: str,
    figures: Counter[str],
) -> None:
    rng = random.Random(seed)
    data = install()
    tills = [make_till(f"till{i}", random.Random(f"{seed} {i}")) for i in range(TILLS)]
    ledger = None
    for number in range(min(KILLS_OF_A_STORE, KILLS - life * KILLS_OF_A_STORE)):
        server = launch(data)
        frames: list[dict[str, Any]] = []
        if number == 0 or rng.random() < 0.25:
            time.sleep(rng.uniform(0, BEGINNING))
            server.kill()
            figures["kills at start-up"] += 1
        else:
            server.ready()
            crowd = gather(server, tills)
            _is_as_it_was(rows_of(crowd.observer.frames[0]), ledger, replay)
            time.sleep(rng.uniform(0, 0.6))
            server.kill()
            frames = crowd.leave()
            figures["kills under load"] += 1
        before, ledger = ledger, look(data)
        _goes_on(before, ledger)
        _is_true(tills, frames, ledger)

    server = launch(data).ready()
    for till in tills:
        till.settle(server.port)
    with server.client() as last:
        shown = rows_of(last.snapshot())
    assert server.stop() == 0
    ledger = look(data).check()
    assert shown == ledger.tables
    _is_true(tills, [], ledger)
    for till in tills:
        figures.update(till.tally)
    figures["commits"] += len(ledger.entries)
    figures["rows at the end"] += sum(len(rows) for rows in ledger.tables.values())


def _is_as_it_was(shown: Any, ledger: Any, replay: Callable[..., Any]) -> None:
    """The first thing that a server shows is what the killed one had committed."""
    if ledger is not None and ledger.entries:
        assert shown == replay(ledger.entries)[0]


def _goes_on(before: Any, after: Any) -> None:
    """History only grows: what one kill has left, the next can't take."""
    if before is not None:
        assert after.epoch == before.epoch
        assert after.entries[: len(before.entries)] == before.entries


def _is_true(tills: list[Any], frames: list[dict[str, Any]], ledger: Any) -> None:
    """Hold what the clients were told against what the file has."""
    if ledger is None:
        assert not frames
        assert not any(till.sent for till in tills)
        return
    ledger.check()
    for till in tills:
        assert not till.faults, till.faults
        _is_a_prefix(till, ledger)
    if frames:
        _was_shown_the_log(frames, ledger)


def _is_a_prefix(till: Any, ledger: Any) -> None:
    """The file has the first good commands of a till, in order; the acknowledged ones for sure."""
    kept = [entry for entry in ledger.entries if entry.client == till.name]
    good = [sent for sent in till.sent if sent.code is None]
    assert [entry.ref for entry in kept] == [sent.ref for sent in good[: len(kept)]]
    assert not any(sent.ack for sent in good[len(kept) :]), "an acknowledged write is lost"
    rows: dict[str, dict[str, Any]] = {}
    for sent, entry in zip(good, kept, strict=False):
        sent.kept = entry.seq
        if sent.ack is not None:
            assert (sent.ack["seq"], sent.ack["rows"]) == (entry.seq, entry.rows)
        _do(sent.message, rows)
    mine = {i: row for i, row in ledger.tables["item"].items() if i.startswith(till.name + "-")}
    assert mine.keys() == rows.keys()
    assert all(rows[i].items() <= mine[i].items() for i in rows)


def _do(message: dict[str, Any], rows: dict[str, dict[str, Any]]) -> None:
    """Do what a till asked, on items, by the plainest reading of its words."""
    for op in message.get("ops", [message]):
        if op["table"] != "item":
            continue
        if op["type"] == "INSERT":
            rows[op["data"]["id"]] = dict(op["data"])
        elif op["type"] == "UPDATE":
            rows[op["id"]].update(op["changes"])
        else:
            del rows[op["id"]]


def _was_shown_the_log(frames: list[dict[str, Any]], ledger: Any) -> None:
    """Every delta that anybody saw is in the log, and none between them is missing."""
    first, *deltas = frames
    assert first["seq"] <= len(ledger.entries)
    last = deltas[-1]["seq"] if deltas else first["seq"]
    logged = [
        (entry, change) for entry in ledger.entries[first["seq"] : last] for change in entry.changes
    ]
    # A kill may cut the deltas of the last commit that was on its way.
    assert len(logged) - 10 <= len(deltas) <= len(logged)
    for delta, (entry, change) in zip(deltas, logged, strict=False):
        data = delta["data"]
        assert (delta["seq"], data["timestamp"]) == (entry.seq, entry.at)
        assert (data["table"], data["id"]) == (change["table"], change["id"])
        assert data["changes"] == _shown(change)
        assert delta["by"] == {"client": entry.client, "ref": entry.ref}


def _shown(change: dict[str, Any]) -> dict[str, Any]:
    if change["row"] is None:
        return {}
    names = change["row"] if change["old"] is None else change["old"]
    return {name: change["row"][name] for name in names}


def test_a_kill_while_a_new_store_is_filled_leaves_all_of_its_seeds_or_none(
    install: Callable[..., Path],
    launch: Callable[..., Any],
    look: Callable[..., Any],
    path_of: Callable[..., Path],
    tmp_path: Path,
    seed: str,
    figures: Counter[str],
) -> None:
    rng = random.Random(seed)
    for number in range(max(4, KILLS // 5)):
        data = install(tmp_path / f"data{number}", seeds=2000)
        server = launch(data)
        _wait_for(path_of(data))
        time.sleep(rng.uniform(0, 0.15))
        server.kill()
        ledger = look(data)
        left = len(ledger.check().tables["item"]) if ledger else 0
        assert left in (0, 2000)
        figures[f"kills while filling, {'all' if left else 'no'} seeds there"] += 1
        launch(data).ready().kill()
        assert len(look(data).check().tables["item"]) == 2000
        assert len(look(data).entries) == 1


def _wait_for(path: Path) -> None:
    """Return when *path* is there: just then a new store is being made."""
    give_up = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < give_up
        time.sleep(0.0005)
