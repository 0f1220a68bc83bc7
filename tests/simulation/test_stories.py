"""Whatever goes wrong, nothing is lost, doubled, left out in numbering, or seen differently."""

import os
from pathlib import Path

import pytest

from simulation.story import tell

STORIES = int(os.environ.get("MISHKAH_STORIES", "40"))


@pytest.mark.parametrize("seed", range(STORIES))
def test_every_story_ends_well(seed: int, shop: Path) -> None:
    tell(seed, shop)


def test_a_seed_tells_one_story(shop: Path) -> None:
    assert tell(7, shop) == tell(7, shop)


def test_in_the_stories_much_goes_wrong(shop: Path) -> None:
    """A calm world would show nothing."""
    told = [tell(seed, shop) for seed in range(10)]
    assert sum(story.faults for story in told) > 50
    assert sum(story.crashes for story in told) > 10
    assert sum(story.deeds for story in told) > 500
