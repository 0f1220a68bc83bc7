"""How fast one client, or all who share a key, may go on. The time is passed in."""

from collections import OrderedDict
from collections.abc import Hashable

MOST = 20_000
"""Paces that are remembered of each kind, whoever comes."""


class Pace:
    """Lets *rate* things a second pass, two seconds' worth at once."""

    __slots__ = ("_at", "_free", "_most", "_rate")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._most = max(2 * rate, 1.0)
        self._free = self._most
        self._at = now

    def step(self, now: float) -> float:
        """Take a place in line for one thing; return after how many seconds it may pass."""
        self._free = self._at_hand(now) - 1
        self._at = now
        return max(-self._free / self._rate, 0.0)

    def ask(self, now: float) -> float:
        """Let one thing pass and return 0, or return after how many seconds one may, in no line."""
        free = self._at_hand(now)
        return (1 - free) / self._rate if free < 1 else self.step(now)

    def rested(self, now: float) -> bool:
        """Tell whether a new pace would let pass the same."""
        return self._at_hand(now) >= self._most

    def _at_hand(self, now: float) -> float:
        return min(self._free + (now - self._at) * self._rate, self._most)


class Paces:
    """One pace for each key, for all who share it; those that have rested are forgotten.

    At most *most* are kept: of more, the one that is unused for longest is forgotten, and begins
    anew.
    """

    def __init__(self, rate: float, most: int = MOST) -> None:
        self._rate = rate
        self._most = most
        self._used: OrderedDict[Hashable, Pace] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used)

    def of(self, key: Hashable, now: float) -> Pace:
        """Return the pace of *key*, to be used now and not kept."""
        pace = self._used.get(key)
        if pace is None:
            self._forget(now)
            pace = self._used[key] = Pace(self._rate, now)
        self._used.move_to_end(key)
        return pace

    def _forget(self, now: float) -> None:
        while self._used:
            pace = next(iter(self._used.values()))
            if len(self._used) < self._most and not pace.rested(now):
                return
            self._used.popitem(last=False)
