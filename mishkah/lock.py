"""One server to a folder: a store has one writer."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

LOCK = ".mishkah.lock"
_HOW = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
"""Not truncating, not through a link, and not waiting for the other end of a pipe."""


class CantServe(Exception):
    """The server can't start; says what to do."""


class Taken(CantServe):
    """Somebody else has the folder: a server, or a command that writes."""


@contextlib.contextmanager
def locked(data: Path) -> Iterator[None]:
    """Keep every other server out of *data* for the block, or raise CantServe.

    The lock goes with the process, however it ends.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = os.open(data / LOCK, _HOW, 0o600)  # who can open it, can lock it
            stack.callback(os.close, file)
            with contextlib.suppress(OSError):
                os.fchmod(file, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Taken(f"a server already serves {data}; stop it first") from error
        except OSError as error:
            raise CantServe(f"can't write in {data}: {error.strerror}") from error
        yield
