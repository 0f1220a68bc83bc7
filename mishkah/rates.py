"""How fast clients are read and answered: each socket, all of one address, all of one person.

On a socket what comes too fast is read later, and nothing is refused; a request is refused.
"""

from collections import Counter

import trio

from mishkah.core.errors import RateLimited
from mishkah.limits import Limits
from mishkah.pace import Pace, Paces


class Rates:
    """The rates of a house. What they hold up is counted in *limited*, by the limit's name.

    An *address* is one as limits count it, this machine's where `loopback` is set; of None nothing
    is counted, its people neither.
    """

    def __init__(self, limits: Limits, limited: Counter[str]) -> None:
        self.limited = limited
        self.addresses = Paces(limits.address_rate)
        self.people = Paces(limits.user_rate)
        self.loopback = limits.loopback
        self._rate = limits.rate

    def socket(self, address: str | None) -> "Pacing":
        """Return how a new socket of *address* is read."""
        return Pacing(self, address, Pace(self._rate, trio.current_time()))

    def admit(self, address: str | None) -> None:
        """Count a request of *address*. Raises RateLimited where there are too many."""
        if address is not None:
            self._admit("address_rate", self.addresses, address)

    def admit_person(self, owner: str, address: str | None) -> None:
        """Count a request of the person, device or program *owner*, who comes from *address*.

        Raises RateLimited where there are too many.
        """
        if address is not None and owner:
            self._admit("user_rate", self.people, owner)

    def _admit(self, limit: str, paces: Paces, key: str) -> None:
        now = trio.current_time()
        if seconds := paces.of(key, now).ask(now):
            self.limited[limit] += 1
            raise RateLimited(seconds)


class Pacing:
    """How one socket is read: at a pace of its own, and at those that it shares.

    It shares one with all of its address, and one with all else that *owner* does, as `Who` names
    it, once that is known.
    """

    __slots__ = ("_address", "_own", "_rates", "owner")

    def __init__(self, rates: Rates, address: str | None, own: Pace) -> None:
        self.owner = ""
        self._rates = rates
        self._address = address
        self._own = own

    async def turn(self) -> None:
        """Wait until one more message may be read."""
        if self._address is None:
            return
        await self._wait("rate", self._own)
        if self.owner:
            await self._wait("user_rate", self._rates.people.of(self.owner, trio.current_time()))
        shared = self._rates.addresses.of(self._address, trio.current_time())
        await self._wait("address_rate", shared)

    async def _wait(self, limit: str, pace: Pace) -> None:
        if seconds := pace.step(trio.current_time()):
            self._rates.limited[limit] += 1
            await trio.sleep(seconds)
