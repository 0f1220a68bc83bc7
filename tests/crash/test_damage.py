"""Promise 7: a torn or flipped file gives a true prefix of the history, or is refused by name."""

import json
import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
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
            with closing(StoreFile(path, self.schema)) as file:
                return self._compare(file)
        except JournalDamaged as damaged:
            return "refused" if str(path) in str(damaged) else f"refused without a name: {damaged}"

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
            verdict = history.verdict(copy)
            assert verdict in ("whole", "prefix", "refused")
            figures[f"{hurt.__name__} {suffix or 'main'}: {verdict}"] += 1
        except Exception as error:  # noqa: BLE001 - every kind of failure is listed
            wrong.append(f"{what}: {type(error).__name__}: {str(error)[:300]}")
        shutil.rmtree(copy.parent)
    assert not wrong, "\n".join(wrong)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


NOT_UTF8 = {
    "names": "UPDATE _names SET ref=CAST(x'72ff' AS TEXT) WHERE seq=5",
    "counters": "UPDATE _counters SET tbl=CAST(x'72ff' AS TEXT) WHERE tbl='bill'",
    "log": "UPDATE _log SET changes=CAST(x'5bff' AS TEXT) WHERE seq=5",
    "head": "UPDATE _meta SET value=CAST(x'7bff' AS TEXT) WHERE key='head'",
    "rows": "UPDATE item SET name=CAST(x'72ff' AS TEXT) WHERE id='seed3'",
}


@pytest.mark.parametrize("place", NOT_UTF8)
def test_bytes_that_are_no_text_are_damage(
    place: str, written: Callable[..., tuple[Path, History]], path_of: Callable[..., Path]
) -> None:
    data, history = written(killed=False)
    with closing(sqlite3.connect(path_of(data))) as db, db:
        assert db.execute(NOT_UTF8[place]).rowcount == 1
    assert history.verdict(path_of(data)) == "refused"


FLIPS = {
    "a column of the log": (b"changes TEXT", b"changeS_TEXT"),
    "who wrote an entry of the log": (b"device TEXT", b"devibe TEXT"),
    "a column of the counters": (b"period TEXT NOT NULL, number", b"period TEXT NOT NULL, numbep"),
    "a column of a row": (b'"qty" INTEGER', b'"qt9" INTEGER'),
    "a table": (b"CREATE TABLE _log", b"CREATE TABLE _lng"),
}


@pytest.mark.parametrize("what", FLIPS)
def test_a_flipped_letter_in_the_schema_of_a_file_is_damage(
    what: str, written: Callable[..., tuple[Path, History]], path_of: Callable[..., Path]
) -> None:
    data, history = written(killed=False)
    content = path_of(data).read_bytes()
    before, after = FLIPS[what]
    assert before in content
    path_of(data).write_bytes(content.replace(before, after))
    assert history.verdict(path_of(data)) == "refused"


@pytest.mark.parametrize("place", [0, 16, 18, 19, 21, 47, 56, 59])
def test_a_flipped_bit_in_the_header_of_a_file_is_damage_or_harmless(
    place: int, written: Callable[..., tuple[Path, History]], path_of: Callable[..., Path]
) -> None:
    """The offsets are those of https://sqlite.org/fileformat2.html#the_database_header."""
    data, history = written(killed=False)
    whole = path_of(data).read_bytes()
    for bit in range(8):
        hurt = bytearray(whole)
        hurt[place] ^= 1 << bit
        path_of(data).write_bytes(hurt)
        assert history.verdict(path_of(data)) in ("refused", "whole")
        for suffix in SUFFIXES[1:]:
            _beside(path_of(data), suffix).unlink(missing_ok=True)


def _torn(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _noise(path: Path) -> None:
    path.write_bytes(random.Random(path.stat().st_size).randbytes(path.stat().st_size))


def _another_word(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE item SET name='another' WHERE id='seed3'")


def _no_text(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(NOT_UTF8["names"])


@pytest.mark.parametrize("hurt", [_torn, _noise, _another_word, _no_text])
def test_a_damaged_store_says_so_while_another_branch_is_served(
    hurt: Callable[[Path], None],
    install: Callable[..., Path],
    serve: Callable[..., Any],
    make_till: Callable[..., Any],
    path_of: Callable[..., Path],
    seed: str,
) -> None:
    two = {"shop": {"modules": ["m"]}, "stall": {"modules": ["m"]}}
    data = install(branches={"branches": two})
    shutil.copytree(data / "branches" / "shop", data / "branches" / "stall")
    server = serve(data)
    make_till("till", random.Random(seed)).write(server.port, 80)
    assert server.stop() == 0
    hurt(path_of(data))

    server = serve(data)
    assert server.stores == {"shop": "failed", "stall": "serving"}
    with server.client(branch="stall", module="m") as other:
        assert len(other.snapshot()["data"]["item"]) == 50
        with server.client(branch="shop", module="m") as client:
            assert client.receive()["code"] == "STORE_FAILED"
            assert client.read_to_the_end() == 1011
        ack = other.ask({"type": "INSERT", "table": "bill", "data": {}, "ref": "1"})
        assert ack["rows"][0]["id"] == "B000001"
    assert str(path_of(data)) in server.said
    assert server.stop() == 0
