"""People at tills: what they ask for, what they were shown when they asked, what they were told."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import trio

from mishkah import client
from mishkah.client import Database, Insert, Update, Write
from mishkah.client.link import Dial
from simulation.world import ALL_COINS, TABLES

LOW = 3
"""Fewer pieces than these are shown by who watches what runs out."""
PATIENCE = 120.0
"""Seconds after which a screen shows the truth, or never will."""

Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]
"""Table → id → row."""


class Truth:
    """What the rows are in the end, for who has asked for nothing more and waits to see it."""

    def __init__(self) -> None:
        self._rows: Rows = {}
        self._told = trio.Event()

    def tell(self, rows: Rows) -> None:
        self._rows = rows
        self._told.set()

    async def shown_by(
        self, db: Database, tables: Sequence[str], holds: Callable[[Row], bool] | None = None
    ) -> None:
        """Wait until *db* shows all rows of *tables* that *holds*, and no others."""
        await self._told.wait()
        expected = {
            table: [row for _, row in sorted(self._rows[table].items()) if not holds or holds(row)]
            for table in tables
        }
        shown: dict[str, list[Row]] = {}
        with trio.move_on_after(PATIENCE), db.subscribe() as changes:
            while (shown := {table: db.list(table) for table in tables}) != expected:
                await anext(changes)
        assert shown == expected, f"{db.client} does not see what is so"


class Deed:
    """One write: the operations it asked for, what its user saw, and what became of it."""

    def __init__(self, ops: list[dict[str, Any]], base: int | None, write: Write) -> None:
        self.ops = ops
        self.base = base
        self.ref = write.errand.ref
        self.outcome = "waiting"
        self._write = write

    def __repr__(self) -> str:
        return f"{self.ref} {self.ops} on {self.base}: {self.outcome}"

    def settle(self) -> None:
        """Note what the client came to know."""
        if self._write.done:
            self.outcome = "done"
        elif self._write.refusal is not None:
            self.outcome = "refused"


class Till:
    """One device, which sells, counts, renames and returns things at random."""

    def __init__(self, name: str, rng: Random) -> None:
        self.name = name
        self.deeds: list[Deed] = []
        self.answered = trio.Event()
        """Set when each of its deeds has been done or refused."""
        self._rng = rng
        self._made = 0

    async def work(self, dial: Dial, seconds: float, truth: Truth, *, pause: float = 1.0) -> None:
        """Work for a while; then wait for the answers, and for the screen to show the truth.

        *pause* is how long it rests now and then, in seconds.
        """
        async with client.connect(
            "ws://localhost",
            "shop",
            "m",
            client=self.name,
            patience=1000,
            dial=dial,
            rng=Random(self._rng.random()),
        ) as db:
            end = trio.current_time() + seconds
            while trio.current_time() < end:
                await trio.sleep(pause * self._rng.choice([0, 0.01, 0.5, 2]))
                assert sum(purse["coins"] for purse in db.list("purse")) == ALL_COINS
                self._do_something(db)
            await db.flush()
            for deed in self.deeds:
                deed.settle()
            self.answered.set()
            await truth.shown_by(db, list(TABLES))

    def _do_something(self, db: Database) -> None:
        rng = self._rng
        item = f"i{rng.randrange(3)}"
        sales = db.list("sale")
        match rng.randrange(10):
            case 0 | 1 | 2:
                self._sell(db, item)
            case 3:
                self._update(db, "item", item, add={"stock": rng.randrange(1, 3)})
            case 4 | 5:
                changes = rng.choice([{"name": f"{self.name}{self._made}"}, {"price": self._made}])
                self._update(db, "item", item, changes, based=True)
            case 6:
                self._update(db, "item", item, {"price": rng.randrange(3)})
            case 7:
                self._move_coins(db)
            case 8 if sales:
                sale = rng.choice(sales)["id"]
                op = {"type": "DELETE", "table": "sale", "id": sale}
                self._note(db, [op], None, db.delete("sale", sale))
            case _:
                self._note(db, [], None, db.next("sale", "no", rng.randrange(1, 3)))

    def _sell(self, db: Database, item: str) -> None:
        """Take one from the shelf and write it down: both, or neither."""
        self._made += 1
        sale = {"id": f"{self.name}{self._made}", "item": item, "by": self.name}
        self._transact(db, [
            {"type": "UPDATE", "table": "item", "id": item, "add": {"stock": -1}},
            {"type": "INSERT", "table": "sale", "data": sale},
        ])  # fmt: skip

    def _move_coins(self, db: Database) -> None:
        coins = self._rng.randrange(-20, 20)
        self._transact(db, [
            {"type": "UPDATE", "table": "purse", "id": purse, "add": {"coins": n}}
            for purse, n in (("a", coins), ("b", -coins))
        ])  # fmt: skip

    def _transact(self, db: Database, ops: list[dict[str, Any]]) -> None:
        parts = [
            Insert(table=op["table"], data=dict(op["data"]))
            if op["type"] == "INSERT"
            else Update(table=op["table"], id=op["id"], add=op["add"])
            for op in ops
        ]
        self._note(db, ops, None, db.transaction(parts))

    def _update(
        self,
        db: Database,
        table: str,
        key: str,
        changes: dict[str, Any] | None = None,
        *,
        add: dict[str, Any] | None = None,
        based: bool = False,
    ) -> None:
        self._made += 1
        op = {"type": "UPDATE", "table": table, "id": key}
        op |= {"changes": changes} if changes else {}
        op |= {"add": add} if add else {}
        cursor = db.cursor
        base = cursor.seq if based and cursor is not None else None
        self._note(db, [op], base, db.update(table, key, changes, add=add, base=based))

    def _note(
        self, db: Database, ops: list[dict[str, Any]], base: int | None, write: Write
    ) -> None:
        self.deeds.append(Deed(ops, base, write))


class Screen:
    """A display of what runs out: it only looks, through a filter."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    async def watch(self, dial: Dial, truth: Truth) -> None:
        async with client.connect(
            "ws://localhost",
            "shop",
            "m",
            tables=["item"],
            where=["stock", "<", LOW],
            patience=1000,
            dial=dial,
            rng=self._rng,
        ) as db:
            await truth.shown_by(db, ["item"], lambda row: row["stock"] < LOW)
