"""The shop that is measured: its tables, its first rows, and what clients say to it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STORES = 64
ORDERS = 64
TEXT = {"type": "text"}
MONEY = {"type": "decimal", "min": 0, "max": 100_000}
TABLES: dict[str, Any] = {
    "order": {
        "fields": {
            "id": {**TEXT, "primaryKey": True},
            "table_no": {"type": "integer", "min": 1},
        }
    },
    "order_line": {
        "fields": {
            "id": {**TEXT, "primaryKey": True},
            "barcode": {**TEXT, "unique": True, "maxLength": 40},
            "order_id": {**TEXT, "required": True, "references": {"table": "order"}},
            "item": {**TEXT, "required": True, "maxLength": 40},
            "name": TEXT,
            "qty": {"type": "integer", "min": 0, "max": 1000},
            "price": MONEY,
            "discount": MONEY,
            "tax": MONEY,
            "total": MONEY,
            "status": {**TEXT, "enum": ["queued", "ready", "served"], "default": "queued"},
            "station": TEXT,
            "note": {**TEXT, "maxLength": 200},
            "line_no": TEXT,
            "created_at": {"type": "timestamp", "default": "now", "readOnly": True},
        },
        "indexes": [{"fields": ["station"]}],
    },
}
RULES = {"order_line": {"line_no": {"start": 1, "format": "L-{number:08d}"}}}
ROLES = {"till": {"rules": [{"do": ["read", "insert", "update"], "tables": ["order*"]}]}}

# What clients say, as templates of the load generator; RUN and TOKEN are replaced for each run.
PLACE = '"branch":"b{b}","module":"m"'
SUBSCRIBE = '{"type":"SUBSCRIBE",' + PLACE + "}"
ELSEWHERE = (
    '{"type":"SUBSCRIBE",' + PLACE + ',"tables":["order_line"],"where":["item","=","none-{i}"]}'
)
"""A view that no row of the benchmarks is in."""


HELLO = '{"type":"HELLO","v":1,"client":"till-{i}-RUN","token":"TOKEN"}'
INSERT = (
    '{"type":"INSERT","ref":{n},' + PLACE + ',"table":"order_line","data":'
    '{"id":"line-RUN-{i}-{n}","barcode":"RUN-{i}-{n}","order_id":"order-7","item":"item-17",'
    '"name":"Grilled chicken","qty":2,"price":35.5,"discount":0,"tax":4.97,"total":75.97,'
    '"status":"queued","station":"grill","note":"no onions"}}'
)
"""The server adds the row's number and its time."""
UPDATE = (
    '{"type":"UPDATE","ref":{n},' + PLACE + ',"table":"order_line","id":"line-{m}",'
    '"changes":{"qty":{m},"note":"RUN {n}"}}'
)
"""Of one of the first 1,000 rows, each in its turn."""


def first_rows(count: int) -> Iterator[dict[str, Any]]:
    for n in range(count):
        yield {
            "id": f"line-{n}",
            "barcode": f"{n:013d}",
            "order_id": f"order-{n % ORDERS}",
            "item": f"item-{n % 211}",
            "name": f"Grilled chicken {n % 97}",
            "qty": n % 7,
            "price": 35.5 + n % 13,
            "discount": 0,
            "tax": 4.97,
            "total": 71 + n % 29,
            "status": "queued",
            "station": ("grill", "bar", "oven", "cold")[n % 4],
            "note": "no onions",
            "line_no": f"L-{n + 1:08d}",
            "created_at": "2025-10-29T10:30:00.000Z",
        }


def write_shop(folder: Path) -> None:
    """Write an installation of 64 branches with one module each, and a role for a till."""
    orders = [{"id": f"order-{n}", "table_no": n + 1} for n in range(ORDERS)]
    for n in range(STORES):
        _write(_module(folder, n) / "schema" / "definition.json", {"tables": TABLES})
        _write(_seeds(folder, n), {"tables": {"order": orders}})
    branches = {f"b{n}": {"modules": ["m"]} for n in range(STORES)}
    _write(folder / "branches.config.json", {"branches": branches})
    _write(folder / "sequence-rules.json", {"defaults": {"m": RULES}})
    _write(folder / "access.json", {"roles": ROLES})


def fill(folder: Path, rows: int) -> None:
    """Let the branch ``b0`` of the installation in *folder* begin with *rows* order lines."""
    seeds = json.loads(_seeds(folder, 0).read_text("utf-8"))
    seeds["tables"]["order_line"] = list(first_rows(rows))
    _write(_seeds(folder, 0), seeds)


def _module(folder: Path, number: int) -> Path:
    return folder / "branches" / f"b{number}" / "modules" / "m"


def _seeds(folder: Path, number: int) -> Path:
    return _module(folder, number) / "seeds" / "initial.json"


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")
