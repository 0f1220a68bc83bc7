"""What a till of the sample restaurant writes, as operations of one TRANSACTION."""

from typing import Any

from support.browsing import Tab
from support.server import Server

Op = dict[str, Any]
ITEM, PRICE = "item_foul_oil", 25
TILL, CASHIER = "tablet_1", "employee_02"


def insert(table: str, **data: Any) -> Op:
    return {"type": "INSERT", "table": table, "data": data}


def update(table: str, key: str, **changes: Any) -> Op:
    return {"type": "UPDATE", "table": table, "id": key, "changes": changes}


def order(name: str, lines: int = 2, **more: Any) -> list[Op]:
    """An order that is still open, with its lines."""
    total = lines * PRICE
    head = {"id": name, "order_type": "takeaway", "subtotal": total, "total": total, **more}
    return [insert("order_header", **head)] + [
        insert("order_line", id=f"{name}-{n}", order_id=name, item_id=ITEM,
               unit_price=PRICE, total=PRICE)
        for n in range(1, lines + 1)
    ]  # fmt: skip


def paid(name: str, lines: int = 2, shift: str | None = None) -> list[Op]:
    """An order that comes closed, with its lines and the money."""
    money = insert("payment", id=f"{name}-p", order_id=name, method_id="cash", shift_id=shift,
                   amount=lines * PRICE)  # fmt: skip
    return [*order(name, lines, status="closed", shift_id=shift), money]


def write(tab: Tab, ops: list[Op]) -> None:
    """Do *ops* in the tab, and wait until its device has kept them, not until they are sent."""
    tab.run("async (ops) => { await db.transaction(ops).saved; }", ops)


def rows(server: Server, table: str, branch: str = "dar", module: str = "pos") -> dict[str, Any]:
    """Return the rows of a table that the server has, by id."""
    with server.client(branch=branch, module=module) as client:
        return {row["id"]: row for row in client.snapshot()["data"][table]}
