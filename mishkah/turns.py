"""Long work of many clients: one slice of it in each round of the event loop, whoever asks."""

from collections.abc import Iterator

import trio


class Turns:
    """Whose slice is next. The loop serves everyone else between one slice and the next."""

    def __init__(self) -> None:
        self._lock = trio.StrictFIFOLock()

    async def next(self, pieces: Iterator[bytes]) -> bytes | None:
        """Wait for a turn; return the next of *pieces*, None after the last."""
        async with self._lock:
            return next(pieces, None)
