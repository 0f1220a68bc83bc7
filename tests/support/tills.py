"""Tills at work: they write, notice what they are told, and ask again by name."""

import random
import threading
import time
from collections import Counter
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from support.seed_client import PATIENCE, Client
from support.server import Server

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
