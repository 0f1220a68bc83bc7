"""The installation's files while they are served: roles are read again, changes are noted."""

import logging
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import trio

from mishkah.clock import Clock
from mishkah.core.errors import Refused
from mishkah.identity.gate import ClosedGate
from mishkah.jsonfile import BadFile

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often the file of roles is looked at."""
EVENT = "configuration"


class Configuration:
    """The *files* of *data* that decide what is served; of these *roles* may change meanwhile."""

    def __init__(
        self, gate: ClosedGate, data: Path, files: Sequence[str], roles: str, clock: Clock
    ) -> None:
        self._gate = gate
        self._data = data
        self._files = files
        self._roles = roles
        self._clock = clock

    async def note(self) -> None:
        """Write down which files have changed since they were served last."""
        await self._note(self._files)

    async def follow(self) -> None:
        """Read the roles again whenever their file has changed; forever.

        What is wrong in it leaves the roles as they are. So does a file that is gone: the
        ready-made roles may do more than those of the same names in it.
        """
        file = self._data / self._roles
        seen = _mark(file)
        while True:
            await trio.sleep(LOOK_SECONDS)
            if (mark := _mark(file)) == seen:
                continue
            seen = mark
            if mark is None:
                log.error("the roles stay as they were: there is no %s any more", self._roles)
                continue
            try:
                self._gate.read_again()
            except BadFile as bad:
                log.error("the roles stay as they were: %s", bad)
            else:
                log.warning("the roles were read again")
            await self._note((self._roles,))

    async def _note(self, files: Sequence[str]) -> None:
        identity = self._gate.identity
        try:
            known = identity.last(EVENT)
            for name in files:
                state = f"{name} {_digest(self._data / name)}"
                if known.get(name) != state:
                    await identity.happened(EVENT, state, self._clock())
        except Refused as refusal:
            log.error("a change of the configuration could not be noted: %s", refusal)


def _digest(file: Path) -> str:
    try:
        return blake2b(file.read_bytes(), digest_size=8).hexdigest()
    except OSError:
        return "none"


def _mark(file: Path) -> tuple[int, int, int] | None:
    """Return what tells whether *file* was written since, None where it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
