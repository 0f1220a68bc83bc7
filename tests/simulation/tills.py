"""People at tills: what they ask for, what they were shown when they asked, what they were told."""

from random import Random
from typing import Any

import trio

from mishkah import client
from mishkah.client import Database, Insert, Update, Write
from simulation.network import Network
from simulation.world import ALL_COINS

SECONDS = 20.0
"""How long a till works."""


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
        self.shown: dict[str, list[dict[str, Any]]] = {}
        """What its screen shows at the end of the story."""
        self._rng = rng
        self._made = 0

    async def work(self, network: Network, quiet: trio.Event) -> None:
        """Work for a while; then wait for the answers, and for the screen to show all of it."""
        async with client.connect(
            "ws://localhost",
            "shop",
            "m",
            client=self.name,
            patience=1000,
            dial=network.dial,
            rng=Random(self._rng.random()),
        ) as db:
            end = trio.current_time() + SECONDS
            while trio.current_time() < end:
                await trio.sleep(self._rng.choice([0, 0.01, 0.5, 2]))
                assert sum(purse["coins"] for purse in db.list("purse")) == ALL_COINS
                self._do_something(db)
            await quiet.wait()
            await settled(db)
            self.shown = {table: db.list(table) for table in ("item", "sale", "purse")}
            for deed in self.deeds:
                deed.settle()

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


async def settled(db: Database) -> None:
    """Wait until all is answered and everybody else's writes are shown too."""
    await trio.sleep(60)  # whoever waits to come back does so within the longest delay
    await db.flush()
    await trio.sleep(60)
    assert db.status == "live"
