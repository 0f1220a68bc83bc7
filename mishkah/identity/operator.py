"""How commands reach a server that runs: a file that only its own system user can read.

That is the whole trust: who can read the file could as well read and write the stores beside it.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

REACH = "operator.json"
"""In the folder of the identity store, while its server runs; after a kill until the next start."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Reach(msgspec.Struct, frozen=True):
    """Where a server listens, and the token of its operator, good as long as it runs.

    *certificate* is the SHA-256 of the certificate that it shows (DER), None where it has no TLS.
    """

    host: str
    port: int
    token: str
    certificate: str | None = None


def make_private(folder: Path) -> None:
    """Make *folder*, if it is not there, for nobody but its own user."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def forget_reach(folder: Path) -> None:
    """Remove what a server has left that was killed; by who holds the lock of the installation."""
    with contextlib.suppress(OSError):
        (folder / REACH).unlink(missing_ok=True)


@contextlib.contextmanager
def reachable(folder: Path, reach: Reach) -> Iterator[None]:
    """Let commands of the same system user reach this server by *reach*, for the block.

    A folder that can't be written in keeps nobody from being served.
    """
    path = folder / REACH
    try:
        _write(path, msgspec.json.encode(reach))
    except OSError as error:
        log.error("commands won't reach this server: %s: %s", path, error.strerror)
    try:
        yield
    finally:
        forget_reach(folder)


def _write(path: Path, content: bytes) -> None:
    """Write *path*, which is there whole or not at all, and never for others to read."""
    draft = path.with_name(f"{path.name}-new")
    draft.unlink(missing_ok=True)
    file = os.open(draft, _NEW, 0o600)
    try:
        os.write(file, content)
    finally:
        os.close(file)
    draft.replace(path)


def read_reach(folder: Path) -> Reach | None:
    """Return how the server of *folder* is reached; None where it has not said so."""
    try:
        content = (folder / REACH).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(content, type=Reach)
