"""A whole `Store` under retries, reused names, full disks and restarts: every write counts once."""

import json
from datetime import UTC, datetime
from typing import Any

import trio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from support.frames import read_stream

from mishkah.core.commands import decode
from mishkah.core.commit import Commit
from mishkah.core.ids import StoreId
from mishkah.core.judging import Rules
from mishkah.core.messages import Subscribe
from mishkah.core.soundness import read_schema
from mishkah.feed import Outbox
from mishkah.journal import JournalFull, MemoryJournal
from mishkah.listener import Listener
from mishkah.requests import Ask, Join
from mishkah.store import Store

NOW = datetime(2025, 10, 29, tzinfo=UTC)
FIELDS = {"id": {"type": "text", "primaryKey": True}, "n": {"type": "integer"}}
SCHEMA, _ = read_schema("m", {"tables": {"t": {"fields": FIELDS}}})
assert SCHEMA is not None
RULES = Rules(schema=SCHEMA)

STORE = StoreId("b", "m")
Name = tuple[str, str]


class FillableJournal(MemoryJournal):
    """A journal whose disk can be full."""

    full = False

    async def append(self, commits: Any) -> None:
        if self.full:
            raise JournalFull("no room")
        await super().append(commits)


async def drain(outbox: Outbox) -> list[dict[str, Any]]:
    stream = b""
    while True:
        with trio.move_on_after(0) as waiting:
            mail = await outbox.take()
            stream += b"".join(mail.pieces if mail else ())
        if waiting.cancelled_caught:
            return read_stream(stream)


class Socket:
    """A client's outbox, and the replica that its messages make."""

    def __init__(self, client: str | None) -> None:
        self.client = client
        self.outbox = Outbox()
        self.rows: dict[str, Any] = {}
        self.seq = 0
        self.shown: int | None = None
        self.answers: list[dict[str, Any]] = []

    def join(self) -> Join:
        return Join(self.outbox, Listener(self.outbox, STORE, seed=True), Subscribe())

    async def listen(self) -> None:
        for message in await drain(self.outbox):
            data = message.get("data")
            if message["type"] == "SNAPSHOT":
                self.rows = {row["id"]: row for row in data["t"]}
                self.seq, self.shown = message["seq"], None
            elif message["type"] == "DELTA":
                assert message["prev"] <= self.seq < message["seq"], "something was missed"
                assert self.shown in (None, message["prev"]), "the chain of deltas is broken"
                self.seq = self.shown = message["seq"]
                if data["operation"] == "DELETE":
                    del self.rows[data["id"]]
                else:
                    self.rows.setdefault(data["id"], {}).update(data["changes"])
            else:
                if message["type"] == "ACK" and message.get("rows") and "dup" not in message:
                    assert message["seq"] <= self.seq, "an ACK before its DELTA"
                self.answers.append(message)


COMMANDS = st.one_of(
    st.builds(lambda key, n: {"type": "INSERT", "table": "t", "data": {"id": key, "n": n}},
              st.sampled_from("ab"), st.integers(0, 2)),
    st.builds(lambda key, n: {"type": "UPDATE", "table": "t", "id": key, "changes": {"n": n}},
              st.sampled_from("ab"), st.integers(0, 2)),
    st.builds(lambda key: {"type": "DELETE", "table": "t", "id": key}, st.sampled_from("ab")),
)  # fmt: skip
ASKS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([None, "1", "2", "3", 1, 2]), COMMANDS),
    min_size=1,
    max_size=8,
)


class ExactlyOnce(RuleBasedStateMachine):
    """Sockets 0 and 1 share the client "till", 2 is "bar", 3 has no name."""

    def __init__(self) -> None:
        super().__init__()
        assert SCHEMA is not None
        self.journal = FillableJournal(SCHEMA)
        self.rows: dict[str, Any] = {}
        self.seq = 0
        self.names: dict[Name, tuple[int, Any, Any]] = {}

    @initialize()
    def begin(self) -> None:
        self.open_again()

    @rule()
    def open_again(self) -> None:
        async def main() -> None:
            state = await self.journal.load()
            self.store = Store(STORE, RULES, state, self.journal, lambda: NOW)
            self.sockets = [Socket(client) for client in ("till", "till", "bar", None)]
            await self.store.serve([socket.join() for socket in self.sockets])
            for socket in self.sockets:
                await socket.listen()

        trio.run(main)

    @rule(who=st.integers(0, 3))
    def come_later(self, who: int) -> None:
        newcomer = self.sockets[who] = Socket(self.sockets[who].client)

        async def main() -> None:
            await self.store.serve([newcomer.join()])
            await newcomer.listen()

        trio.run(main)
        assert newcomer.seq == self.seq

    @rule(asks=ASKS, full=st.sampled_from([False] * 5 + [True]))
    def ask(self, asks: list[tuple[int, Any, Any]], full: bool) -> None:
        expected = self.expect(asks, full)
        self.journal.full = full
        trio.run(self.serve, asks)
        for socket, answers in zip(self.sockets, expected, strict=True):
            assert [plain(message) for message in socket.answers] == answers
            socket.answers.clear()

    async def serve(self, asks: list[tuple[int, Any, Any]]) -> None:
        batch = []
        for who, ref, command in asks:
            socket = self.sockets[who]
            raw = json.dumps(command if ref is None else {**command, "ref": ref})
            number = socket.outbox.ask(len(raw))
            batch.append(
                Ask(outbox=socket.outbox, command=decode(raw), size=len(raw), number=number,
                    client=socket.client)
            )  # fmt: skip
        await self.store.serve(batch)
        for socket in self.sockets:
            await socket.listen()

    def expect(self, asks: list[tuple[int, Any, Any]], full: bool) -> list[list[Any]]:
        """Return the answers to each socket, and move the model on."""
        rows, names, seq = dict(self.rows), dict(self.names), self.seq
        outcomes: list[tuple[int, Any, Any, bool]] = []
        for who, ref, command in asks:
            client = self.sockets[who].client
            name = (client, str(ref)) if client is not None and ref is not None else None
            known = names.get(name) if name is not None else None
            old = name in self.names
            if known is not None:
                made, content, said = known
                same = content == command
                answer = ("ACK", made, said, True) if same else ("ERROR", "REF_REUSED")
                outcomes.append((who, ref, answer, old and same))
                continue
            refusal, said = act(rows, command)
            if refusal is None:
                seq += 1
                if name is not None:
                    names[name] = seq, command, said
                outcomes.append((who, ref, ("ACK", seq, said, False), False))
            else:
                outcomes.append((who, ref, ("ERROR", refusal), False))
        if full and seq > self.seq:
            outcomes = [
                (who, ref, answer if kept else ("ERROR", "STORAGE_FULL"), kept)
                for who, ref, answer, kept in outcomes
            ]
        else:
            self.rows, self.names, self.seq = rows, names, seq
        return [
            [(ref, *answer) for who, ref, answer, _ in outcomes
             if who == i and (ref is not None or answer[0] == "ERROR")]
            for i in range(4)
        ]  # fmt: skip

    @invariant()
    def everyone_sees_the_models_rows(self) -> None:
        assert len(self.journal.history) == self.seq
        assert [commit.seq for commit in self.journal.history] == list(range(1, self.seq + 1))
        for socket in getattr(self, "sockets", []):
            assert socket.rows == self.rows

    @invariant()
    def no_name_is_used_twice(self) -> None:
        named = [(c.name.client, c.name.ref) for c in named_commits(self.journal.history)]
        assert len(named) == len(set(named)) == len(self.names)


def act(rows: dict[str, Any], command: Any) -> tuple[str | None, Any]:
    """Do *command* to *rows*; return (code of its refusal, rows of its ACK)."""
    if command["type"] == "INSERT":
        row = command["data"]
        if row["id"] in rows:
            return "DUPLICATE", None
        rows[row["id"]] = row
        return None, [row]
    if command["id"] not in rows:
        return "NOT_FOUND", None
    if command["type"] == "DELETE":
        del rows[command["id"]]
        return None, [None]
    new = {**rows[command["id"]], **command["changes"]}
    changed = new != rows[command["id"]]
    rows[command["id"]] = new
    return None, [new] if changed else []


def plain(message: dict[str, Any]) -> tuple[Any, ...]:
    if message["type"] == "ACK":
        dup = message.get("dup", False)
        return message["ref"], "ACK", message["seq"], message["rows"], dup
    return message.get("ref"), message["type"], message["code"]


def named_commits(history: list[Commit]) -> list[Any]:
    return [commit for commit in history if commit.name is not None]


def test_every_write_counts_once_and_is_answered_alike_again() -> None:
    run_state_machine_as_test(
        ExactlyOnce, settings=settings(max_examples=120, stateful_step_count=15, deadline=None)
    )
