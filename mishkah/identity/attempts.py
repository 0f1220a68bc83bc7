"""Guesses at a secret: few at a time, fewer after failures, and each as dear as any other."""

import trio

from mishkah.http.crowd import counted
from mishkah.identity.hasher import Hasher
from mishkah.identity.throttle import Throttle


class Attempts:
    """Where passwords, PINs and codes are tried."""

    def __init__(self, hasher: Hasher, throttle: Throttle) -> None:
        self.hasher = hasher
        self._throttle = throttle

    def begin(self, address: str | None, name: str) -> float:
        """Count a try of *name*, which may be nobody's, as failed; return when, for `succeeded`.

        So many at once are no more than one after another. Raises RateLimited.
        """
        now = trio.current_time()
        self._throttle.attempt(_counted(address), name, now)
        return now

    def succeeded(self, address: str | None, name: str, at: float) -> None:
        """Take back the try that was begun at *at*."""
        self._throttle.succeeded(_counted(address), name, at)

    async def right(self, kept: str | None, secret: str, address: str | None, name: str) -> bool:
        """Tell whether *kept* is a hash of *secret*; None is nobody's, and costs the same.

        Failures count for *address* and for *name*. Raises RateLimited, Busy.
        """
        self.hasher.check_room()  # who is told to come back has tried nothing
        at = self.begin(address, name)
        right = await self.hasher.verify(kept, secret)
        if right:
            self.succeeded(address, name, at)
        return right


def _counted(address: str | None) -> str:
    """Return *address* as limits count it; where there is none, that of nowhere."""
    return (address and counted(address, loopback=True)) or ""
