"""What is shown to come in, and how it is known again: only hashes of it are kept."""

import hmac
import secrets
from hashlib import sha256
from typing import NamedTuple

_MARK = "mk"
_ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Nothing that looks like something else: no 0 O, no 1 I L."""
CODE_LENGTH = 8
_NO_HASH = "0" * 64


class Secret(NamedTuple):
    """A new secret: *text* is for who shall have it, *hash* is what is kept."""

    id: str
    text: str
    hash: str


def new_id() -> str:
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(12))


def new_token(identifier: str | None = None) -> Secret:
    """Return a new token, with an id of its own: ``mk_<id>_<secret>``, 256 bits of chance."""
    identifier, secret = identifier or new_id(), secrets.token_urlsafe(32)
    return Secret(identifier, f"{_MARK}_{identifier}_{secret}", digest(secret))


def new_code() -> Secret:
    """Return a new code, short enough to type: 39 bits of chance, for minutes and few attempts."""
    text = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(CODE_LENGTH))
    return Secret(new_id(), text, digest(text))


def as_typed(code: str) -> str:
    """Return the code that somebody typed, with small letters, blanks or hyphens perhaps."""
    return "".join(code[:64].upper().replace("-", " ").split())


def digest(secret: str) -> str:
    """Return what is kept of a secret that has chance enough: its SHA-256."""
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()


def is_secret(secret: str, kept: str | None) -> bool:
    """Tell whether *kept* is the digest of *secret*; the work is the same where there is none."""
    same = hmac.compare_digest(digest(secret), kept or _NO_HASH)
    return same and kept is not None


def split_token(token: str | None) -> tuple[str, str]:
    """Return (id, secret) of *token*; of what is none, an id that nobody has."""
    mark, _, rest = (token or "").partition("_")
    identifier, _, secret = rest.partition("_")
    return (identifier, secret) if mark == _MARK else ("", secret)
