"""The shop in which every story happens."""

from pathlib import Path

import pytest

from mishkah.testing import write_installation
from simulation.world import RULES, SEEDS, TABLES


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "data"
    return write_installation(folder, TABLES, rules=RULES, seeds=SEEDS)
