"""One server to a folder: a store has one writer."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

LOCK = ".mishkah.lock"


class CantServe(Exception):
    """The server can't start; says what to do."""


@contextlib.contextmanager
def locked(data: Path) -> Iterator[None]:
    """Keep every other server out of *data* for the block, or raise CantServe.

    The lock goes with the process, however it ends.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context((data / LOCK).open("w"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CantServe(f"a server already serves {data}; stop it first") from error
        except OSError as error:
            raise CantServe(f"can't write in {data}: {error.strerror}") from error
        yield
