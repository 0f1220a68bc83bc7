"""JSON files that people write: read strictly, and complained about by file and place."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mishkah.core.errors import Finding
from mishkah.core.shapes import Misfit, fit
from mishkah.core.strictjson import loads

T = TypeVar("T")

PACKAGED = " (package): "
"""Stands between module and path in the name of a package's file."""


class BadFile(Exception):
    """A file that can't be used, and what is wrong in it."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings
        super().__init__("; ".join(map(str, findings)))


def parse_json(file: str, content: bytes) -> object:
    """Return what *content* says; numbers with a fraction are Decimal. Raises BadFile."""
    try:
        return loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadFile(Finding(file, f"byte {error.start}", "this file is not UTF-8")) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadFile(Finding(file, place, f"this is not JSON: {error.msg}")) from error
    except ValueError as error:
        raise BadFile(Finding(file, "$", f"this can't be read: {error}")) from error


def shape(file: str, raw: object, kind: type[T]) -> T:
    """Return *raw*, decoded JSON, as a value of *kind*, or raise BadFile with the place."""
    with placing(file):
        return fit(raw, kind)


@contextmanager
def placing(file: str) -> Iterator[None]:
    """Turn what does not fit into BadFile: *file* is where it stands."""
    try:
        yield
    except Misfit as misfit:
        raise BadFile(Finding(file, misfit.path, misfit.message)) from misfit


def read_bytes(path: Path, file: str) -> bytes | None:
    """Return the content of *path*, None where there is no such file; *file* is its name."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return path.read_bytes()
        raise BadFile(Finding(file, "$", "this is not a file"))  # a pipe would be waited for
    except FileNotFoundError:
        if path.is_symlink():
            raise BadFile(Finding(file, "$", "this link leads nowhere")) from None
        return None
    except OSError as error:
        raise BadFile(Finding(file, "$", f"this can't be read: {error.strerror}")) from error
