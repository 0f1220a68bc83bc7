"""What passwords and PINs may be (NIST SP 800-63B, 5.1.1: length counts, composition doesn't)."""

import re
import unicodedata

from mishkah.core.errors import CONTROL, Detail, InvalidRow, Text, pointer

MIN_PASSWORD, MAX_PASSWORD = 8, 256
WORST = {
    "password", "password1", "password123", "passw0rd", "12345678", "123456789", "1234567890",
    "123123123", "87654321", "qwertyui", "qwerty123", "qwertyuiop", "1q2w3e4r", "1qaz2wsx",
    "abcd1234", "abc12345", "asdfghjk", "iloveyou", "sunshine", "princess", "football",
    "baseball", "superman", "trustno1", "letmein1", "welcome1", "admin123", "administrator",
    "changeme", "mishkah1", "mishkah123", "كلمةالسر", "كلمةالمرور",
}  # fmt: skip
"""What is tried first, and refused."""
_PIN = re.compile(r"[0-9]{4,8}", re.ASCII)
_RUNS = "01234567890", "09876543210"
MAX_NOTE = 64
_UNSEEN = re.compile(f"{CONTROL.pattern}|[\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Control characters, and those that break lines or turn the writing direction."""


def plain(password: str) -> str:
    """Return *password* in one form, whatever keyboard composed it (NFKC).

    What is longer than any password may be is cut, so that it costs no more than one.
    """
    return unicodedata.normalize("NFKC", password[: 4 * MAX_PASSWORD])


def digits(pin: str) -> str:
    """Return *pin* in ASCII digits: an Arabic keyboard has its own."""
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in pin[:MAX_NOTE])


def check_password(password: str, user: str) -> str:
    """Return the `plain` *password* if *user* may have it. Raises InvalidRow."""
    password = plain(password)
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise _invalid("password", _LENGTH)
    easy = password.casefold()
    if easy in WORST or easy == user or len(set(easy)) < 3:
        raise _invalid("password", _TOO_EASY)
    return password


def check_pin(pin: str) -> str:
    """Return the `digits` of *pin* if somebody may have it. Raises InvalidRow."""
    pin = digits(pin)
    if not _PIN.fullmatch(pin):
        raise _invalid("pin", _NO_PIN)
    if len(set(pin)) == 1 or any(pin in run for run in _RUNS):
        raise _invalid("pin", _EASY_PIN)
    return pin


def noted(text: str | None) -> str | None:
    """Return what somebody sent as the audit keeps it: one line, cut, nothing unseen."""
    return None if text is None else _UNSEEN.sub("", text[: 4 * MAX_NOTE])[:MAX_NOTE]


def _invalid(field: str, text: Text) -> InvalidRow:
    return InvalidRow(None, (Detail(pointer(field), field, text),))


_LENGTH = Text(
    f"A password has {MIN_PASSWORD}-{MAX_PASSWORD} characters",
    f"كلمة المرور من {MIN_PASSWORD} إلى {MAX_PASSWORD} حرفًا",
)
_TOO_EASY = Text(
    "This password is one of the first that anybody would try",
    "كلمة المرور هذه من أول ما يُجرَّب، اختر غيرها",
)
_NO_PIN = Text("A PIN has 4-8 digits", "الرقم السري من 4 إلى 8 أرقام")
_EASY_PIN = Text(
    "This PIN is one of the first that anybody would try",
    "هذا الرقم السري من أول ما يُجرَّب، اختر غيره",
)
