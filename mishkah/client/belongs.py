"""Whether a row that the server has not judged yet would be in a view, as far as one can tell."""

from collections.abc import Callable
from typing import Any

from mishkah.client.heard import Row
from mishkah.core.where import Condition, Group, Node


class _Sparse(dict[str, Any]):
    """A row whose unknown fields are empty."""

    def __missing__(self, key: str) -> None:
        return None


def belongs(where: Any) -> Callable[[Row], bool]:
    """Return the test of the filter *where*, decoded JSON that the server has taken.

    Types are not known here: what can't be compared counts as belonging, until the server says.
    """
    holds = _node(where).holds()

    def test(row: Row) -> bool:
        try:
            return holds(_Sparse(row))
        except (TypeError, AttributeError):
            return True

    return test


def _node(raw: Any) -> Node:
    match raw:
        case {"not": inner}:
            return Group("not", (_node(inner),))
        case {"and": parts} | {"or": parts}:
            return Group(next(iter(raw)), tuple(_node(part) for part in parts))
        case [field, "!=", value]:
            return Group("not", (Condition(field, "=", value),))
        case [field, "in" | "between" as operator, values]:
            return Condition(field, operator, tuple(values))
    field, operator, value = raw
    return Condition(field, operator, value)
