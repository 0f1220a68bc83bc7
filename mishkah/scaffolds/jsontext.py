"""Add to a JSON file as a careful person would: what stands there stays as it is written.

The texts are sound JSON (they were read by `parse_json` before).
"""

import json
from collections.abc import Sequence
from typing import Any

from mishkah.jsonscan import beginning, decode, items, members


def with_member(text: str, path: Sequence[str], key: str, value: object) -> str:
    """Return *text* with *key* as the last of the object at *path*; steps not there are made."""
    at = beginning(text)
    for i, step in enumerate(path):
        found = {name: value for name, _, value in members(text, at)}
        if step not in found:
            for missing in reversed(path[i + 1 :]):
                key, value = missing, {key: value}
            return _append(text, at, f"{json.dumps(step, ensure_ascii=False)}: ", {key: value})
        at = found[step]
    return _append(text, at, f"{json.dumps(key, ensure_ascii=False)}: ", value)


def with_element(text: str, path: Sequence[str], value: object) -> str:
    """Return *text* with *value* as the last of the list at *path*, which is there."""
    at = beginning(text)
    for step in path:
        at = next(value for name, _, value in members(text, at) if name == step)
    return _append(text, at, "", value)


def written(value: object, indent: str = "") -> str:
    """Return *value* as we write it: on one line where that is short."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + len(indent) <= 90:
        return short
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n" + indent)


def _append(text: str, at: int, lead: str, value: Any) -> str:
    there = list(items(text, at))
    newline = "\r\n" if "\r\n" in text else "\n"
    line = text.rfind("\n", 0, at) + 1
    outer = text[line : at - len(text[line:at].lstrip(" \t"))]
    if not there:
        _, end = decode(text, at)
        inner = outer + "  "
        piece = newline + inner + lead + written(value, inner) + newline + outer
        return text[: at + 1] + piece.replace("\r\n", "\n").replace("\n", newline) + text[end - 1 :]
    _, end = there[-1]
    gap = text[at + 1 : there[0][0]]
    if "\n" in gap:
        inner = gap.rpartition("\n")[2]
        piece = "," + newline + inner + lead + written(value, inner)
    else:
        piece = ", " + lead + json.dumps(value, ensure_ascii=False)
    if newline == "\r\n":
        piece = piece.replace("\r\n", "\n").replace("\n", newline)
    return text[:end] + piece + text[end:]
