"""CSV (RFC 4180) in which a cell with nothing in it is None, and one that is `""` an empty text.

The standard library's reader takes both for an empty text before Python 3.13.
"""

import re
from collections.abc import Iterator, Sequence

Cells = list[str | None]

_CELL = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(?=[,\r\n]|\Z)')
_BREAK = re.compile(r"\r\n|\n|\r|\Z")
_QUOTED = re.compile(r'[",\r\n]')


class NotCsv(Exception):
    """Why a text is no CSV; *line* is where, counted from 1."""

    def __init__(self, line: int, why: str) -> None:
        self.line = line
        super().__init__(why)


def written(cells: Sequence[str | None]) -> bytes:
    """Return one line of *cells*, its end included."""
    return (",".join(map(_written, cells)) + "\r\n").encode()


def _written(cell: str | None) -> str:
    if cell is None:
        return ""
    return '"' + cell.replace('"', '""') + '"' if not cell or _QUOTED.search(cell) else cell


def read(text: str) -> Iterator[tuple[int, Cells]]:
    """Yield (the line where it begins, its cells) of all lines but blank ones. Raises NotCsv."""
    at, line = 0, 1
    while at < len(text):
        began, cells = line, Cells()
        while True:
            found = _CELL.match(text, at)
            if found is None:
                raise NotCsv(line, "a quote is not closed, or stands within a cell")
            quoted, plain = found.groups()
            cells.append(plain or None if quoted is None else quoted.replace('""', '"'))
            line += (quoted or "").count("\n")
            at = found.end()
            if not text.startswith(",", at):
                break
            at += 1
        if cells != [None]:
            yield began, cells
        end = _BREAK.match(text, at)
        assert end is not None  # a cell ends before a comma or a break
        at, line = end.end(), line + 1
