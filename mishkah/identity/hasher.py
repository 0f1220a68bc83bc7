"""Passwords and PINs, hashed slowly and off the event loop, few at a time."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import argon2
import trio
from argon2.exceptions import InvalidHashError, VerificationError

from mishkah.core.errors import Busy

T = TypeVar("T")

RFC_9106_LOW_MEMORY = argon2.Parameters(
    type=argon2.Type.ID,
    version=19,
    salt_len=16,
    hash_len=32,
    time_cost=3,
    memory_cost=64 * 1024,
    parallelism=4,
)
"""RFC 9106, section 4, the second recommended option: 64 MiB for each hash at work."""
AT_ONCE = 2
"""Hashes worked out at once: a flood of them leaves memory, cores and threads to others."""
WAITING = 64
"""Who may wait for their turn; the others are told to come back."""

Run = Callable[[Callable[[], T]], Awaitable[T]]


async def in_a_thread(work: Callable[[], T]) -> T:
    return await trio.to_thread.run_sync(work)


class Hasher:
    """Argon2id with *parameters*; *run* does the work, in a thread unless a test says otherwise."""

    def __init__(
        self,
        parameters: argon2.Parameters = RFC_9106_LOW_MEMORY,
        run: "Run[str | bool]" = in_a_thread,
    ) -> None:
        self._argon = argon2.PasswordHasher(
            parameters.time_cost,
            parameters.memory_cost,
            parameters.parallelism,
            parameters.hash_len,
            parameters.salt_len,
        )
        self._nobodys = self._argon.hash("nobody has this")
        self._run = run
        self._turns = trio.CapacityLimiter(AT_ONCE)

    def check_room(self) -> None:
        """Raise Busy where too many wait for their turn."""
        if self._turns.statistics().tasks_waiting >= WAITING:
            raise Busy

    async def hash(self, secret: str) -> str:
        """Return what is kept of *secret*, salted and with its parameters. Raises Busy."""
        kept = await self._do(lambda: self._argon.hash(_bytes(secret)))
        assert isinstance(kept, str)
        return kept

    async def verify(self, kept: str | None, secret: str) -> bool:
        """Tell whether *kept* is a hash of *secret*; for None the work is the same, in vain.

        Raises Busy.
        """
        right = await self._do(lambda: self._matches(kept or self._nobodys, secret))
        return bool(right) and kept is not None

    async def _do(self, work: Callable[[], str | bool]) -> str | bool:
        self.check_room()
        async with self._turns:
            return await self._run(work)

    def _matches(self, kept: str, secret: str) -> bool:
        try:
            return self._argon.verify(kept, _bytes(secret))
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, kept: str) -> bool:
        """Tell whether *kept* was made with other parameters, and should be made again."""
        return self._argon.check_needs_rehash(kept)


def _bytes(secret: str) -> bytes:
    return secret.encode(errors="surrogatepass")
