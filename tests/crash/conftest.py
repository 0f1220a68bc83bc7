"""Real servers in processes of their own, clients that share no code with them, and their files.

What a server kept is read by Python's own `sqlite3` and `json`: nothing of mishkah takes part in
the judgement, `write_installation` aside. Only processes that a test started are ever ended.
"""

import json
import os
import random
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.sync.client import connect

from mishkah.testing import write_installation

COMMAND = Path(sys.executable).with_name("mishkah-trio")
PATIENCE = 30.0
"""Seconds after which something that should have happened has not."""

TABLES = {
    "item": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "name": {"type": "text"},
            "code": {"type": "text"},
            "email": {"type": "text", "unique": True},
            "qty": {"type": "integer", "default": 1},
            "price": {"type": "decimal"},
            "info": {"type": "json"},
        },
        "indexes": [{"fields": ["name"]}],
    },
    "bill": {
        "fields": {
            "id": {"type": "text", "primaryKey": True},
            "item": {"type": "text"},
            "total": {"type": "decimal"},
            "paid": {"type": "boolean", "default": False},
        }
    },
}
NUMBERED = {"item": ("code", "C-{:05d}"), "bill": ("id", "B{:06d}")}
"""Table → its field with a sequence, and how that writes a number."""
RULES = {
    "item": {"code": {"prefix": "C", "start": 1, "format": "{prefix}-{number:05d}"}},
    "bill": {"id": {"prefix": "B", "start": 1, "format": "{prefix}{number:06d}"}},
}


# Servers ------------------------------------------------------------------------------------------


class Server:
    """One `mishkah-trio serve` on the folder *data*. `ready` waits for it; `kill` or `stop` it."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.port = 0
        self.stores: dict[str, str] = {}
        self._log = data.with_name(data.name + ".stderr").open("ab+")
        self.process = subprocess.Popen(
            [COMMAND, "serve", "--data", data, "--port", "0", "--json", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """What servers of this folder have written to stderr."""
        return Path(self._log.name).read_text("utf-8")

    def ready(self) -> "Server":
        """Wait until clients can connect, and return the server."""
        out = self.process.stdout
        assert out is not None
        assert select.select([out], [], [], PATIENCE)[0], f"not ready in time: {self.said}"
        line = out.readline()
        assert line, f"it ended at start: {self.said}"
        announced = json.loads(line)
        assert announced["event"] == "ready"
        self.port = announced["port"]
        self.stores = {store["branch"]: store["status"] for store in announced["stores"]}
        return self

    def client(self, **query: str) -> "Client":
        return Client(self.port, **query)

    def kill(self) -> None:
        """Kill -9, wherever it is."""
        self.process.kill()
        self._reap(PATIENCE)

    def stop(self, how: signal.Signals = signal.SIGTERM, within: float = 10.0) -> int:
        """Ask it to stop; return its exit code. Raises TimeoutExpired when it takes too long."""
        self.process.send_signal(how)
        return self._reap(within)

    def wait(self, within: float = 10.0) -> int:
        """Return the exit code of a server that ends by itself."""
        return self._reap(within)

    def _reap(self, within: float) -> int:
        code = self.process.wait(within)
        self.close()
        return code

    def close(self) -> None:
        """Kill it if it still runs, and close the files of ours."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()


@pytest.fixture
def launch() -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server on a folder and does not wait for it."""
    started: list[Server] = []

    def launch(data: Path, *options: str) -> Server:
        server = Server(data, *options)
        started.append(server)
        return server

    yield launch
    for server in started:
        server.close()


@pytest.fixture
def serve(launch: Callable[..., Server]) -> Callable[..., Server]:
    """Return a function that starts a server on a folder and waits until clients can connect."""
    return lambda data, *options: launch(data, *options).ready()


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an installation: the branch ``shop``, its module ``m``."""

    def install(folder: Path | None = None, seeds: int = 50, **keys: Any) -> Path:
        rows = [
            {"id": f"seed{i}", "name": f"بذرة {i}", "email": f"seed{i}@shop.example"}
            for i in range(seeds)
        ]
        where = tmp_path / "data" if folder is None else folder
        return write_installation(where, TABLES, rules=RULES, seeds={"item": rows}, **keys)

    return install


# Clients ------------------------------------------------------------------------------------------


class Client:
    """A seed client on a socket of its own; `frames` are the SNAPSHOT and DELTAs that it got."""

    def __init__(self, port: int, **query: str) -> None:
        url = f"ws://127.0.0.1:{port}/?{urlencode(query)}"
        self._opened = ExitStack()
        # A bounded queue would stop its reading thread, and then a close takes its whole timeout.
        free = {"compression": None, "max_size": None, "max_queue": None, "ping_interval": None}
        self.ws = self._opened.enter_context(connect(url, proxy=None, **free))
        self.frames: list[dict[str, Any]] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._opened.close()

    def send(self, message: object) -> None:
        self.ws.send(json.dumps(message))

    def receive(self) -> dict[str, Any]:
        """Return the next message. Raises ConnectionClosed, or TimeoutError."""
        message = json.loads(self.ws.recv(PATIENCE))
        if message["type"] in ("SNAPSHOT", "DELTA"):
            self.frames.append(message)
        return message

    def snapshot(self) -> dict[str, Any]:
        """Return the SNAPSHOT that a new socket begins with."""
        message = self.receive()
        assert message["type"] == "SNAPSHOT", message
        return message

    def answer(self) -> dict[str, Any]:
        """Return the next message that is an answer."""
        while (message := self.receive())["type"] not in ("ACK", "ERROR"):
            pass
        return message

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        self.send(message)
        return self.answer()

    def read_to_the_end(self) -> int | None:
        """Read until the socket closes; return the code."""
        try:
            while True:
                self.receive()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


GONE = (ConnectionClosed, InvalidHandshake, InvalidMessage, EOFError, OSError)
"""What a client meets when its server has been killed."""


class Sent:
    """A command of a till, and what became of it. *code* is that of its refusal, if it is bad."""

    def __init__(self, message: dict[str, Any], code: str | None) -> None:
        self.message = message
        self.code = code
        self.ack: dict[str, Any] | None = None
        self.refused = False
        self.kept: int | None = None
        """The `seq` under which the file had it when the server was last down."""

    @property
    def ref(self) -> str:
        return str(self.message["ref"])

    @property
    def pending(self) -> bool:
        return self.ack is None and not self.refused


class Till:
    """A device with a name: commands in an order, sent in bursts, sent again until answered.

    Its rows are its own, so that the fate of every command follows from those before it. `work`
    runs in a thread; what it finds wrong is in `faults`.
    """

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name = name
        self.sent: list[Sent] = []
        self.faults: list[str] = []
        self.tally: Counter[str] = Counter()
        self.code: int | None = None
        """The code that the server closed with."""
        self._rng = rng
        self._by_ref: dict[str, Sent] = {}
        self._mine: list[str] = []
        self._made = 0

    def work(self, port: int, burst: int = 20, pause: float = 0.01) -> None:
        """Send again what is unanswered, then new commands, until the server is gone."""
        self.code = None
        try:
            with Client(port, branch="shop", module="m", client=self.name) as client:
                client.snapshot()
                self._exchange(client, [sent for sent in self.sent if sent.pending])
                self._exchange(client, self._sample())
                while not self.faults:
                    count = self._rng.randint(1, burst)
                    self._exchange(client, [self._new() for _ in range(count)])
                    time.sleep(self._rng.uniform(0, pause))
        except TimeoutError as late:
            self.faults.append(f"{self.name}: no answer in time: {late!r}")
        except ConnectionClosed as closed:
            self.code = closed.rcvd.code if closed.rcvd else None
        except GONE:
            pass
        except Exception as fault:  # noqa: BLE001 - a thread has nobody above it
            self.faults.append(f"{self.name}: {fault!r}")

    def write(self, port: int, count: int, burst: int = 4) -> None:
        """Send *count* new commands in bursts of *burst*."""
        with Client(port, branch="shop", module="m", client=self.name) as client:
            client.snapshot()
            for _ in range(count // burst):
                self._exchange(client, [self._new() for _ in range(burst)])
        assert not self.faults, self.faults

    def settle(self, port: int) -> None:
        """Send what is unanswered, and *everything* that was acknowledged, once more."""
        with Client(port, branch="shop", module="m", client=self.name) as client:
            client.snapshot()
            self._exchange(client, [sent for sent in self.sent if sent.pending])
            done = [sent for sent in self.sent if sent.ack]
            for i in range(0, len(done), 100):
                self._exchange(client, done[i : i + 100])
        assert not self.faults, self.faults
        assert not any(sent.pending for sent in self.sent)

    def _sample(self) -> list[Sent]:
        done = [sent for sent in self.sent if sent.ack]
        return self._rng.sample(done, min(8, len(done)))

    def _exchange(self, client: Client, burst: list[Sent]) -> None:
        """Send *burst* in one go, and hear every answer, in order."""
        for sent in burst:
            client.send(sent.message)
        for sent in burst:
            answer = client.answer()
            if answer.get("ref") != sent.ref:
                self.faults.append(f"{answer} came where {sent.ref} was to be answered")
            self._hear(sent, answer)

    def _hear(self, sent: Sent, answer: dict[str, Any]) -> None:
        fault = self._wrong(sent, answer)
        if fault:
            self.faults.append(f"{fault}: {sent.message} was told {answer}")
        if answer["type"] == "ERROR":
            sent.refused = True
            self.tally["refused"] += 1
            return
        self.tally["dups" if answer.get("dup") else "acks"] += 1
        sent.ack = sent.ack or answer

    def _wrong(self, sent: Sent, answer: dict[str, Any]) -> str:
        """Say what is wrong with *answer*, if anything is."""
        if sent.code is not None:
            return "" if answer.get("code") == sent.code else f"not {sent.code}"
        if answer["type"] != "ACK":
            return "a good command was refused"
        known = sent.kept if sent.ack is None else sent.ack["seq"]
        if bool(answer.get("dup")) != (known is not None):
            return "dup is wrong"
        if known is not None and answer["seq"] != known:
            return f"its seq was {known}"
        if sent.ack is not None and answer.get("rows") != sent.ack["rows"]:
            return "its rows were others"
        return ""

    def _new(self) -> Sent:
        kinds = ["insert"] * 5 + ["bill"] * 2 + ["update"] * 4 + ["delete", "same"]
        kinds += ["together"] * 3 + ["taken", "invalid", "ghost", "torn"]
        kind = self._rng.choice(kinds)
        if kind in ("update", "delete", "same") and not self._mine:
            kind = "insert"
        ref = f"{self.name}/{len(self.sent)}"
        message, code = getattr(self, f"_{kind}")()
        sent = Sent({**message, "ref": ref}, code)
        self.sent.append(sent)
        self._by_ref[ref] = sent
        return sent

    def _item(self, **more: Any) -> dict[str, Any]:
        self._made += 1
        row = {
            "id": f"{self.name}-{self._made}",
            "name": "قهوة " * self._rng.randint(0, 30),
            "qty": self._rng.randint(0, 99),
            "price": self._rng.randint(0, 10**6) / 100,
            "info": {"n": [self._made, None, True]},
        }
        return {"type": "INSERT", "table": "item", "data": row | more}

    def _insert(self) -> tuple[dict[str, Any], None]:
        op = self._item(email=f"{self.name}-{self._made}@till.example")
        self._mine.append(op["data"]["id"])
        return op, None

    def _bill(self) -> tuple[dict[str, Any], None]:
        total = self._rng.randint(1, 9999) / 100
        return {
            "type": "INSERT",
            "table": "bill",
            "data": {"item": self.name, "total": total},
        }, None

    def _update(self) -> tuple[dict[str, Any], None]:
        changes = {"qty": self._rng.randint(100, 999), "name": f"جديد {len(self.sent)}"}
        identifier = self._rng.choice(self._mine)
        return {"type": "UPDATE", "table": "item", "id": identifier, "changes": changes}, None

    def _same(self) -> tuple[dict[str, Any], None]:
        identifier = self._rng.choice(self._mine)
        return {"type": "UPDATE", "table": "item", "id": identifier, "changes": {}}, None

    def _delete(self) -> tuple[dict[str, Any], None]:
        identifier = self._mine.pop(self._rng.randrange(len(self._mine)))
        return {"type": "DELETE", "table": "item", "id": identifier}, None

    def _together(self) -> tuple[dict[str, Any], None]:
        ops = [self._bill()[0], self._insert()[0], self._update()[0]]
        if self._rng.random() < 0.5:
            ops.append(self._delete()[0])
        return {"type": "TRANSACTION", "ops": ops}, None

    def _taken(self) -> tuple[dict[str, Any], str]:
        return self._item(email="seed7@shop.example"), "DUPLICATE"

    def _invalid(self) -> tuple[dict[str, Any], str]:
        return self._item(colour="red"), "INVALID"

    def _ghost(self) -> tuple[dict[str, Any], str]:
        return {
            "type": "UPDATE",
            "table": "item",
            "id": "ghost",
            "changes": {"qty": 1},
        }, "NOT_FOUND"

    def _torn(self) -> tuple[dict[str, Any], str]:
        return {"type": "TRANSACTION", "ops": [self._bill()[0], self._taken()[0]]}, "DUPLICATE"


@pytest.fixture
def make_till() -> type[Till]:
    return Till


class Crowd:
    """Tills and one observer at work, each in a thread, until the server is gone."""

    def __init__(self, server: Server, tills: list[Till], **pace: Any) -> None:
        self.observer = server.client(branch="shop", module="m")
        self.code: int | None = None
        self.observer.snapshot()
        jobs = [(till.work, (server.port,), pace) for till in tills]
        self._threads = [threading.Thread(target=t, args=a, kwargs=k) for t, a, k in jobs]
        self._threads.append(threading.Thread(target=self._observe))
        for thread in self._threads:
            thread.start()

    def _observe(self) -> None:
        self.code = self.observer.read_to_the_end()

    def leave(self) -> list[dict[str, Any]]:
        """Wait until all have noticed that the server is gone; return what the observer saw."""
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a client hangs"
        self.observer.close()
        return self.observer.frames


@pytest.fixture
def gather() -> type[Crowd]:
    return Crowd


# Files --------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """One commit, as the log has it."""

    seq: int
    at: str
    client: str | None
    ref: str | None
    changes: list[dict[str, Any]]

    @property
    def rows(self) -> list[dict[str, Any] | None]:
        return [change["row"] for change in self.changes]


Rows = dict[str, dict[str, dict[str, Any]]]
"""Table → id → row."""


class Ledger:
    """What the file of a store holds, read while no server has it. `check` it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        log = db.execute("SELECT seq,at,client,ref,changes FROM _log ORDER BY seq").fetchall()
        self.entries = [Entry(*line[:4], json.loads(line[4])) for line in log]
        self.names = {
            (client, ref): seq
            for client, ref, seq in db.execute("SELECT client,ref,seq FROM _names")
        }
        self.counters = dict(db.execute("SELECT tbl,number FROM _counters").fetchall())
        self.epoch = db.execute("SELECT value FROM _meta WHERE key='epoch'").fetchone()[0]
        self.tables: Rows = {}
        self.seqs: dict[tuple[str, str], int] = {}
        for table in TABLES:
            self._read(db, table)

    def _read(self, db: sqlite3.Connection, table: str) -> None:
        fields = TABLES[table]["fields"]
        rows = self.tables.setdefault(table, {})
        columns = ",".join(f'"{name}"' for name in fields)
        for *values, seq in db.execute(f'SELECT {columns},_seq FROM "{table}"'):
            row = {
                name: _value(spec["type"], value)
                for (name, spec), value in zip(fields.items(), values, strict=True)
            }
            rows[row["id"]] = row
            self.seqs[table, row["id"]] = seq

    def check(self) -> "Ledger":
        """See that log, rows, names and numbers tell one story; return the ledger."""
        assert [e.seq for e in self.entries] == list(range(1, len(self.entries) + 1))
        rows, seqs = replayed(self.entries)
        assert rows == self.tables
        assert seqs == self.seqs
        named = [((e.client, str(e.ref)), e.seq) for e in self.entries if e.ref is not None]
        assert len(dict(named)) == len(named), "a name was applied twice"
        assert dict(named) == self.names
        for table in NUMBERED:
            given = numbers(self.entries, table)
            assert given == list(range(1, len(given) + 1)), f"the numbers of {table} have a gap"
            assert self.counters.get(table, 0) == len(given)
        return self


def _value(kind: str, value: Any) -> Any:
    if value is None:
        return None
    return {"json": json.loads, "boolean": bool}.get(kind, lambda kept: kept)(value)


def replayed(entries: list[Entry]) -> tuple[Rows, dict[tuple[str, str], int]]:
    """Return the rows that *entries* leave, and the `seq` of each, having checked the chain."""
    rows: Rows = {table: {} for table in TABLES}
    seqs: dict[tuple[str, str], int] = {}
    for entry in entries:
        for change in entry.changes:
            table, key = rows[change["table"]], change["id"]
            before, row = table.get(key), change["row"]
            assert change["was"] == seqs.get((change["table"], key), 0), f"a gap before {entry}"
            if change["old"] is None:
                assert before is None, f"{entry} inserts a row that was there"
            else:
                assert change["old"].items() <= before.items(), f"{entry} has another past"
            if row is None:
                assert change["old"] == before
                del table[key], seqs[change["table"], key]
            else:
                table[key] = row
                seqs[change["table"], key] = entry.seq
    return rows, seqs


def numbers(entries: list[Entry], table: str) -> list[int]:
    """Return the numbers of every row ever inserted into *table*, in order; deleted ones too."""
    field, _ = NUMBERED[table]
    return [
        int(change["row"][field].lstrip("CB-"))
        for entry in entries
        for change in entry.changes
        if change["table"] == table and change["old"] is None
    ]


def read_store(data: Path, branch: str = "shop") -> Ledger | None:
    """Return what the file of *branch* holds, or None where it has no commit-ready tables yet.

    A copy is read, so that the file's own recovery is left to the server.
    """
    path = store_path(data, branch)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        for name in (path.name, path.name + "-wal"):
            if path.with_name(name).exists():
                shutil.copy(path.with_name(name), copy.with_name(name))
        if not copy.exists():
            return None
        with closing(sqlite3.connect(copy)) as db:
            made = db.execute("SELECT count(*) FROM sqlite_master WHERE name='_meta'").fetchone()
            return Ledger(db) if made[0] else None


def store_path(data: Path, branch: str = "shop") -> Path:
    return data / "branches" / branch / "modules" / "m" / "live" / "store.sqlite3"


@pytest.fixture
def look() -> Callable[..., Ledger | None]:
    return read_store


@pytest.fixture
def path_of() -> Callable[..., Path]:
    return store_path


@pytest.fixture
def replay() -> Callable[..., Any]:
    return replayed


def _in_snapshot(frame: Mapping[str, Any]) -> Rows:
    return {table: {row["id"]: row for row in rows} for table, rows in frame["data"].items()}


@pytest.fixture
def rows_of() -> Callable[..., Rows]:
    """Return a function that gives the rows of a SNAPSHOT, by table and id."""
    return _in_snapshot


# What happened ------------------------------------------------------------------------------------

_figures = pytest.StashKey[dict[str, Counter[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_figures] = {}


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Counter[str]:
    """Counts that are shown when the run is over, one line for each file."""
    kept = request.config.stash.setdefault(_figures, {})
    return kept.setdefault(request.path.stem, Counter())


@pytest.fixture
def seed(request: pytest.FixtureRequest, record_property: Callable[..., None]) -> str:
    """A new seed for each test of each run, or MISHKAH_SEED; said where the test fails."""
    value = os.environ.get("MISHKAH_SEED") or f"{random.randrange(2**32):08x}"
    record_property("seed", value)
    print(f"MISHKAH_SEED={value}")
    return f"{value} {request.node.name}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for name, counts in config.stash.get(_figures, {}).items():
        said = ", ".join(f"{what} {count}" for what, count in counts.items())
        terminalreporter.write_line(f"{name}: {said}")
