"""A thread that watches the event loop while plugins run on it, and names the one that hangs.

Python can't interrupt a function that does not return. So the hanging one is named with its stack,
and when it has hung too long the process ends: a restart loses nothing that was acknowledged.
"""

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h: an internal software error."""


class Watchdog:
    """Watches what one thread says it is calling. *patience* and *limit* are seconds."""

    def __init__(self, patience: float = 1.0, limit: float = 10.0) -> None:
        self._patience = patience
        self._limit = limit
        self._call: tuple[str, float] | None = None
        self._thread_id = 0
        self._stopped = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the calls of the current thread while the block runs."""
        self._thread_id = threading.get_ident()
        thread = threading.Thread(target=self._watch, name="mishkah watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def enter(self, name: str) -> None:
        """Say that the plugin function *name* is about to be called."""
        self._call = (name, time.monotonic())

    def leave(self) -> None:
        self._call = None

    def _watch(self) -> None:
        named: tuple[str, float] | None = None
        while not self._stopped.wait(min(self._patience, self._limit) / 4):
            call = self._call
            if call is None:
                continue
            hung = time.monotonic() - call[1]
            if hung > self._patience and call is not named:
                named = call
                log.error("%s has not returned for %.1f s\n%s", call[0], hung, self._stack())
            if hung > self._limit:
                log.critical("%s hangs; the process ends, and may be started again", call[0])
                logging.shutdown()
                os._exit(EXIT_CODE)

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._thread_id)
        return "".join(traceback.format_stack(frame)) if frame else ""
