"""The command line, in this process, on a copy of the sample installation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.server import copy_sample

from mishkah.cli import main

Run = Callable[..., Result]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return copy_sample(tmp_path / "data")


@pytest.fixture
def run() -> Run:
    """Return a function that runs a command and checks its exit code."""

    def run_it(
        *words: object, code: int = 0, env: dict[str, str] | None = None, stdin: str | None = None
    ) -> Result:
        result = CliRunner(env=env).invoke(main, [str(word) for word in words], input=stdin)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run_it


@pytest.fixture
def said(run: Run) -> Callable[..., Any]:
    """Return a function that runs a command with --json and returns what it says."""
    return lambda *words, **how: json.loads(run(*words, "--json", **how).stdout)
