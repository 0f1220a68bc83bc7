"""A client that says anything at all that the protocols have words for."""

import json
import random
import re
from typing import Any
from urllib.parse import urlencode

from support.worlds import HIDDEN, TABLES

SHOP = {"branch": "shop", "module": "m"}
HELLO = {"type": "HELLO", "v": 1, "client": "low", "token": "low"}


class Tongue:
    """Says anything at all that the protocols have words for, about anything there may be."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.learnt: dict[str, list[Any]] = {
            "epoch": ["memory"], "next": [], "seq": [0, 1, 2, 3], "view": ["*"], "etag": ['"x-1"'],
        }  # fmt: skip

    def learn(self, heard: bytes) -> None:
        """Remember what may be of use later."""
        for name in ("epoch", "next", "view"):
            found = re.findall(rb'"%b":"([^"]{1,300})"' % name.encode(), heard)
            self.learnt[name] = [*self.learnt[name], *(one.decode() for one in found)][-20:]
        tags = re.findall(rb'etag: ("[^\r]*")', heard)
        self.learnt["etag"] = [*self.learnt["etag"], *(one.decode() for one in tags)][-20:]
        seqs = re.findall(rb'"seq":(\d+)', heard)
        self.learnt["seq"] = [*self.learnt["seq"], *map(int, seqs)][-30:]

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def maybe(self, **more: Any) -> dict[str, Any]:
        return {key: value for key, value in more.items() if self.random.random() < 0.4}

    @property
    def table(self) -> str:
        known = [table for table in TABLES for _ in range(3 if table in ("item", "note") else 1)]
        return str(self.one(*known, *known, "none"))

    def field(self, table: str) -> str:
        """Return a field of *table*, more often than not one that may be seen."""
        known = [*TABLES[table]["fields"]] if table in TABLES else ["id"]
        open_ones = [name for name in known if name not in HIDDEN]
        return str(self.one(*known, *open_ones, *open_ones, *open_ones, "pin", "nothing"))

    @property
    def key(self) -> str:
        letter = self.one("i", "i", "i", "o", "o", "s", "b", "new")
        return f"{letter}{self.random.randrange(10)}"

    def value(self, table: str = "", field: str = "") -> Any:
        """Return a value, which most often fits the *field*."""
        n = self.random.randrange(12)
        rules = TABLES.get(table, {}).get("fields", {}).get(field, {})
        if self.random.random() < 0.85 and rules:
            if "references" in rules:
                return self.one(
                    rules["references"]["table"][0].replace("n", "o") + str(n % 9), None
                )
            fit: dict[str, Any] = {
                "text": self.one("amal", "omar", "zaid", "all", "1234", "9876", f"n{n}", "t", None),
                "integer": self.one(n, -n, 100 - n, 1000),
                "decimal": self.one(n / 4, n / 8, n * 3, None),
                "timestamp": self.one("2025-10-29T12:00:00Z", None),
                "json": {"n": n},
            }  # fmt: skip
            return fit[rules["type"]]
        return self.one(
            n, n / 4, f"s{n % 4}", "amal", "omar", None, True, {"n": n}, [], "x" * 10,
            f"C-{n:03d}", f"H-{n:03d}", "2025-01-02", 10**18, "$user",
        )  # fmt: skip

    def values(self, table: str, most: int = 3) -> dict[str, Any]:
        fields = [self.field(table) for _ in range(self.random.randrange(most + 1))]
        return {field: self.value(table, field) for field in fields}

    def where(self, table: str, depth: int = 2) -> Any:
        shape = self.random.randrange(6 if depth else 4)
        if shape == 4:
            return {"not": self.where(table, depth - 1)}
        if shape == 5:
            inner = [self.where(table, depth - 1) for _ in range(self.random.randrange(1, 3))]
            return {self.one("and", "or"): inner}
        operator = self.one("=", "=", "!=", "<", ">", ">=", "in", "between", "null", "prefix")
        field = self.field(table)
        value = self.value(table, field)
        if operator in ("in", "between"):
            value = [value, self.value(table, field)]
        elif operator == "null":
            value = self.one(True, False)
        return [field, operator, value]

    def order(self, table: str) -> list[list[str]]:
        return [[self.field(table), self.one("asc", "desc")] for _ in range(self.one(0, 1, 1, 2))]

    def aggregate(self, table: str) -> dict[str, Any]:
        functions = ("count", "sum", "avg", "min", "max")
        values = {
            f"v{n}": self.one(["count"], [self.one(*functions), self.field(table)])
            for n in range(self.one(1, 2))
        }
        return {"values": values, **self.maybe(by=[self.field(table)])}

    def based(self) -> dict[str, Any]:
        if self.random.random() < 0.5:
            return {}
        return {"base": self.one(0, 1, self.seq), **self.maybe(epoch=self.one("memory", "other"))}

    @property
    def seq(self) -> int:
        return int(self.one(*self.learnt["seq"])) + int(self.one(0, 0, 0, -1, 1, 50))

    def op(self) -> dict[str, Any]:
        table = self.table
        kind = self.random.randrange(8)
        if kind < 3:
            data = {"id": self.key, **self.values(table)}
            if table == "item" and self.random.random() < 0.8:
                allowed = {"name": f"n{self.random.randrange(30)}", "qty": 1, "owner": "amal"}
                data = {"id": self.key, **allowed, **self.values(table, 1)}
            return {"type": "INSERT", "table": table, "data": data}
        if kind < 6:
            more = self.maybe(add=self.values(table, 1), changes=self.values(table))
            if self.random.random() < 0.4:
                more = {"changes": {self.one(*HIDDEN): self.value() for _ in range(2)}}
            return {"type": "UPDATE", "table": table, "id": self.key, "changes": {}, **more}
        return {"type": "DELETE", "table": table, "id": self.key}

    def message(self) -> dict[str, Any]:
        """Return any message of the protocol."""
        table = self.table
        ref = self.one(
            *[f"r{self.random.randrange(10**6)}"] * 9, f"r{self.random.randrange(5)}", "o1"
        )
        room = self.one(*[SHOP] * 8, {**SHOP, "branch": "far"}, {})
        match self.random.randrange(18):
            case 0 | 1 | 2 | 3 | 14 | 15 | 16:
                one = {**self.op(), "ref": ref, **room}
                return one if one["type"] == "INSERT" else {**one, **self.based()}
            case 4:
                ops = [self.op() for _ in range(self.random.randrange(1, 5))]
                return {"type": "TRANSACTION", "ops": ops, "ref": ref, **room, **self.based()}
            case 5:
                count = self.one(1, 2)
                return {"type": "NEXT", "table": table, "field": self.field(table), "ref": ref,
                        "count": count, **room}  # fmt: skip
            case 6 | 7:
                more = self.maybe(
                    tables=[self.table for _ in range(self.one(1, 1, 2))],
                    where=self.where(table, 1),
                )
                if self.random.random() < 0.6:
                    more |= {"since": self.seq, "epoch": self.one(*self.learnt["epoch"])}
                return {"type": "SUBSCRIBE", "ref": ref, **room, **more}
            case 8:
                view = self.one(*self.learnt["view"])
                return {"type": "UNSUBSCRIBE", "view": view, **room}
            case 9 | 10 | 11:
                more = self.maybe(
                    where=self.where(table, self.one(0, 0, 2)), order=self.order(table),
                    limit=self.one(1, 2, 100), fields=[self.field(table)],
                )  # fmt: skip
                if self.random.random() < 0.2:
                    more["aggregate"] = self.aggregate(table)
                elif self.learnt["next"] and self.random.random() < 0.2:
                    more["after"] = self.one("x", *self.learnt["next"])
                return {"type": "QUERY", "table": table, "ref": ref, **room, **more}
            case 12:
                return {**HELLO, "client": self.one("low", None, "o"),
                        "token": self.one("low", "low", "low", "own2", None)}  # fmt: skip
        return {"type": "CALL", "action": "x", "ref": ref, **room}

    def request(self) -> bytes:
        """Return any request of REST."""
        table, b = self.table, self.one(*["shop"] * 9, "far")
        module = f"/api/v1/branches/{b}/modules/m"
        row = f"{module}/tables/{table}/{self.key}"
        headers = self.maybe(**{
            "If-None-Match": self.one("*", *self.learnt["etag"]),
            "If-Match": self.one("*", f'"memory-{self.seq}"', *self.learnt["etag"]),
            "Idempotency-Key": f"k{self.random.randrange(8)}",
        })  # fmt: skip
        query: dict[str, Any] = {}
        body: Any = None
        match self.random.randrange(12):
            case 0:
                method, path = "GET", row
            case 1 | 2:
                method, path = "GET", f"{module}/tables/{table}"
                query = self.maybe(
                    where=json.dumps(self.where(table, self.one(0, 0, 2))), limit=self.one(1, 50),
                    order=self.one("", "-") + self.field(table), fields=self.field(table),
                )  # fmt: skip
                if self.learnt["next"] and self.random.random() < 0.2:
                    query["cursor"] = self.one("x", *self.learnt["next"])
            case 3:
                method, path, asked = "GET", f"{module}/aggregate", self.aggregate(table)
                query = {"table": table, "values": json.dumps(asked["values"]),
                         **self.maybe(where=json.dumps(self.where(table)))}  # fmt: skip
                if "by" in asked:
                    query["by"] = asked["by"][0]
            case 4:
                method, path = "GET", f"{module}/snapshot"
                query = self.maybe(tables=self.table)
            case 5 | 6:
                method, path = "GET", f"{module}/changes"
                query = self.maybe(since=max(self.seq, 0), epoch=self.one(*self.learnt["epoch"]))
                if self.random.random() < 0.5:
                    headers["Accept"] = "text/event-stream"
                    query |= self.maybe(tables=self.table, where=json.dumps(self.where(table, 1)))
            case 7:
                method = "GET"
                path = self.one(
                    f"{module}/schema", f"{module}/sequences", module, "/api/v1/branches",
                    f"{module}/openapi.json", "/docs", f"/docs?branch={b}&module=m",
                )  # fmt: skip
            case 8:
                method, path, body = "POST", f"{module}/tables/{table}", self.op().get("data", {})
            case 9:
                method, path = "PATCH", row
                body = {**self.maybe(add=self.values(table)), "changes": self.values(table)}
            case 10:
                method, path = "DELETE", row
            case _:
                method, path = "POST", f"{module}/sequences/{table}/{self.field(table)}"
                if self.random.random() < 0.5:
                    path = f"{module}/transactions"
                    body = {"ops": [self.op() for _ in range(2)], **self.based()}
        if query:
            path += ("&" if "?" in path else "?") + urlencode(query)
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Authorization: Bearer low",
                 *(f"{name}: {value}" for name, value in headers.items())]  # fmt: skip
        content = b""
        if body is not None:
            content = json.dumps(body).encode()
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        elif method in ("POST", "PATCH"):
            lines.append("Content-Length: 0")
        return "\r\n".join([*lines, "", ""]).encode() + content

    def secret(self, ref: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what the owner does in each world: it looks the same to who may not see."""
        n = self.random.randrange(9)
        item = {"type": "UPDATE", "table": "item", "id": f"i{n}"}
        note = {"type": "INSERT", "table": "note",
                "data": {"id": f"zn{ref}", "by": "amal", "item": "i0", "text": "hi"}}  # fmt: skip
        seen = {"id": f"zm{ref}", "by": "all", "text": "x"}
        hushed = {"type": "INSERT", "table": "hush"}
        match self.random.randrange(7):
            case 0:
                return {**item, "changes": {"hcost": 200 + ref}}, {
                    **item,
                    "changes": {"hcost": 900 - ref},
                }
            case 1:
                return {**item, "changes": {"pin": f"{ref}"}}, {
                    **item,
                    "changes": {"hprice": 1000 + ref / 8},
                }
            case 2:
                mine, theirs = ("omar", "zaid") if n % 3 == 2 else ("amal", "amal")
                change = {"qty": n + 20}
                one = {**change, "owner": mine, "hcost": ref + 200}
                other = {**change, "owner": theirs, "hcost": 900 - ref}
                return {**item, "changes": one}, {**item, "changes": other}
            case 3:
                owners = self.one(("amal", "amal"), ("omar", "zaid"), ("all", "all"))
                first, second = ({**item, "changes": {"owner": owner}} for owner in owners)
                return first, second
            case 4:
                ops = [{**hushed, "data": {"id": f"zk{i}{ref}", "item": f"i{n}"}} for i in range(3)]
                visible = {"type": "INSERT", "table": "note", "data": seen}
                return ({"type": "TRANSACTION", "ops": [ops[0], visible]},
                        {"type": "TRANSACTION", "ops": [visible, *ops]})  # fmt: skip
            case 5:
                unseen = {"id": f"zo{ref}", "by": "zaid", "text": "no"}
                return ({**hushed, "data": {"id": f"zk{ref}"}},
                        {"type": "INSERT", "table": "note", "data": unseen})  # fmt: skip
        return note, note
