"""The compilers that judge written types; without them a laptop skips, CI does not."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest


def _found(what: str, where: str | None) -> str:
    if where is None:
        if os.environ.get("CI"):
            pytest.fail(f"{what} is missing")
        pytest.skip(f"{what} is missing")
    return where


@pytest.fixture
def tsc(tmp_path: Path) -> Callable[..., str]:
    """Return a function (texts by file name) → what a strict TypeScript has against them."""
    command = _found("tsc", shutil.which("tsc"))

    def complaints(**files: str) -> str:
        for name, text in files.items():
            (tmp_path / f"{name}.ts").write_text(text, "utf-8")
        strict = ["--strict", "--noEmit", "--exactOptionalPropertyTypes", "--skipLibCheck"]
        options = [*strict, "--target", "es2023", "--module", "es2022", "--moduleResolution",
                   "bundler", "--allowJs", "--maxNodeModuleJsDepth", "0"]  # fmt: skip
        told = subprocess.run(
            [command, *options, *(f"{name}.ts" for name in files)],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        return told.stdout + told.stderr

    return complaints


@pytest.fixture
def mypy(tmp_path: Path) -> Callable[..., str]:
    """Return a function (texts by module) → what a strict mypy has against them."""
    _found("mypy", "mypy" if find_spec("mypy") else None)

    def complaints(**files: str) -> str:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text, "utf-8")
        (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n")
        told = subprocess.run(
            [sys.executable, "-m", "mypy", *(f"{name}.py" for name in files)],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        return "" if told.returncode == 0 else told.stdout + told.stderr

    return complaints
