"""Regular expressions as JSON Schema means them, by Python's own."""

import re

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
