"""Refusals on their way into the audit: whoever is refused does not wait until it is written."""

from contextlib import suppress

import trio

from mishkah.clock import Clock
from mishkah.core.errors import Refused
from mishkah.identity.audit import WINDOW, Entry, entry
from mishkah.identity.book import Book
from mishkah.who import Who

NOTED = frozenset({"FORBIDDEN", "AUTH_REQUIRED", "AUTH_EXPIRED"})
"""The codes that tell of somebody who tries to do what they may not."""
WAITING = 64
"""Refusals that may wait to be written down; the others are only counted."""


class Refusals:
    """Takes refusals from whoever tells them, and writes them into *book*."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._slot, self._mail = trio.open_memory_channel[Entry](WAITING)

    def note(self, who: Who, code: str, address: str | None) -> None:
        """Let it be written soon that *who*, from *address*, was told *code*, if it is `NOTED`.

        Wrong passwords, PINs and codes are noted where they are tried.
        """
        if code not in NOTED:
            return
        new = entry("refused", who, address, code, failure=True)
        try:
            self._slot.send_nowait(new)
        except trio.WouldBlock:
            self._book.count(new)

    async def run(self) -> None:
        """Write down what comes, and now and then what was only counted; forever."""
        while True:
            new = None
            with trio.move_on_after(WINDOW):
                new = await self._mail.receive()
            with suppress(Refused):  # the store is not there: what comes later is noted again
                if new is None:
                    await self._book.note_counted(self._clock())
                else:
                    await self._book.note(new, self._clock())
