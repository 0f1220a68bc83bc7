"""The installation's files while they are served: roles are read again, changes are noted."""

import logging
from collections.abc import Sequence
from datetime import datetime
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


async def follow_configuration(
    gate: ClosedGate, data: Path, files: Sequence[str], roles: str, clock: Clock
) -> None:
    """Note which of *files* have changed since they were served last; then look at *roles*.

    Whenever it has changed it is read again; what is wrong leaves the roles as they are. Never
    returns.
    """
    seen = _mark(data / roles)
    await _note(gate, data, files, clock())
    while True:
        await trio.sleep(LOOK_SECONDS)
        if (mark := _mark(data / roles)) == seen:
            continue
        seen = mark
        try:
            gate.read_again()
        except BadFile as bad:
            log.error("the roles stay as they were: %s", bad)
        else:
            log.warning("the roles were read again")
        await _note(gate, data, (roles,), clock())


async def _note(gate: ClosedGate, data: Path, files: Sequence[str], now: datetime) -> None:
    try:
        known = gate.identity.last(EVENT)
        for name in files:
            state = f"{name} {_digest(data / name)}"
            if known.get(name) != state:
                await gate.identity.happened(EVENT, state, now)
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
