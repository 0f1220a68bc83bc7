"""What `schema types` writes is what compilers take, and says what the server takes."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.server import SAMPLE

import mishkah
from mishkah.cli.trouble import load_catalog
from mishkah.core.schema import Schema
from mishkah.core.soundness import read_schema
from mishkah.rowtypes.python import write_python
from mishkah.rowtypes.typescript import write_typescript

Check = Callable[..., str]
KEY = {"type": "text", "primaryKey": True}
SHOP = {
    "bill": {
        "label": {"en": "Bill", "ar": "فاتورة"},
        "fields": {
            "id": KEY,
            "no": {"type": "text", "required": True},
            "state": {"type": "text", "enum": ["open", "paid"], "required": True},
            "due": {"type": "decimal", "required": True, "default": 0},
            "table_no": {"type": "integer", "enum": [1, 2]},
            "name": {"type": "json", "shape": {"ar": "required", "en-GB": "optional"}},
            "extra": {"type": "json"},
            "gift": {"type": "boolean", "required": True},
            "at": {"type": "timestamp", "required": True, "default": "now"},
            "total": {"type": "decimal", "readOnly": True},
            "pin_hash": {"type": "text", "secret": True},
        },
    },
}
ODD_NAMES = [
    *("a_b", "aB", "gym_member", "gym_member_insert", "Gym__Member", "none", "true", "any", "json"),
    *("tables", "record", "decimal", "typed_dict", "str", "x", "a1_2_", "list", "promise", "date"),
]
ODD_FIELDS = {
    name: {"type": "text", "label": label}
    for name, label in {
        "class": 'ends */ here /* and """ here',
        "from": "one\nline\r\n\x0b\u2028more\\",
        "None": {"ar": "اسم", "en": "name"},
        "str": 7,
        "constructor": "# a comment",
        "in": ["no", "text"],
    }.items()
}


def schema_of(tables: dict[str, Any]) -> Schema:
    schema, problems = read_schema("m", {"tables": tables})
    assert schema, problems
    return schema


ODD = {name: {"fields": {"id": KEY, **ODD_FIELDS}} for name in ODD_NAMES[::2]} | {
    name: {"fields": {"id": KEY, "str_": {"type": "text", "enum": ['"', "\\", "\n", "ب", "'"]},
                      "size": {"type": "decimal", "enum": [Decimal("0.5"), -1, Decimal("1e-7")]}}}
    for name in ODD_NAMES[1::2]
}  # fmt: skip


def installed(branch: str, module: str) -> tuple[Schema, dict[str, list[str]]]:
    catalog = load_catalog(SAMPLE)
    store = catalog.resolve(branch, module)
    assert store is not None
    rules = catalog.recipe(store).rules
    return rules.schema, {
        table: [one.field for one in some] for table, some in rules.sequences.items()
    }


MODULES = [("gim", "gym"), ("dar", "pos"), ("myapp", "mymodule")]


def test_typescript_of_every_installed_module_and_of_odd_names_compiles(tsc: Check) -> None:
    files = {module: write_typescript(*installed(branch, module)) for branch, module in MODULES}
    assert tsc(**files, odd=write_typescript(schema_of(ODD), {})) == ""


def test_python_of_every_installed_module_and_of_odd_names_compiles(mypy: Check) -> None:
    files = {f"{module}_rows": write_python(*installed(*at)) for at in MODULES for module in at[1:]}
    odd = write_python(schema_of(ODD), {})
    assert mypy(**files, odd=odd) == ""
    exec(odd, {})  # what a type checker takes may still not run


TYPESCRIPT_USE = """\
import type { Bill, BillInsert, BillUpdate, Tables } from "./bills";

export function read(bill: Bill): string {
  const no: string = bill.no;
  const paid: boolean = bill.state === "paid" && bill.gift;
  const name: string | undefined = bill.name?.["en-GB"] ?? bill.name?.ar;
  const due: number = bill.due + (bill.total ?? 0) + (bill.table_no ?? 0);
  // @ts-expect-error -- no such state
  if (bill.state === "gone") return "";
  // @ts-expect-error -- a secret is never read
  bill.pin_hash;
  // @ts-expect-error -- it may be empty
  bill.name.ar;
  return `${no} ${paid} ${name} ${due}`;
}

export const least: BillInsert = { id: "b1", state: "open", gift: false };
export const most: BillInsert = {
  ...least, no: "7", due: 1.5, table_no: null, name: { ar: "أ" }, extra: [{ a: null }],
  at: "2025-10-29T10:30:00Z", pin_hash: "x",
};
// @ts-expect-error -- a bill has a state
export const stateless: BillInsert = { id: "b1", gift: false };
// @ts-expect-error -- the server fills it
export const summed: BillInsert = { ...least, total: 1 };
// @ts-expect-error -- it is never empty
export const free: BillInsert = { ...least, due: null };
export const nothing: BillUpdate = {};
export const change: BillUpdate = { state: "paid", name: null };
// @ts-expect-error -- a key stays
export const moved: BillUpdate = { id: "b2" };
// @ts-expect-error -- it is never empty
export const emptied: BillUpdate = { no: null };

export type Known = { [T in keyof Tables]: { row: object; insert: object; update: object } };
export const typed: Record<string, { row: Record<string, unknown> }> = {} as Tables;
export const row: Tables["bill"]["row"] = {} as Bill;
"""


def test_typescript_takes_what_the_server_takes(tsc: Check) -> None:
    bills = write_typescript(schema_of(SHOP), {"bill": ["no"]})
    assert tsc(bills=bills, use=TYPESCRIPT_USE) == ""


CLIENT_USE = """\
import { createPosDb } from "CLIENT";
import type { Tables } from "./bills";

const { db } = await createPosDb<Tables>({ branchId: "dar", moduleId: "m" });
const due: number[] = db.list("bill", { state: "open" }).map((bill) => bill.due);
const state: "open" | "paid" | undefined = db.get("bill", "b1")?.state;
const bill = await db.insert("bill", { id: "b1", state: "open", gift: false });
const no: string = bill.no;
db.subscribe("bill", (bills, changes) => console.log(bills[0]?.gift, changes[0]?.new?.no));
db.update("bill", "b1", { state: "paid" });
db.transaction((tx) => {
  tx.insert("bill", { id: "b2", state: "open", gift: true });
  tx.update("bill", "b2", { gift: false });
  // @ts-expect-error -- no such field
  tx.update("bill", "b2", { gifts: false });
});
// @ts-expect-error -- no such table
db.list("bills");
// @ts-expect-error -- no such state
db.list("bill", { state: "gone" });
// @ts-expect-error -- a bill has a state
db.insert("bill", { id: "b1", gift: false });
// @ts-expect-error -- the server fills it
db.update("bill", "b1", { total: 1 });
console.log(due, state, no);
const place = { branchId: "a", moduleId: "b" };
const plain = await createPosDb<{ item: { id: string; qty: number } }>(place);
const quantity: number | undefined = plain.db.get("item", "1")?.qty;
plain.db.insert("item", { id: "1" });
const any = (await createPosDb(place)).db;
any.insert("what", { ever: [quantity] });
"""


def test_the_browser_client_knows_the_tables(tsc: Check) -> None:
    client = Path(mishkah.__file__).parent / "web" / "client" / "mishkah.js"
    bills = write_typescript(schema_of(SHOP), {"bill": ["no"]})
    assert tsc(bills=bills, use=CLIENT_USE.replace("CLIENT", str(client)) + "export {};\n") == ""


PYTHON_USE = """\
from decimal import Decimal

from bills import Bill, BillInsert, BillUpdate


def read(bill: Bill) -> str:
    due: Decimal = bill["due"]
    state: str = bill["state"]
    assert bill["state"] != "gone"  # type: ignore[comparison-overlap]
    bill["pin_hash"]  # type: ignore[typeddict-item]
    bill["name"]["ar"]  # type: ignore[index]
    return bill["no"] + state + str(due)


least: BillInsert = {"id": "b1", "state": "open", "gift": False}
most: BillInsert = {**least, "no": "7", "due": Decimal("1.5"), "table_no": 2, "pin_hash": "x"}
stateless: BillInsert = {"id": "b1", "gift": False}  # type: ignore[typeddict-item]
summed: BillInsert = {**least, "total": Decimal(1)}  # type: ignore[typeddict-unknown-key]
nothing: BillUpdate = {}
change: BillUpdate = {"state": "paid", "name": None}
moved: BillUpdate = {"id": "b2"}  # type: ignore[typeddict-unknown-key]
emptied: BillUpdate = {"no": None}  # type: ignore[typeddict-item]
"""


def test_python_takes_what_the_server_takes(mypy: Check) -> None:
    bills = write_python(schema_of(SHOP), {"bill": ["no"]})
    assert mypy(bills=bills, use=PYTHON_USE) == ""


@pytest.mark.parametrize("write", [write_typescript, write_python])
def test_what_the_author_said_is_said_above_the_type(write: Callable[..., str]) -> None:
    told = write(schema_of(SHOP), {"bill": ["no"]})
    assert "Bill · فاتورة" in told
    assert told.count("The server gives the number.") == 3
