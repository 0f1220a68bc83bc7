"""Add to a JSON file as a careful person would: what stands there stays as it is written.

The texts are sound JSON (they were read by `parse_json` before).
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

_decode = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\r\n]*")


def with_member(text: str, path: Sequence[str], key: str, value: object) -> str:
    """Return *text* with *key* as the last of the object at *path*; steps not there are made."""
    at = _skip(text, 1 if text.startswith("\ufeff") else 0)
    for i, step in enumerate(path):
        found = {name: start for name, start, _ in _members(text, at)}
        if step not in found:
            for missing in reversed(path[i + 1 :]):
                key, value = missing, {key: value}
            return _append(text, at, f"{json.dumps(step, ensure_ascii=False)}: ", {key: value})
        at = found[step]
    return _append(text, at, f"{json.dumps(key, ensure_ascii=False)}: ", value)


def with_element(text: str, path: Sequence[str], value: object) -> str:
    """Return *text* with *value* as the last of the list at *path*, which is there."""
    at = _skip(text, 1 if text.startswith("\ufeff") else 0)
    for step in path:
        at = next(start for name, start, _ in _members(text, at) if name == step)
    return _append(text, at, "", value)


def written(value: object, indent: str = "") -> str:
    """Return *value* as we write it: on one line where that is short."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + len(indent) <= 90:
        return short
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n" + indent)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _members(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Yield (key, start, end) of each value of the object that begins at *at*."""
    for start, end in _items(text, at):
        key, after = _decode(text, start)
        value = _skip(text, _skip(text, after) + 1)
        yield key, value, end


def _items(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Yield where each item of the object or list at *at* begins and ends, keys included."""
    named = text[at] == "{"
    at = _skip(text, at + 1)
    while text[at] not in "]}":
        start = at
        _, end = _decode(text, at)
        if named:
            _, end = _decode(text, _skip(text, _skip(text, end) + 1))
        yield start, end
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _append(text: str, at: int, lead: str, value: Any) -> str:
    items = list(_items(text, at))
    newline = "\r\n" if "\r\n" in text else "\n"
    line = text.rfind("\n", 0, at) + 1
    outer = text[line : at - len(text[line:at].lstrip(" \t"))]
    if not items:
        _, end = _decode(text, at)
        inner = outer + "  "
        piece = newline + inner + lead + written(value, inner) + newline + outer
        return text[: at + 1] + piece.replace("\r\n", "\n").replace("\n", newline) + text[end - 1 :]
    _, end = items[-1]
    gap = text[at + 1 : items[0][0]]
    if "\n" in gap:
        inner = gap.rpartition("\n")[2]
        piece = "," + newline + inner + lead + written(value, inner)
    else:
        piece = ", " + lead + json.dumps(value, ensure_ascii=False)
    if newline == "\r\n":
        piece = piece.replace("\r\n", "\n").replace("\n", newline)
    return text[:end] + piece + text[end:]
