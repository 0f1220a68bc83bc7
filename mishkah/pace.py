"""How fast one client is read."""

import trio


class Pace:
    """Lets *rate* messages a second pass, two seconds' worth at once; the others wait."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free = 2 * rate
        self._at = trio.current_time()

    async def turn(self) -> None:
        """Wait until one more message may be read."""
        now = trio.current_time()
        self._free = min(self._free + (now - self._at) * self._rate, 2 * self._rate) - 1
        self._at = now
        if self._free < 0:
            await trio.sleep(-self._free / self._rate)
