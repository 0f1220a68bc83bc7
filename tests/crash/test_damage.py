"""Promise 7: a torn or flipped file gives a true prefix of the history, or is refused by name."""

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mishkah.catalog import Catalog
from mishkah.core.ids import StoreId
from mishkah.core.schema import Schema
from mishkah.journal import JournalDamaged
from mishkah.plugins import Plugins
from mishkah.sqlite import StoreFile

pytestmark = pytest.mark.crash

DAMAGES = int(os.environ.get("MISHKAH_DAMAGES", "200"))
"""Files that are damaged for each kind of store."""
SUFFIXES = ("", "-wal", "-shm")
COMMANDS = 400

Hurt = Callable[[Path, random.Random], str]


def cut(file: Path, rng: random.Random) -> str:
    """Tear the end off."""
    size = rng.randrange(file.stat().st_size)
    os.truncate(file, size)
    return f"cut at {size}"


def flip(file: Path, rng: random.Random) -> str:
    """Flip one bit; every third time in the first page, where the schema is."""
    content = bytearray(file.read_bytes())
    place = rng.randrange(min(len(content), 4096) if rng.random() < 0.3 else len(content))
    bit = rng.randrange(8)
    content[place] ^= 1 << bit
    file.write_bytes(content)
    return f"bit {bit} flipped at {place}"


def wipe(file: Path, rng: random.Random) -> str:
    """Zero one sector of 512 bytes."""
    sector = rng.randrange(-(-file.stat().st_size // 512)) * 512
    with file.open("r+b") as opened:
        opened.seek(sector)
        opened.write(bytes(512))
    return f"512 bytes zeroed at {sector}"


class History:
    """What a store truly was after each of its commits."""

    def __init__(self, ledger: Any, replay: Callable[..., Any], schema: Schema) -> None:
        self.entries = ledger.entries
        self.names = ledger.names
        self.schema = schema
        self._replay = replay

    def verdict(self, path: Path) -> str:
        """Open the file and read all of it; say how it went, having checked that it is true."""
        try:
            file = StoreFile(path, self.schema)
            try:
                return self._compare(file)
            finally:
                file.close()
        except JournalDamaged as damaged:
            assert str(path) in str(damaged)
            return "refused"

    def _compare(self, file: StoreFile) -> str:
        state = file.load()
        commits = file.commits(0, state.seq)
        names = file.names(self.names)
        past = self.entries[: state.seq]
        rows, seqs = self._replay(past)
        shown = {
            name: {i: json.loads(record.json) for i, record in table.records.items()}
            for name, table in state.tables.items()
        }
        assert shown == rows
        for (table, identifier), seq in seqs.items():
            assert state.tables[table].records[identifier].seq == seq
        assert [_told(commit) for commit in commits] == [
            (e.seq, e.at, e.client, e.ref, [(c["table"], c["id"], c["row"]) for c in e.changes])
            for e in past
        ]
        known = {name: seq for name, seq in self.names.items() if seq <= state.seq}
        assert {name: named.seq for name, named in names.items()} == known
        return "whole" if state.seq == len(self.entries) else "prefix"


def _told(commit: Any) -> tuple[Any, ...]:
    changes = [(c.table, c.id, json.loads(c.json or b"null")) for c in commit.changes]
    return commit.seq, commit.at, commit.client, commit.ref, changes


@pytest.fixture
def written(
    install: Callable[..., Path],
    serve: Callable[..., Any],
    make_till: Callable[..., Any],
    look: Callable[..., Any],
    replay: Callable[..., Any],
    seed: str,
) -> Callable[..., tuple[Path, History]]:
    """Return a function that makes a store of some hundred commits, stopped well or killed."""

    def written(*, killed: bool, **keys: Any) -> tuple[Path, History]:
        data = install(**keys)
        server = serve(data)
        make_till("till", random.Random(seed)).write(server.port, COMMANDS)
        if killed:
            server.kill()
        else:
            assert server.stop() == 0
        schema = Catalog(data, Plugins()).recipe(StoreId("shop", "m")).rules.schema
        return data, History(look(data).check(), replay, schema)

    return written


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_a_damaged_file_is_a_true_prefix_or_is_refused_by_name(
    killed: bool,
    written: Callable[..., tuple[Path, History]],
    path_of: Callable[..., Path],
    tmp_path: Path,
    seed: str,
    figures: Counter[str],
) -> None:
    data, history = written(killed=killed)
    whole = path_of(data)
    rng = random.Random(seed)
    suffixes = [s for s in SUFFIXES if _beside(whole, s).exists()]
    assert suffixes == (list(SUFFIXES) if killed else [""])
    wrong = []
    for number in range(DAMAGES):
        copy = tmp_path / "copies" / str(number) / "store.sqlite3"
        copy.parent.mkdir(parents=True)
        for suffix in suffixes:
            shutil.copy(_beside(whole, suffix), _beside(copy, suffix))
        suffix = rng.choice([*suffixes, "", suffixes[-2:][0]])
        hurt: Hurt = rng.choice([cut, flip, flip, wipe])
        what = f"{suffix or 'main file'} {hurt(_beside(copy, suffix), rng)}"
        try:
            figures[f"{hurt.__name__} {suffix or 'main'}: {history.verdict(copy)}"] += 1
        except Exception as error:  # noqa: BLE001 - every kind of failure is listed
            wrong.append(f"{what}: {type(error).__name__}: {str(error)[:300]}")
        shutil.rmtree(copy.parent)
    assert not wrong, "\n".join(wrong)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
