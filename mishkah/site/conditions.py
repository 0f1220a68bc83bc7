"""What a client has already, and which part it asks for (RFC 9110, 13 and 14). No I/O."""

import re
from email.utils import parsedate_to_datetime

from starlette.datastructures import Headers

_RANGE = re.compile(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """No byte of what is asked for exists."""


def has_it(headers: Headers, etag: str, modified: int | None = None) -> bool:
    """Tell whether a GET with *headers* is answered 304.

    *modified* is in seconds since 1970; If-None-Match, where there is one, decides alone.
    """
    if (tags := headers.get("if-none-match")) is not None:
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "*" in known or etag in known
    since = _seconds(headers.get("if-modified-since"))
    return since is not None and modified is not None and modified <= since


def part(headers: Headers, etag: str, modified: int, size: int) -> range | None:
    """Return which bytes of *size* are asked for, None for all of them.

    All of them where there is no single range that can be read, or where If-Range names another
    version. Raises Unsatisfiable.
    """
    found = _RANGE.fullmatch(headers.get("range", ""))
    if not found or not any(found.groups()):
        return None
    if (version := headers.get("if-range")) is not None:
        same = version == etag if '"' in version else _seconds(version) == modified
        if not same:
            return None
    first, last = found.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable
    return range(start, end)


def _seconds(date: str | None) -> int | None:
    try:
        return None if date is None else int(parsedate_to_datetime(date).timestamp())
    except (ValueError, OverflowError):
        return None
