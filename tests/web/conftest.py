"""Node, where there is one: on a laptop without it these tests are skipped, in CI they fail."""

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("node is missing")
        pytest.skip("node is missing")
    return found
