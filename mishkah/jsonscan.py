"""Where things stand in the text of a JSON file: for findings, and for careful changes.

The texts are sound JSON: `parse_json` has read them.
"""

import json
import re
from collections.abc import Iterable, Iterator

decode = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\r\n]*")
_INDEX = re.compile(r"\[(\d+)\]", re.ASCII)

_Wanted = list[tuple[str, str]]
"""(a whole path, what is left of it)"""


def skip(text: str, at: int) -> int:
    """Return where the white space from *at* on ends."""
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def beginning(text: str) -> int:
    """Return where the one value of the file begins."""
    return skip(text, 1 if text.startswith("\ufeff") else 0)


def items(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Yield where each item of the object or list at *at* begins and ends, keys included."""
    named = text[at] == "{"
    at = skip(text, at + 1)
    while text[at] not in "]}":
        start = at
        _, end = decode(text, at)
        if named:
            _, end = decode(text, skip(text, skip(text, end) + 1))
        yield start, end
        at = skip(text, end)
        if text[at] == ",":
            at = skip(text, at + 1)


def members(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Yield (key, where the key begins, where its value begins) of the object at *at*."""
    for start, _ in items(text, at):
        key, after = decode(text, start)
        yield key, start, skip(text, skip(text, after) + 1)


def lines_of(text: str, paths: Iterable[str]) -> dict[str, int]:
    """Return path → its line, from 1, for paths such as ``$.tables.item[3].name``.

    What is not there has the line of what is nearest around it. A key with a dot in it is found.
    """
    starts: dict[str, int] = {}
    wanted = [(path, path[1:]) for path in paths if path.startswith("$")]
    try:
        at = beginning(text)
        _find(text, at, at, wanted, starts)
    except (ValueError, RecursionError, IndexError):  # what `parse_json` has refused
        return {}
    lines: dict[str, int] = {}
    line, before = 1, 0
    for path, start in sorted(starts.items(), key=lambda found: found[1]):
        line += text.count("\n", before, start)
        before = start
        lines[path] = line
    return lines


def _find(text: str, shown: int, at: int, wanted: _Wanted, starts: dict[str, int]) -> None:
    """Note in *starts* where the value at *at*, or its key at *shown*, stands for each path."""
    starts.update((path, shown) for path, _ in wanted)
    deeper = [(path, rest) for path, rest in wanted if rest]
    if deeper and text[at] == "{":
        for key, start, value in members(text, at):
            size = len(key) + 1
            mine = [
                (path, rest[size:])
                for path, rest in deeper
                if rest.startswith(f".{key}") and rest[size : size + 1] in ("", ".", "[")
            ]
            if mine:
                _find(text, start, value, mine, starts)
    elif deeper and text[at] == "[":
        by_index: dict[int, _Wanted] = {}
        for path, rest in deeper:
            if index := _INDEX.match(rest):
                by_index.setdefault(int(index[1]), []).append((path, rest[index.end() :]))
        for i, (start, _) in enumerate(items(text, at)):
            if i in by_index:
                _find(text, start, start, by_index[i], starts)
