"""Two worlds that differ only in what a client may not see: it can't tell them apart, by any word.

The worlds have the same number of commits, the same keys, the same unique values, and write the
same rows that can be seen: that these can be found out is admitted, see docs/security.md. Time
aside, everything that comes is compared, byte by byte. ``MISHKAH_WORLDS`` is how many pairs of
worlds are tried for each role.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.tongue import HELLO, SHOP, Tongue
from support.worlds import ROLES, V1, World, seed_socket, world
from trio.testing import MockClock

from mishkah.testing import NOON

PAIRS = int(os.environ.get("MISHKAH_WORLDS", "6"))
STEPS = 150


@pytest.mark.parametrize("seed", range(PAIRS))
@pytest.mark.parametrize("role", ROLES)
async def test_nothing_tells_which_world_it_is(
    tmp_path: Path, mock_clock: MockClock, role: str, seed: int
) -> None:
    tongue = Tongue(f"{role}{seed}")
    told: list[Any] = []
    crowd = seed % 3 == 0
    step = 0

    def clock() -> datetime:
        return NOON + timedelta(seconds=step)

    async with (
        world(tmp_path, 0, role, clock, crowd=crowd) as one,
        world(tmp_path, 1, role, clock, crowd=crowd) as other,
    ):
        for step in range(STEPS):
            said, *heard = await _say_anything(tongue, (one, other), step)
            told += [(step, name, said, some, heard[1][name]) for name, some in heard[0].items()
                     if some != heard[1][name]]  # fmt: skip
            if told:
                break
            for some in heard[0].values():
                tongue.learn(some)
        mock_clock.autojump_threshold = 0  # so that the houses may close
    assert not told, "\n".join(map(str, told[0]))


async def _say_anything(tongue: Tongue, worlds: tuple[World, World], step: int) -> tuple[Any, ...]:
    """Do one thing in both *worlds*; return it, and what was heard in each, by socket."""
    said: Any
    answers = [b"", b""]
    match tongue.random.randrange(20):
        case 0 | 1 | 2 | 3:
            said = tongue.secret(step)
            for one, message in zip(worlds, said, strict=True):
                await one.owner.ask({**message, **SHOP, "ref": f"o{step}"})
        case 4 | 5 | 6 | 7 | 8:
            said = tongue.request()
            answers = [await one.http(said) for one in worlds]
        case 9 | 10:
            since = f"&since={max(tongue.seq, 0)}&epoch={tongue.one(*tongue.learnt['epoch'])}"
            handshake = seed_socket(tongue.one("", "", since, "&tables=item", "&client=low"))
            message, anew = tongue.message(), tongue.one(True, False, False)
            said = handshake, message
            for one in worlds:
                await one.say("seed", handshake, [], message, anew=anew)
        case _:
            first = [HELLO, *tongue.one([], [{"type": "SUBSCRIBE", **SHOP}])]
            said, anew = tongue.message(), tongue.random.random() < 0.1
            for one in worlds:
                await one.say("v1", V1, first, said, anew=anew)
    heard = [await one.quiet() for one in worlds]
    return (said, *({**some, "http": more} for some, more in zip(heard, answers, strict=True)))
