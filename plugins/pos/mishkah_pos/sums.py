"""Exact sums, and what a validator need not look at again."""

from collections.abc import Iterable
from decimal import Context, Decimal

from mishkah import Row

_EXACT = Context(prec=60)  # two decimals of 15 digits multiply to 30; Python rounds to 28


def add(amounts: Iterable[Decimal | None]) -> Decimal:
    """Return the exact sum of *amounts*; an empty one counts as zero."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount or Decimal(0))
    return total


def times(one: Decimal, other: Decimal) -> Decimal:
    """Return the exact product."""
    return _EXACT.multiply(one, other)


def less(amount: Decimal | None) -> Decimal:
    """Return what *amount* takes away from a sum."""
    return -(amount or Decimal(0))


def unchanged(new: Row, old: Row | None, *fields: str) -> bool:
    """Tell whether an update leaves *fields* alone.

    What it leaves alone is not judged again: a row that was right must not become impossible to
    change since then by what happened around it.
    """
    return old is not None and all(old[field] == new[field] for field in fields)


def sides(new: Row, old: Row | None, field: str) -> Iterable[str]:
    """Return the id that a row names in *field*, and that which it named before."""
    return dict.fromkeys([new[field]] if old is None else [new[field], old[field]])
