"""The identity store of a house in memory, with hashes that cost little."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import argon2
import trio

from mishkah.identity.hasher import Hasher
from mishkah.identity.identity import Identity, open_identity
from mishkah.identity.register import OPERATOR
from mishkah.identity.throttle import Throttle
from mishkah.journal import MemoryJournals, OpenJournal
from mishkah.limits import Limits
from mishkah.testing import NOON, ticking
from mishkah.who import Scope, Who

CHEAP = argon2.Parameters(
    type=argon2.Type.ID, version=19, salt_len=8, hash_len=16, time_cost=1, memory_cost=8,
    parallelism=1,
)  # fmt: skip
DEARER = argon2.Parameters(
    type=argon2.Type.ID, version=19, salt_len=8, hash_len=16, time_cost=2, memory_cost=16,
    parallelism=1,
)  # fmt: skip
OWNER = (Scope("owner"),)
CASHIER = (Scope("cashier", ("dar",), ("pos",)),)
AMAL, MONA = "two words of Amal", "two words of Mona"
TILL = (Scope("till", ("dar",), ("pos",)),)


def after(**time: float) -> datetime:
    """Return the moment so long after noon."""
    return NOON + timedelta(**time)


async def inline(work: Callable[[], Any]) -> Any:
    """Do *work* here: a virtual clock does not wait for threads."""
    await trio.lowlevel.checkpoint()
    return work()


class CountingHasher(Hasher):
    """Counts what is hashed, and does it by *work*."""

    def __init__(self, parameters: argon2.Parameters = CHEAP) -> None:
        self.hashed = 0
        self.work: Callable[[Callable[[], Any]], Awaitable[Any]] = inline
        super().__init__(parameters, self._counted)

    async def _counted(self, work: Callable[[], Any]) -> Any:
        self.hashed += 1
        return await self.work(work)


class Place:
    """An identity store with Mona, an owner, and Amal, a cashier, whose PIN is 4711."""

    def __init__(self, identity: Identity, hasher: CountingHasher) -> None:
        self.identity = identity
        self.hasher = hasher

    async def furnish(self) -> None:
        create = self.identity.register.create_user
        await create(OPERATOR, "mona", NOON, name="Mona", scopes=OWNER, password=MONA, pin="9753")
        await create(OPERATOR, "amal", NOON, scopes=CASHIER, password=AMAL, pin="4711")

    async def signed_in(self, user: str, at: datetime = NOON) -> Who:
        return self.identity.identify(await self.token(user, at), at)

    async def token(self, user: str, at: datetime = NOON) -> str:
        password = {"mona": MONA, "amal": AMAL}[user]
        return await self.identity.sessions.login(user, password, "10.0.0.9", at)

    async def till(self, device: str = "till-1", at: datetime = NOON) -> str:
        """Enrol a device; return its token."""
        code = await self.identity.devices.create_code(OPERATOR, device, at, scopes=TILL)
        return await self.identity.devices.enrol(code, "10.0.0.5", at)

    def events(self, limit: int = 1000) -> list[str]:
        """Return what the audit holds, the newest first."""
        return [row["event"] for row in self.identity.register.audit(OPERATOR, limit)]


@asynccontextmanager
async def open_place(
    journals: OpenJournal | None = None,
    hasher: CountingHasher | None = None,
    logins: int = 1000,
) -> AsyncIterator[Place]:
    """Open a place where *logins* may fail from one address."""
    hasher = hasher or CountingHasher()
    throttle = Throttle(Limits(logins=logins, user_logins=logins), Counter())
    opened = open_identity(journals or MemoryJournals(), ticking(), hasher, throttle)
    async with opened as identity:
        yield Place(identity, hasher)
