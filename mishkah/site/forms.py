"""The forms by which people and devices sign in and out on the first page, in two languages."""

from collections.abc import Iterable, Iterator
from html import escape

from mishkah.core.errors import Text
from mishkah.who import Who

_WORDS = {
    "user": Text("Name", "الاسم"),
    "password": Text("Password", "كلمة المرور"),
    "pin": Text("PIN", "الرقم السري"),
    "code": Text("Code", "الرمز"),
    "in": Text("Sign in", "دخول"),
    "out": Text("Sign out", "خروج"),
    "enrol": Text("Enrol this device", "سجّل هذا الجهاز"),
    "has-code": Text("Enrol this device with a code", "سجّل هذا الجهاز برمز"),
    "who": Text("Signed in as", "الدخول باسم"),
    "device": Text("Device", "الجهاز"),
    "offline": Text("The server can't be reached", "تعذّر الوصول إلى الخادم"),
    "wait": Text("Seconds to wait: ", "ثوانٍ للانتظار: "),
    "script": Text("Signing in needs JavaScript.", "يحتاج الدخول إلى JavaScript."),
}
_FIELDS = {
    "user": 'autocomplete="username" autocapitalize="none" spellcheck="false"',
    "password": 'type="password" autocomplete="current-password"',
    "pin": 'type="password" inputmode="numeric" autocomplete="off"',
    "code": 'autocomplete="one-time-code" autocapitalize="characters" spellcheck="false"',
}
"""What browsers and keyboards are told of each field."""


def sign_in(language: str) -> Iterator[str]:
    """Yield the forms for a person's password, and for the code of a new device."""
    words = _words(language)
    yield '<section class="signing">'
    yield from _form("login", ("user", "password"), "in", words)
    yield f"<noscript><p>{words['script']}</p></noscript>"
    yield f"<details><summary>{words['has-code']}</summary>"
    yield from _form("enrol", ("code",), "enrol", words)
    yield "</details>\n</section>"


def signed_in(who: Who, language: str) -> Iterator[str]:
    """Yield who *who* is, with a form to sign out; on a device that is nobody's, one for a PIN."""
    words = _words(language)
    names = [("device", who.device), ("who", who.user)]
    said = [f"{words[key]} <bdi>{escape(name)}</bdi>" for key, name in names if name]
    yield f'<section class="signing">\n<p>{" · ".join(said)}</p>'
    if who.device is None:
        yield from _form("logout", (), "out", words)
    elif who.user is None:
        yield from _form("pin", ("user", "pin"), "in", words)
    else:
        yield from _form("pin", (), "out", words, method="DELETE")
    yield "</section>"


def _form(
    name: str, fields: Iterable[str], button: str, words: dict[str, str], method: str = "POST"
) -> Iterator[str]:
    """Yield a form that `signing.mjs` sends to ``/api/v1/auth/NAME``. It has no GET: no secret
    gets into a URL, not even without the script."""
    yield (
        f'<form method="post" action="/api/v1/auth/{name}" data-method="{method}" '
        f'data-offline="{words["offline"]}" data-wait="{words["wait"]}">'
    )
    for field in fields:
        label = f"{name}-{field}"
        yield (
            f'<label for="{label}">{words[field]}</label>\n<input id="{label}" name="{field}" '
            f'required dir="auto" {_FIELDS[field]} aria-describedby="{name}-problem">'
        )
    yield f'<p id="{name}-problem" class="failed" role="alert" aria-live="assertive"></p>'
    yield f"<button>{words[button]}</button>\n</form>"


def _words(language: str) -> dict[str, str]:
    return {key: getattr(text, language) for key, text in _WORDS.items()}
