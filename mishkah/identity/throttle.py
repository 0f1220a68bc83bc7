"""How many logins may fail: of an address, of a name, and of a name at an address.

Times are passed in: seconds of a clock that never goes back.
"""

import hashlib
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable

from mishkah.core.errors import RateLimited, Text
from mishkah.limits import Limits

WINDOW = 900.0
"""Seconds for which a failure counts."""
MOST = 20_000
"""Failures that are remembered of each kind, whoever comes; and names known at an address."""

_MORE = 0.001
"""Seconds that are told beyond what is needed: sums of times are rounded."""


class Failures:
    """When each key has failed in the last `WINDOW`; *limit* times it may.

    At most *most* failures are kept: of more, those of the key go that has been quiet for longest.
    """

    def __init__(self, limit: int, most: int = MOST) -> None:
        self._limit = limit
        self._most = most
        self._size = 0
        self._failed: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return self._size

    def wait(self, key: Hashable, now: float) -> float:
        """Return after how many seconds *key* may try; it is not quiet who asks too early."""
        times = self._failed.get(key)
        if times is None:
            return 0.0
        self._expire(key, times, now)
        if len(times) < self._limit:
            return 0.0
        self._failed.move_to_end(key)
        return times[0] + WINDOW - now

    def add(self, key: Hashable, now: float) -> None:
        """Note that *key* fails, which `wait` has let try."""
        self._failed.setdefault(key, deque()).append(now)
        self._failed.move_to_end(key)
        self._size += 1
        while self._size > self._most:
            self.clear(next(iter(self._failed)))

    def take_back(self, key: Hashable, at: float) -> None:
        """Forget the failure of *key* that was noted for the moment *at*, if it is still known."""
        times = self._failed.get(key, ())
        if at in times:
            assert isinstance(times, deque)
            times.remove(at)
            self._size -= 1
            if not times:
                del self._failed[key]

    def clear(self, key: Hashable) -> None:
        """Forget all failures of *key*."""
        self._size -= len(self._failed.pop(key, ()))

    def _expire(self, key: Hashable, times: deque[float], now: float) -> None:
        while times and times[0] + WINDOW <= now:
            times.popleft()
            self._size -= 1
        if not times:
            del self._failed[key]


class Throttle:
    """Who may try to log in. What it holds up is counted in *limited*, by the limit's name.

    An address may fail `logins` times, half of them under one name, so that one person's mistakes
    do not shut out all of a shop. A name may fail `user_logins` times from all addresses; a place
    where it has logged in before is not shut for what others try elsewhere. Names that nobody has
    count as others do. *most* bounds what is remembered of each kind.
    """

    def __init__(self, limits: Limits, limited: Counter[str], most: int = MOST) -> None:
        self._limited = limited
        self._most = most
        self._addresses = Failures(limits.logins, most)
        self._names = Failures(limits.user_logins, most)
        self._pairs = Failures(limits.logins // 2, most)
        self._known: OrderedDict[Hashable, None] = OrderedDict()

    def attempt(self, address: str, name: str, now: float) -> None:
        """Count a try as failed until `succeeded` takes it back, so that many at once are no more.

        *address* is one as limits count it, of this machine too. Raises RateLimited, which counts
        nothing, with the seconds until another try may be made.
        """
        key = _key(name)
        pair = (address, key)
        tried: list[tuple[Failures, Hashable, str]] = [
            (self._addresses, address, "logins"),
            (self._pairs, pair, "logins"),
        ]
        if pair not in self._known:
            tried.append((self._names, key, "user_logins"))
        seconds, limit = max((kind.wait(one, now), limit) for kind, one, limit in tried)
        if seconds > 0:
            self._limited[limit] += 1
            raise RateLimited(seconds + _MORE, _TOO_MANY)
        for kind, one, _ in tried:
            kind.add(one, now)

    def succeeded(self, address: str, name: str, at: float) -> None:
        """Take the try of the moment *at* back, and forget what failed of *name* at *address*.

        What else failed at that address, or of that name, counts on.
        """
        key = _key(name)
        pair = (address, key)
        self._pairs.clear(pair)
        self._addresses.take_back(address, at)
        if pair not in self._known:
            self._names.take_back(key, at)
            self._known[pair] = None
        self._known.move_to_end(pair)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def __len__(self) -> int:
        """Return how many things are remembered."""
        failures = len(self._addresses) + len(self._names) + len(self._pairs)
        return failures + len(self._known)


def _key(name: str) -> bytes:
    """Return what stands for *name*, which may be of any length."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


_TOO_MANY = Text(
    "Too many failed logins: wait before the next one",
    "محاولات دخول فاشلة كثيرة: انتظر قبل المحاولة التالية",
)
