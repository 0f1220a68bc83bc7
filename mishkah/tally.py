"""Plain counts of what happens, kept by whoever does it, whoever reads them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Bounds of what counts commits."""
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Bounds of what counts time."""


class Histogram:
    """How many values were at most each of *bounds*; the last count is of those beyond."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class StoreTally:
    """What one store has done since the server started, over all its restarts."""

    def __init__(self) -> None:
        self.acks = 0
        self.deltas = 0
        """DELTAs, counted once for each listener."""
        self.batches = Histogram(SIZES)
        """Commits that shared one transaction."""
        self.appends = Histogram(SECONDS)
        """Seconds until a batch was durable."""
        self.restarts = 0


class Tally:
    """What the whole house has done."""

    def __init__(self) -> None:
        self.sessions = 0
        self.refused: Counter[str] = Counter()
        """Refusals by code."""
        self.limited: Counter[str] = Counter()
        """How often a limit had to act, by its name in `Limits`."""
        self.lag = Histogram(SECONDS)
        """Seconds that the event loop woke up late."""
        self.answered: Counter[tuple[str, str, int]] = Counter()
        """HTTP responses by method, route and status."""
