"""The wall clock: looked at here and nowhere else, and passed to whoever needs it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the moment, with a zone. It may jump: timestamps follow it, and nothing else does."""


def wall_clock() -> datetime:
    return datetime.now(UTC)
