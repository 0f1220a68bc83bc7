"""Decoded JSON as typed values, and where it does not fit: with the key that msgspec leaves out."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")


class ConfigFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that people write. Its ``$schema`` helps their editor and means nothing here."""

    editor_schema: str = msgspec.field(name="$schema", default="")


class Misfit(Exception):
    """*message* says what does not fit at *path*, such as ``$.branches.dar.modules[0]``."""

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(f"{path}: {message}")


def fit(raw: object, kind: type[T]) -> T:
    """Return *raw* as a value of *kind*, or raise `Misfit`."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise Misfit(_full(path.strip("`") or "$", raw, kind), message) from error
    except RecursionError as error:
        raise Misfit("$", "this is nested too deeply") from error


def _full(path: str, raw: object, kind: type) -> str:
    """Return *path* with the keys of mappings in place of msgspec's ``[...]``."""
    steps: list[str | int] = []
    for name, index, anonymous in _STEP.findall(path):
        step: str | int = name or int(index or 0)
        if anonymous:
            step = _culprit(raw, steps, kind)
        steps.append(step)
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _culprit(raw: object, steps: list[str | int], kind: type) -> str:
    """Return the key under *steps* without whose value *raw* would fit, or fail elsewhere."""
    place = _at(raw, steps)
    for key in place if isinstance(place, Mapping) else ():
        try:
            msgspec.convert(_with(raw, steps, {key: place[key]}), kind)
        except msgspec.ValidationError:
            return str(key)
    return "..."


def _at(raw: Any, steps: list[str | int]) -> Any:
    for step in steps:
        raw = raw[step]
    return raw


def _with(raw: Any, steps: list[str | int], value: object) -> Any:
    """Return *raw* with *value* under *steps*, and nothing of it changed."""
    if not steps:
        return value
    step, *rest = steps
    copy: Any = list(raw) if isinstance(raw, list) else dict(raw)
    copy[step] = _with(raw[step], rest, value)
    return copy
