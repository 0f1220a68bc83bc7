"""Random histories of a shop, and what a client makes of the messages that tell them."""

import json
from typing import Any

from hypothesis import strategies as st

from mishkah.core.errors import Refused
from mishkah.core.views import View

WHERES: list[Any] = [
    None,
    ["kind", "=", "drink"],
    ["slot", "in", [1, 2]],
    ["slot", "null", True],
    {"and": [["kind", "=", "food"], ["slot", ">", 1]]},
    {"or": [["kind", "=", "drink"], ["slot", "=", 3]]},
]
IDS = st.sampled_from("abc")
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["food", "drink"]),
        "slot": st.sampled_from([None, 1, 2, 3]),
        "name": st.sampled_from(["x", "y"]),
    },
)
OPS = st.one_of(
    st.builds(lambda i, v: {"type": "INSERT", "table": "item", "data": {"id": i, "name": "n", **v}},
              IDS, VALUES),
    st.builds(lambda i, v: {"type": "UPDATE", "table": "item", "id": i, "changes": v}, IDS, VALUES),
    st.builds(lambda i: {"type": "DELETE", "table": "item", "id": i}, IDS),
)  # fmt: skip
COMMANDS = st.lists(st.lists(OPS, min_size=1, max_size=4), max_size=12)


def run(shop: Any, commands: list[list[Any]]) -> None:
    for ops in commands:
        try:
            shop.run({"type": "TRANSACTION", "ops": ops})
        except Refused:
            continue


def rows_of(messages: list[Any], rows: dict[str, Any]) -> dict[str, Any]:
    """Apply *messages* as any client would."""
    for message in messages:
        data = message["data"]
        if message["type"] == "SNAPSHOT":
            rows.update((row["id"], row) for row in data.get("item", ()))
        elif data["operation"] == "DELETE":
            del rows[data["id"]]
        elif data["operation"] == "INSERT":
            assert data["id"] not in rows, "it has entered before"
            rows[data["id"]] = data["changes"]
        else:
            rows[data["id"]].update(data["changes"])
    return rows


def filtered(shop: Any, view: View) -> dict[str, Any]:
    whole = json.loads(json.dumps(shop.rows("item"), default=float))
    where = view.wheres.get("item")
    held = [row["id"] for row in shop.rows("item") if where is None or where.holds(row)]
    return {row["id"]: row for row in whole if row["id"] in held}
