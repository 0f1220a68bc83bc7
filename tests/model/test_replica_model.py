"""What a client shows against plain words: the rows at its cursor, and its own writes on top."""

import json
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.small_server import Rows, SmallServer

from mishkah.client.errors import Refusal
from mishkah.client.machine import Machine
from mishkah.core.commands import decode
from mishkah.core.messages import Subscribe

IDS = st.sampled_from(["x", "y", "z"])
FIELDS = st.fixed_dictionaries({}, optional={"a": st.integers(0, 3), "qty": st.integers(0, 3)})
OPS = st.one_of(
    st.builds(lambda i, f: {"type": "INSERT", "data": {"id": i, **f}}, IDS, FIELDS),
    st.builds(lambda i, f: {"type": "UPDATE", "id": i, "changes": f}, IDS, FIELDS),
    st.builds(lambda i, n: {"type": "UPDATE", "id": i, "add": {"qty": n}}, IDS, st.integers(-2, 2)),
    st.builds(lambda i: {"type": "DELETE", "id": i}, IDS),
).map(lambda op: {"table": "item", **op})
WRITES = st.one_of(
    OPS, st.lists(OPS, min_size=1, max_size=3).map(lambda ops: {"type": "TRANSACTION", "ops": ops})
)


class Mine:
    """A write of the client, and what it has heard of it."""

    def __init__(self, errand: Any, ops: list[dict[str, Any]]) -> None:
        self.ref = errand.ref
        self.errand = errand
        self.ops = ops
        self.heard_in: str | None = None
        """The epoch in which its ACK was heard."""
        self.outside = False
        """Done, and known to have changed nothing in the view."""

    @property
    def refused(self) -> bool:
        return isinstance(self.errand.answer, Refusal)


class Client(RuleBasedStateMachine):
    """One client with a view of a small server, and everything that can come between them."""

    @initialize(above=st.sampled_from([None, 0]))
    def begin(self, above: int | None) -> None:
        where = None if above is None else ["qty", ">", above]
        self.server = SmallServer(above)
        asked = Subscribe(branch="b", module="m", where=where)
        self.machine = Machine(asked, "me", iter(f"r{n}" for n in range(10**6)))
        self.machine.screen.watched["item"] += 1
        self.connected = self.level = False
        self.mine: list[Mine] = []
        self.mirror: Rows = {}

    # --- what can happen

    @rule(write=WRITES)
    def the_user_writes(self, write: dict[str, Any]) -> None:
        if self.machine.replica.cursor is None:
            return
        errand = self.machine.write(decode(json.dumps(write)))  # type: ignore[arg-type]
        self.mine.append(Mine(errand, write.get("ops", [write])))

    @rule(write=WRITES)
    def someone_else_writes(self, write: dict[str, Any]) -> None:
        self.server.write(write, "someone")

    @rule(count=st.integers(1, 6), step=st.integers(0, 3))
    def the_server_hears(self, count: int, step: int) -> None:
        for _ in range(count):
            if self.connected and self.machine.outgoing:
                self.server.hear(json.loads(self.machine.outgoing.popleft()), step)

    @rule(count=st.integers(1, 6))
    def the_client_hears(self, count: int) -> None:
        for _ in range(count):
            if not self.connected or not self.server.out:
                return
            message = self.server.deliver()
            if message is not None:
                self.machine.hear(json.dumps(message))
                self.note(message)
            self.what_is_shown_is_right()

    def note(self, message: dict[str, Any]) -> None:
        """Follow, in the test's own words, what the client can know after *message*."""
        match message["type"]:
            case "SYNCED":
                self.level = True
            case "SUBSCRIBED" | "RESYNC":
                self.level = False
            case "ACK":
                epoch, seq = self.server.epoch, message["seq"]
                for one in self.mine:
                    if one.ref == message["ref"]:
                        one.heard_in = epoch
                        same = self.server.view(epoch, seq) == self.server.view(epoch, seq - 1)
                        one.outside = self.level and same

    @precondition(lambda self: not self.connected)
    @rule()
    def it_connects(self) -> None:
        self.machine.connected()
        self.connected = True

    @rule(step=st.integers(1, 3), snapshot=st.booleans())
    def it_catches_up(self, step: int, snapshot: bool) -> None:
        self.server.catch_up(step, snapshot=snapshot)

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        if not self.connected:
            self.it_connects()
        for _ in range(20):
            self.the_server_hears(2, 3)
            self.the_client_hears(4)
            self.it_catches_up(3, snapshot=False)

    @rule(kind=st.sampled_from(["cut", "behind", "lost", "restored"]), back=st.integers(0, 5))
    def there_is_trouble(self, kind: str, back: int) -> None:
        match kind:
            case "cut":
                self.it_is_cut()
            case "behind":
                self.server.fall_behind()
            case "lost":
                self.server.lose()
            case "restored":
                self.server.restore(max(0, self.server.seq - back))
                self.it_is_cut()

    def it_is_cut(self) -> None:
        self.server.hang_up()
        self.machine.cut()
        self.connected = self.level = False

    # --- what must hold

    @invariant()
    def what_is_shown_is_right(self) -> None:
        shown = {row["id"]: row for row in self.machine.screen.rows("item")}
        assert shown == self.expected()
        for change in self.machine.screen.changes:
            assert self.mirror.get(change.id) == change.old
            self.mirror.pop(change.id, None)
            if change.new is not None:
                self.mirror[change.id] = change.new
        self.machine.screen.changes.clear()
        assert self.mirror == shown, "the changes tell the same"

    def expected(self) -> Rows:
        """Return the view's rows at the cursor, under all that is not refused and not in them."""
        cursor = self.machine.replica.cursor
        if cursor is None:
            return {}
        rows: dict[str, dict[str, Any] | None] = dict(self.server.view(*cursor))
        touched = set()
        for one in self.mine:
            if not one.refused and not self.is_below(one, cursor):
                touched |= draw(one.ops, rows)
        return {
            i: row
            for i, row in rows.items()
            if row is not None and (i not in touched or self.may_belong(row))
        }

    def may_belong(self, row: dict[str, Any]) -> bool:
        return self.server.shows({"qty": -1, **row})

    def is_below(self, one: Mine, cursor: tuple[str, int]) -> bool:
        """Tell whether *cursor* shows the write, or a history that will not have it again."""
        epochs = self.server.epochs
        if one.heard_in is not None and epochs.index(one.heard_in) < epochs.index(cursor[0]):
            return True
        seq = self.server.done.get((cursor[0], one.ref))
        return one.outside or (seq is not None and seq <= cursor[1])

    def teardown(self) -> None:
        """When the way is free again, everything is done, once, and shown."""
        if not hasattr(self, "server"):
            return
        for _ in range(2):
            for _ in range(20):
                self.all_goes_well_for_a_while()
            self.server.write({"type": "INSERT", "data": {"id": "end", "qty": 1}}, "someone")
        assert self.machine.outbox.writes == 0
        rows = self.server.view(self.server.epoch, self.server.seq)
        assert {row["id"]: row for row in self.machine.screen.rows("item")} == rows
        assert set(self.server.times.values()) <= {1}


def draw(ops: list[dict[str, Any]], rows: dict[str, dict[str, Any] | None]) -> set[str]:
    """Draw *ops* on *rows*, as a user would think of them; return the rows that they name."""
    names = set()
    for op in ops:
        name = op["data"]["id"] if op["type"] == "INSERT" else op["id"]
        names.add(name)
        row = rows.get(name)
        if op["type"] == "INSERT" and row is None:
            rows[name] = op["data"]
        elif op["type"] == "DELETE":
            rows[name] = None
        elif op["type"] == "UPDATE" and row is not None:
            sums = {field: (row.get(field) or 0) + n for field, n in op.get("add", {}).items()}
            rows[name] = {**row, **op.get("changes", {}), **sums}
    return names


def test_a_client_shows_the_server_and_its_own_writes_whatever_comes_between() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Client,
        settings=settings(
            max_examples=300,
            stateful_step_count=40,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
        ),
    )
