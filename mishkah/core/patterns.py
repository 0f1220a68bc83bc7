"""Regular expressions as JSON Schema means them, by Python's own."""

import re
from collections.abc import Mapping

_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
"""An escape, a class of characters, or the sign for the end."""


def compiled(pattern: str) -> re.Pattern[str]:
    r"""Return *pattern* ready to be searched for. Raises ValueError, saying what is wrong with it.

    As in ECMA-262, which JSON Schema names, ``$`` is the very end, where Python's is also before a
    last line break; and ``\d``, ``\w`` and ``\b`` know ASCII only.
    """
    strict = _PIECE.sub(lambda piece: r"\Z" if piece[0] == "$" else piece[0], pattern)
    try:
        return re.compile(strict, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"this is no regular expression: {error}") from error


def as_ecma(pattern: re.Pattern[str]) -> str:
    r"""Return *pattern* as a browser finds the same by it, with the flag ``u``.

    There, ``\s`` knows more blanks than ASCII's, ``.`` stops at more line ends than ``\n``, and
    what needs no backslash may have none.
    """
    return _PART.sub(_translated, pattern.pattern)


_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\.", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BLANKS = r" \t\n\r\f\v"
_ESCAPED = {"Z": "$", "A": "^", "s": f"[{_BLANKS}]", "S": f"[^{_BLANKS}]"}
_IN_CLASS = {"s": _BLANKS}
_SIGNS = r"^$\.*+?()[]{}|/"
"""What has a meaning there without a backslash."""


def _translated(part: re.Match[str]) -> str:
    if part[0] == ".":
        return r"[^\n]"
    if part[0][0] == "\\":
        return _unescaped(part[0], _ESCAPED, _SIGNS)
    head = re.match(r"\[\^?\]?", part[0])
    assert head is not None
    opened = head[0].replace("]", r"\]")  # the first one ends nothing in Python
    rest = part[0][head.end() :]
    return opened + _ESCAPE.sub(
        lambda one: _unescaped(one[0], _IN_CLASS, r"^$\.*+?()[]{}|/-"), rest
    )


def _unescaped(escape: str, known: Mapping[str, str], special: str) -> str:
    r"""Return what ``\x`` is there: as *known*, or bare where x is a sign and not *special*."""
    char = escape[1]
    return known.get(char) or (escape if char.isalnum() or char in special else char)
