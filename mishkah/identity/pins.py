"""Wrong PINs of one device: how many, and for how long no other is tried."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mishkah.core.schema import Row
from mishkah.core.values import stamp

FREE = 5
"""Wrong PINs that lock a device's PIN."""
FIRST_LOCK = 60
LONGEST_LOCK = 3600
"""Seconds of the first lock; each wrong PIN after it doubles them, up to so many."""
FORGOTTEN = timedelta(days=1)
"""After which failures count no more."""


def locked_for(device: Row, now: datetime) -> float:
    """Return for how many seconds no PIN is tried on *device*; 0 where one may be.

    A lock that is longer than any was made by a clock that has been put back since. It counts no
    more: the failures do, and one more locks anew.
    """
    if device["locked_until"] is None:
        return 0
    left = (datetime.fromisoformat(device["locked_until"]) - now).total_seconds()
    return left if 0 < left <= LONGEST_LOCK else 0


def failures_after(device: Row, user: str, now: datetime) -> dict[str, Any]:
    """Return what *device* is to keep when one more PIN is wrong: of *user*, or of nobody ("").

    They are counted by person: who knows a PIN can't by their own make others' failures forgotten.
    """
    failures = dict(device["pin_failures"] or {})
    last = device["pin_failed_at"]
    if last is not None and datetime.fromisoformat(last) + FORGOTTEN <= now:
        failures = {}
    failures[user] = failures.get(user, 0) + 1
    seconds = lock_seconds(failures)
    until = stamp(now + timedelta(seconds=seconds)) if seconds else None
    return {"pin_failures": failures, "pin_failed_at": stamp(now), "locked_until": until}


def lock_seconds(failures: Mapping[str, int]) -> int:
    """Return how long so many failures lock a device."""
    over = sum(failures.values()) - FREE
    return 0 if over < 0 else min(LONGEST_LOCK, FIRST_LOCK * 2 ** min(over, 10))


def without(device: Row, user: str) -> dict[str, Any]:
    """Return what *device* is to keep when the PIN of *user* was right."""
    failures = {name: n for name, n in (device["pin_failures"] or {}).items() if name != user}
    return {"pin_failures": failures or None, "locked_until": None}
