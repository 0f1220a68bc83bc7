"""What a client would rather have, of languages and codings (RFC 9110, 12.4.2). No I/O."""

import re
from collections.abc import Iterator
from operator import itemgetter

_WEIGHED = re.compile(r"([^;]*)(?:;[ \t]*q=(\d(?:\.\d{0,3})?))?", re.ASCII | re.IGNORECASE)


def weights(header: str) -> Iterator[tuple[str, float]]:
    """Yield (name in lower case, weight) of each thing that *header* lists; others are left out."""
    for part in header.split(","):
        if found := _WEIGHED.fullmatch(part.strip()):
            yield found[1].strip().lower(), float(found[2] or 1)


def language(header: str) -> str:
    """Return "ar" or "en": which of the two a reader with this Accept-Language would rather have.

    Of what is liked alike, the first; whoever reads neither reads English.
    """
    listed = [(name.partition("-")[0], weight) for name, weight in weights(header)]
    known = [(name, weight) for name, weight in listed if name in ("ar", "en", "*") and weight]
    name, _ = max(known, key=itemgetter(1), default=("en", 1.0))
    return "ar" if name == "ar" else "en"


def takes_gzip(header: str) -> bool:
    """Tell whether gzip is welcome by an Accept-Encoding *header* (RFC 9110, 12.5.3)."""
    return any(name == "gzip" and weight > 0 for name, weight in weights(header))
