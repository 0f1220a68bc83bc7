"""Guesses at a secret: few at a time, fewer after failures, and each as dear as any other."""

from collections.abc import Sequence
from typing import Protocol

import trio

from mishkah.core.errors import RateLimited
from mishkah.identity.hasher import Hasher


class Throttle(Protocol):
    """Counts failures by key. *now* is in seconds of a clock that does not jump."""

    def may(self, keys: Sequence[str], now: float) -> float:
        """Return how many seconds to wait before another attempt; 0 where it may be made."""

    def failed(self, keys: Sequence[str], now: float) -> None: ...
    def succeeded(self, keys: Sequence[str], now: float) -> None: ...


class Attempts:
    """Where passwords, PINs and codes are tried."""

    def __init__(self, hasher: Hasher, throttle: Throttle) -> None:
        self.hasher = hasher
        self._throttle = throttle

    def may(self, keys: Sequence[str]) -> None:
        """Raise RateLimited while those of *keys* have failed too often."""
        if seconds := self._throttle.may(keys, trio.current_time()):
            raise RateLimited(seconds)

    def failed(self, keys: Sequence[str]) -> None:
        self._throttle.failed(keys, trio.current_time())

    async def right(
        self, kept: str | None, secret: str, address: str | None, name: str | None
    ) -> bool:
        """Tell whether *kept* is a hash of *secret*; None is nobody's, and costs the same.

        Failures count for *address* and for *name*, which may be nobody's too. Raises RateLimited,
        Busy.
        """
        keys = keys_of(address, name)
        self.may(keys)
        async with self.hasher.turn():
            # Those who waited together for a turn must not all be let through by one look.
            self.may(keys)
            right = await self.hasher.verify(kept, secret)
            if not right:
                self.failed(keys)
            elif name is not None:
                # Not the address: who has one account would go on trying others from there.
                self._throttle.succeeded(keys_of(None, name), trio.current_time())
        return right


def keys_of(address: str | None, name: str | None) -> list[str]:
    """Return the keys under which failures are counted."""
    named = [] if name is None else [f"name {name[:64]}"]
    return named if address is None else [*named, f"address {address}"]
