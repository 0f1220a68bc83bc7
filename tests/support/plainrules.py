"""What rules come to, by walking them for each row and field: nothing of grants is used here."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Data = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""table → key → row"""


class PlainRules:
    """Somebody with *rules* in *branch*, whose *tables* are those of a definition, as written."""

    def __init__(self, rules: list[Any], branch: str, user: str, tables: Mapping[str, Any]) -> None:
        self.rules, self.branch, self.user, self.tables = rules, branch, user, tables

    def rule(self, deed: str, table: str) -> Any:
        """Return the rule that decides, if it allows anything at all."""
        for rule in self.rules:
            if (
                deed in rule["do"]
                and self.branch in rule.get("branches", [self.branch])
                and table in rule.get("tables", [table])
            ):
                return rule if rule.get("allow", True) else None
        return None

    def may(self, deed: str, table: str, *rows: Mapping[str, Any]) -> bool:
        rule = self.rule(deed, table)
        return rule is not None and all(
            "where" not in rule or self._holds(rule["where"], row) for row in rows
        )

    def may_field(self, deed: str, table: str, field: str) -> bool:
        rule = self.rule(deed, table)
        if rule is None or (deed == "read" and self.tables[table]["fields"][field].get("secret")):
            return False
        listed = field in rule.get("fields", [field]) and field not in rule.get("except", [])
        return field == "id" or listed

    def knows(self, table: str, field: str) -> bool:
        return any(self.may_field(deed, table, field) for deed in ("read", "insert", "update"))

    def knows_table(self, table: str) -> bool:
        return any(
            self.rule(deed, table) for deed in ("read", "insert", "update", "delete", "call")
        )

    def fields(self, table: str) -> list[str]:
        """Return the fields of *table* that may be read."""
        return [f for f in self.tables[table]["fields"] if self.may_field("read", table, f)]

    def seen(self, data: Data) -> dict[str, dict[str, Any]]:
        """Return what may be read of *data*: the tables that may, their rows, their fields."""
        return {
            table: {
                key: {field: plain(row[field]) for field in self.fields(table)}
                for key, row in rows.items()
                if self.may("read", table, row)
            }
            for table, rows in data.items()
            if self.rule("read", table) is not None
        }

    def _holds(self, where: Any, row: Mapping[str, Any]) -> bool:
        if isinstance(where, dict):
            ((word, inner),) = where.items()
            if word == "not":
                return not self._holds(inner, row)
            found = [self._holds(part, row) for part in inner]
            return all(found) if word == "and" else any(found)
        field, operator, value = where
        said = {"$user": self.user, "$branch": self.branch}
        some = [
            said.get(v, v) if isinstance(v, str) else v
            for v in ([value], value)[type(value) is list]
        ]
        kept = row[field]
        if operator in ("=", "in"):
            return kept in some
        return kept is not None and {"<": kept < some[0], ">": kept > some[0]}[operator]

    def update(self, table: str, row: Mapping[str, Any] | None, field: str, value: Any) -> str:
        """Return how an UPDATE of one field is answered: ACK, or the code of its refusal."""
        if not self.knows_table(table):
            return "UNKNOWN_TABLE"
        if self.rule("update", table) is None:
            return "FORBIDDEN"
        if row is None or not self.may("read", table, row):
            return "NOT_FOUND"
        if not self.knows(table, field):
            return "INVALID"
        allowed = self.may_field("update", table, field)
        new = {**row, field: value}
        return "ACK" if allowed and self.may("update", table, row, new) else "FORBIDDEN"

    def delete(self, table: str, row: Mapping[str, Any] | None) -> str:
        if not self.knows_table(table):
            return "UNKNOWN_TABLE"
        if self.rule("delete", table) is None:
            return "FORBIDDEN"
        if row is None or not self.may("read", table, row):
            return "NOT_FOUND"
        return "ACK" if self.may("delete", table, row) else "FORBIDDEN"

    def insert(self, table: str, row: Mapping[str, Any], field: str) -> str:
        """Return how an INSERT is answered that gives the key and *field* of what becomes *row*."""
        if not self.knows_table(table):
            return "UNKNOWN_TABLE"
        if self.rule("insert", table) is None:
            return "FORBIDDEN"
        if not self.knows(table, field):
            return "INVALID"
        allowed = self.may_field("insert", table, field)
        return "ACK" if allowed and self.may("insert", table, row) else "FORBIDDEN"


def plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
